// Package auth tells who sends a request. Both APIs ask an Authenticator before
// they look at anything else; what the identity may do is package policy's.
//
// Guarantees: identities come from what the request proves, and only NoAuth
// believes what headers say of user and roles. An error never holds a part of the
// credentials, and says whether the sender has to prove who it is (401) or to
// come back later (429, 503).
package auth
