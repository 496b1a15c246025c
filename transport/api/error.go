package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// reject makes an error of this package: the kind follows from the code.
func reject(code wire.Code, field, format string, args ...any) *wire.Error {
	return &wire.Error{Kind: wire.KindOf(code), Code: code, Message: fmt.Sprintf(format, args...), Field: field}
}

// wireError is what a caller is told of an error. Errors that are none of the
// house's own are bugs: their text stays here, it may hold anything.
func wireError(err error) *wire.Error {
	var told *wire.Error
	var refusal *tree.Error
	var failure *cluster.Error
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &refusal):
		return fromTree(refusal)
	case errors.As(err, &failure):
		return fromCluster(failure)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// Mutations never end here: Propose says what became of them.
		return reject(wire.CodeDeadline, "", "the request ran out of time")
	}
	return reject(wire.CodeInternal, "", "internal error")
}

func fromTree(e *tree.Error) *wire.Error {
	code := wire.Code(e.Code.String())
	if !wire.Known(code) {
		code = wire.CodeInternal
	}
	told := reject(code, e.Field, "%s", e.Message)
	told.Provider, told.Consumer = e.Provider, e.Consumer
	if e.Op >= 0 {
		told.Op = &e.Op
	}
	for _, c := range e.Conflicts {
		conflict := wire.Conflict{Precondition: c.Precondition, Provider: c.Provider, Consumer: c.Consumer}
		if !c.Structural {
			conflict.Want = &c.Want
		}
		if !c.Structural && !c.Missing {
			conflict.Have = &c.Have
		}
		told.Conflicts = append(told.Conflicts, conflict)
	}
	return told
}

func fromCluster(e *cluster.Error) *wire.Error {
	code := wire.Code(e.Code)
	if !wire.Known(code) {
		code = wire.CodeInternal
	}
	message := e.Message
	if e.Err != nil {
		message = fmt.Sprintf("%s: %v", message, e.Err)
	}
	return reject(code, "", "%s", message)
}
