// Package atrest seals what a node keeps on disk, with keys that never are on
// that disk themselves.
//
// It knows nothing of logs and snapshots. A Key seals records (Key.Seal) and
// streams (NewWriter); a Keys is a set of them, of which at most one is active;
// a Ring is the set of a running process, which can be replaced while it runs.
//
// # Guarantees
//
//   - Everything sealed names the key that opens it, by a fingerprint. A key that
//     is not there is a *MissingKeyError that names it, never mistaken for damage.
//     Another key under the same name has another fingerprint: it is missing too.
//   - What was sealed opens only as the same bytes, for the same context, in the
//     same order, up to its end. Anything else is an error that is ErrForged.
//   - Keys do not reach an error, a log or a formatted value.
//   - A Ring refuses a set that lacks a key in use, and goes on with what it has.
//
// # Constructions
//
// Every key is 32 random bytes. It is used for nothing but to derive others from
// it, with HKDF-SHA256 (RFC 5869) and a label for each purpose.
//
// A record is sealed with XAES-256-GCM (C2SP, c2sp.org/XAES-256-GCM): AES-256-GCM
// with a key derived for each message from half of a random nonce of 24 bytes.
// Plain AES-256-GCM with random nonces of 12 bytes wears a key out after 2^32
// messages (NIST SP 800-38D, section 8.3), which a busy log writes in days; here
// it is 2^80, and no counter has to outlive a power cut.
//
// A stream is sealed in chunks of 64 KiB with STREAM (Hoang, Reyhanitabar, Rogaway
// and Vizár: Online Authenticated-Encryption and its Nonce-Reuse
// Misuse-Resistance, CRYPTO 2015, section 7), as age and Tink do: a key for this
// stream alone, derived from a random salt of 32 bytes, and as the nonce of a
// chunk its number (11 bytes) and whether it is the last (1 byte). A chunk that
// was moved, doubled or left out has the wrong number, and what ends with
// another than the last was cut off. The key's derivation takes in the header and
// the context, so neither can be exchanged.
//
// # Known limits
//
// Whoever can write to the disk can put an older file, or a plain one, in the
// place of a sealed one. Sealing hides contents from whoever gets the disk, and
// shows exchanged bytes; it is no proof that a file is the newest. Sizes and
// times are not hidden. Keys stay in the memory of the process.
package atrest
