// Package statictoken proves identities by tokens of a file: for deployments
// without Keystone, and for programs that watch a node.
//
// Guarantees: the file holds hashes of tokens (argon2id), never tokens, and only
// its owner may use it. A token is tn_ID_SECRET; the id, which is no secret, finds
// the entry, so that a token costs one hash, and none while it is among those
// that were verified, which are remembered as digests under a key of this process.
// How many hashes are made at once is bounded, as is what waits for them. Changes
// of the file count within a second; a file that can't be read any more leaves
// the entries as they were, and the log says so.
package statictoken
