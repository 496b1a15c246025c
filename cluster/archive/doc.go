// Package archive is the form of a backup: one state of a cluster in a file or a
// stream, with what is needed to tell whether it is whole.
//
// # Form
//
// The magic and the format version, a byte. The header: its length, four bytes,
// and JSON. The snapshot as package fsm writes it, in pieces: the length of each,
// four bytes, and the piece; the length 0 ends them. The footer: its length, four
// bytes, and JSON. Last the SHA-256 of every byte before it. Numbers are
// big-endian. A format version is never changed: what an older program could not
// read gets a new one, but for fields of header and footer that it may leave out
// of account.
//
// # Guarantees
//
//   - An archive that was cut off anywhere, or of which a byte is not what was
//     written, is never taken for whole: Verify and Read say so.
//   - What follows the end is an error, so that two archives in one file, or the
//     remains of a longer one, are seen.
//   - Read also checks the state: every invariant of it, and that its digest, index
//     and counts are those that header and footer say.
//   - Reading allocates no more than what is there, whatever lengths it says.
//
// # Known limits
//
// The sums show damage, not malice: an archive is not signed, and not encrypted.
// Who may write to where archives are kept can put another state there.
package archive
