package logstore

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrClosed is returned by every call after Close.
	ErrClosed = errors.New("log store is closed")
	// ErrLocked is the cause inside an *OpenError when another process, or
	// another Store of this one, has the file open.
	ErrLocked = errors.New("the file is in use by another process")
)

// OpenError is a file that could not be opened or created. The file is
// unchanged.
type OpenError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *OpenError) Error() string { return fmt.Sprintf("open log store %s: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Err }

// CorruptError is damage found on disk: something was written and something
// else, or nothing, came back.
type CorruptError struct {
	Path string
	// Index is the damaged entry. 0 when the damage is elsewhere.
	Index uint64
	// Key is the damaged stable value. Empty when the damage is elsewhere.
	Key string
	// Reason says what does not match.
	Reason string
	// Err is the cause, if there is one.
	Err error
}

// Error implements error.
func (e *CorruptError) Error() string {
	where := "structure"
	switch {
	case e.Index != 0:
		where = fmt.Sprintf("entry %d", e.Index)
	case e.Key != "":
		where = fmt.Sprintf("stable value %q", e.Key)
	}
	s := fmt.Sprintf("log store %s is corrupt: %s: %s", e.Path, where, e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// StallError is a call that has been in flight for too long. The call itself
// may still come back.
type StallError struct {
	Path string
	Op   Op
	// After is how long the call had been in flight when it was reported.
	After time.Duration
}

// Error implements error.
func (e *StallError) Error() string {
	return fmt.Sprintf("log store %s: %s has been in flight for %v", e.Path, e.Op, e.After.Round(time.Millisecond))
}

// WriteError is the failed write that poisoned the store. Whether the write is
// on disk is unknown.
type WriteError struct {
	Path string
	Op   Op
	Err  error
}

// Error implements error.
func (e *WriteError) Error() string {
	return fmt.Sprintf("log store %s: %s failed, no more writes: %v", e.Path, e.Op, e.Err)
}

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Err }

// OrderError is a write that would leave a gap in the log. It is a bug of the
// caller; nothing was written and the store goes on.
type OrderError struct {
	Path   string
	Op     Op
	Reason string
}

// Error implements error.
func (e *OrderError) Error() string {
	return fmt.Sprintf("log store %s: %s refused: %s", e.Path, e.Op, e.Reason)
}

// KeyError is a stable key that the store does not take. Nothing was written
// and the store goes on.
type KeyError struct {
	Path   string
	Reason string
}

// Error implements error.
func (e *KeyError) Error() string {
	return fmt.Sprintf("log store %s: stable key refused: %s", e.Path, e.Reason)
}
