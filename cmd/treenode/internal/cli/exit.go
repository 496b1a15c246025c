package cli

import (
	"errors"
	"fmt"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

// Exit codes. They follow the four kinds of error, so that a script can tell
// what may be tried again.
const (
	exitOK         = 0
	exitFailure    = 1  // anything without a code of its own
	exitUsage      = 2  // the command line or a file it names is wrong
	exitRejected   = 3  // the cluster refused the request
	exitNotApplied = 4  // it certainly did not happen; try again
	exitUnknown    = 5  // it may have happened; try again with the same request id
	exitInternal   = 70 // a bug or corruption (EX_SOFTWARE)
)

// codeError gives an error an exit code.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &codeError{exitUsage, fmt.Errorf(format, args...)}
}

// exitCode says how the process ends for an error.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	var coded *codeError
	if errors.As(err, &coded) {
		return coded.code
	}
	var failed *client.Error
	if errors.As(err, &failed) {
		switch failed.Kind {
		case wire.Rejected:
			return exitRejected
		case wire.NotApplied:
			return exitNotApplied
		case wire.Unknown:
			return exitUnknown
		case wire.Internal:
			return exitInternal
		}
	}
	return exitFailure
}
