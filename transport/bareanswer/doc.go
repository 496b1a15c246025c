// Package bareanswer lets a handler answer what net/http refuses by itself:
// a request whose only fault is its Content-Length gets a bare "400 Bad
// Request" before any handler runs, where the API promises an answer of its
// own.
//
// Guarantees: the bytes that net/http reads are never changed, so it decides
// alone where a request ends, and the connection is closed after the answer as
// it would be without this package. The handler sees the request without a
// body, with a ContentLength of -1 and, in its headers, the Content-Length as
// it was sent (several as one list), which is never a number; it must do no
// more than refuse it.
//
// Known limits: a request that was sent before the answer to the one before
// (pipelined), or one with a head above a limit, keeps the bare answer, as do
// requests with any other fault.
package bareanswer
