// Package logstore keeps a Raft node's log and its stable values (term and
// vote) on disk. It wraps raft-wal or raft-boltdb with what a consensus log
// needs beside storage: it notices damage, it notices a disk that hangs, and it
// stops writing for good once a write has failed.
//
// # Which engine
//
// EngineWAL appends to segment files: one write and one flush a batch, where
// EngineBolt writes and flushes the pages of a tree in place. It is twice as
// fast for one writer (see docs/performance.md), and deleting old entries
// removes files instead of leaving free pages. What it lacks by itself is added
// here: the list of segments has a checksum (walmeta.go), and entries that were
// acknowledged are told from a batch that a power cut left unfinished
// (waltail.go). New nodes use it. EngineBolt stays for directories that have
// one, and passes the same tests.
//
// # Guarantees
//
//   - A write is acknowledged after it was fsynced, never before. There is no
//     option to turn that off.
//
//   - Every entry carries a CRC32C over its index, term, type, time, extensions
//     and data; every stable value one over its key and value. Each read
//     verifies it. A mismatch, an entry at the wrong index, a hole in the log and
//     a stable value that was written once and is gone are a *CorruptError.
//     Nothing is repaired or cut off: the node's directory has to be set aside.
//
//   - Open walks the database file's structure first, so that a damaged page is
//     a *CorruptError and not a crash inside the database library. It also
//     refuses a file of which one of the two meta pages is damaged: the library
//     would silently fall back to the older one and lose the last
//     acknowledged write, which may be a vote.
//
//   - After a failed or stalled write the store is poisoned. Every later write
//     fails with that first error and does not reach the disk: what the kernel
//     kept of a failed fsync is unknown, and a second one may wrongly succeed.
//     Reads go on.
//
//   - The log has no gaps. StoreLogs takes the index after the last one only,
//     DeleteRange removes at an end only. IsMonotonic tells Raft so.
//
//   - A call in flight for longer than Options.StallTimeout is reported while
//     it still hangs; an Open may take twelve times as long.
//
//   - After a failed flush, DropCache before the next Open has the log read from
//     the disk and not from pages that only look written.
//
//   - With Options.Keys an entry's data and extensions are encrypted, bound to their
//     index, term, type and time. Checksums are of what is on disk, and are verified
//     first: a key that is missing is an *atrest.MissingKeyError, from Open already,
//     and never a *CorruptError. The store knows which keys its entries need without
//     reading them (usage.go).
//
// # Telling the owner
//
// Options.OnFailure is called with the first *StallError, the first
// *WriteError and the first *CorruptError: at most three calls in the life of
// a Store. It runs before the failed call returns, because hashicorp/raft
// panics when a log read fails. So this is where to close the network and to
// leave a mark for the next start. It must neither call the Store nor wait
// for Raft; it may stay for ever (the process ends from there).
//
// # Known limits
//
//   - A hanging system call can't be taken back: the watchdog reports, the
//     caller stays blocked, Close waits behind it.
//   - The watchdog counts time that the process was stopped (SIGSTOP, a paused
//     machine), and may report a stall that is none.
//   - Reads come through the page cache. Scrub finds damage on the medium only
//     for pages that are not cached.
//   - A raft.LogCache in front of the store hands out entries that were not
//     read back, hence not verified.
//   - After a power cut that took the end mark along (walend.go), damage to the
//     last batch of a log of segments looks like a batch that was never finished,
//     and a last segment that is missing like one that was never made, if its
//     entries came after the last vote, clean stop or compaction. Both are then
//     forgotten without an error.
//   - CRC32C finds accidents, it is no protection from a forger. A whole file
//     that was replaced by an older copy of itself passes every check.
//   - A power cut while the file is being created can leave a file that Open
//     refuses as damaged. Nothing was acknowledged from it; remove it.
//   - The library checks its pages again at open, in a goroutine of its own. The
//     walk before it finds all the damage that our tests could make, but a panic
//     there would end the process.
//   - A file that was too damaged to open may stay locked until the process ends.
//   - Empty data and extensions are read back as nil, AppendedAt as UTC.
package logstore
