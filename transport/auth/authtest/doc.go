// Package authtest is for tests: a Keystone in memory that gives tokens, looks
// into them, expires and revokes them, as far as a service that validates tokens
// can tell it from the real one.
package authtest
