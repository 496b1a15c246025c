// Package wire holds the JSON shapes and error codes of the native API: the
// one vocabulary that package transport/api writes and package client reads.
// It imports nothing but the standard library, so that importing the client
// pulls in no server.
//
// Guarantees: field names and error codes never change their meaning; new
// fields may appear in answers, and a reader ignores those it does not know;
// in requests an unknown field is an error.
package wire
