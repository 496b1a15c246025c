package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/treenode/treenode/transport/wire"
)

// WireError is what an *Error holds: the kind, the code, the message and what
// they are about.
type WireError = wire.Error

// Error is every error that this package returns, alone or inside of
// a *ConflictError. Its kind, code and message are those of the WireError: what
// the server said, or what the client says in the same terms where no server
// did. RequestID, for a mutation, is the id to retry it with by WithRequestID.
//
// It wraps the *WireError and, where there is one, the cause beneath: a broken
// connection, the end of the context.
type Error struct {
	*WireError // never nil
	// Status is the HTTP status of the last answer; 0 if there was none.
	Status int
	// Endpoint is the URL of the last endpoint asked; empty if none was.
	Endpoint string
	// Attempts counts the requests sent.
	Attempts int

	cause error
}

// Error implements error.
func (e *Error) Error() string {
	var s strings.Builder
	s.WriteString("treenode: ")
	s.WriteString(e.WireError.Error())
	if e.cause != nil {
		fmt.Fprintf(&s, ": %v", e.cause)
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&s, " (after %d attempts, the last at %s)", e.Attempts, e.Endpoint)
	}
	return s.String()
}

// Unwrap returns the *WireError and the cause, if there is one.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.WireError}
	}
	return []error{e.WireError, e.cause}
}

// IsRejected reports whether the request was refused for good.
func (e *Error) IsRejected() bool { return e.Kind == wire.Rejected }

// IsNotApplied reports whether the request certainly did not happen, though it
// might if tried again.
func (e *Error) IsNotApplied() bool { return e.Kind == wire.NotApplied }

// IsUnknown reports whether the request may have happened or not.
func (e *Error) IsUnknown() bool { return e.Kind == wire.Unknown }

// IsInternal reports whether a node has a bug or is damaged.
func (e *Error) IsInternal() bool { return e.Kind == wire.Internal }

// IsRejected reports whether err is an *Error of kind rejected.
func IsRejected(err error) bool { return KindOf(err) == wire.Rejected }

// IsNotApplied reports whether err is an *Error of kind not applied.
func IsNotApplied(err error) bool { return KindOf(err) == wire.NotApplied }

// IsUnknown reports whether err is an *Error of kind unknown.
func IsUnknown(err error) bool { return KindOf(err) == wire.Unknown }

// IsInternal reports whether err is an *Error of kind internal.
func IsInternal(err error) bool { return KindOf(err) == wire.Internal }

// KindOf returns the kind of the *Error in err; empty if there is none.
func KindOf(err error) wire.Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// CodeOf returns the code of the *Error in err; empty if there is none.
func CodeOf(err error) wire.Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// refuse is a refusal that the client makes itself, before anything is sent.
func refuse(code wire.Code, field, format string, args ...any) *Error {
	return &Error{WireError: &wire.Error{
		Kind: wire.KindOf(code), Code: code, Field: field, Message: fmt.Sprintf(format, args...),
	}}
}

// about names the provider that the refusal is about.
func (e *Error) about(provider string) *Error {
	e.Provider = provider
	return e
}
