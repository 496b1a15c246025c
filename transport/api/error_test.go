package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

func checkTold(t *testing.T, told *wire.Error, code string) {
	t.Helper()
	if string(told.Code) != code || !wire.Known(told.Code) || told.Kind != wire.KindOf(told.Code) || told.Message == "" {
		t.Errorf("code %s is told as %+v", code, told)
	}
}

func TestEveryTreeCode(t *testing.T) {
	seen := 0
	for _, code := range tree.Codes() {
		if code == tree.CodeFault { // tests only; see below
			continue
		}
		seen++
		checkTold(t, wireError(&tree.Error{Code: code, Message: "m", Op: -1}), code.String())
	}
	if seen < 20 {
		t.Errorf("only %d codes seen", seen)
	}
	checkTold(t, wireError(&tree.Error{Code: 9999, Message: "m"}), "internal")
}

func TestEveryClusterCode(t *testing.T) {
	if len(cluster.Codes()) < 10 {
		t.Errorf("only %d codes", len(cluster.Codes()))
	}
	for _, code := range cluster.Codes() {
		checkTold(t, wireError(&cluster.Error{Code: code, Message: "m"}), string(code))
	}
	checkTold(t, wireError(&cluster.Error{Code: "new", Message: "m"}), "internal")
}

// Every code that a caller can meet comes from somewhere: a code that nothing
// gives is one that no caller can handle.
func TestEveryWireCodeHasASource(t *testing.T) {
	here := []wire.Code{
		wire.CodeInvalid, wire.CodeMalformed, wire.CodeTooLarge, wire.CodeNotFound, wire.CodeMethodNotAllowed,
		wire.CodeUnsupportedMedia, wire.CodeDeadline, wire.CodeInternal,
		wire.CodeUnauthenticated, wire.CodeForbidden, wire.CodeRateLimited, wire.CodeAuthUnavailable,
		// Creating a trait that exists changes nothing; the Placement API's own.
		wire.CodeTraitExists,
	}
	for _, code := range wire.Codes() {
		ok := slices.Contains(here, code) || slices.Contains(cluster.Codes(), cluster.Code(code)) ||
			slices.ContainsFunc(tree.Codes(), func(c tree.Code) bool { return c.String() == string(code) })
		if !ok {
			t.Errorf("nothing gives %s", code)
		}
	}
}

func TestTreeErrorKeepsAll(t *testing.T) {
	told := wireError(fmt.Errorf("wrapped: %w", &tree.Error{
		Code: tree.CodeConflict, Message: "m", Op: 3, Field: "f", Provider: "p", Consumer: "c",
		Conflicts: []tree.Conflict{
			{Precondition: 1, Provider: "a", Want: 2, Have: 3},
			{Precondition: 2, Consumer: "b", Want: 2, Missing: true},
			{Precondition: 4, Provider: "c", Structural: true},
		},
	}))
	if told.Message != "m" || told.Op == nil || *told.Op != 3 || told.Field != "f" || told.Provider != "p" || told.Consumer != "c" || len(told.Conflicts) != 3 {
		t.Fatalf("told %+v", told)
	}
	if c := told.Conflicts[0]; c.Precondition != 1 || c.Provider != "a" || c.Want == nil || *c.Want != 2 || c.Have == nil || *c.Have != 3 {
		t.Errorf("a number that differs: %+v", c)
	}
	if c := told.Conflicts[1]; c.Consumer != "b" || c.Want == nil || c.Have != nil {
		t.Errorf("one that is missing: %+v", c)
	}
	if c := told.Conflicts[2]; c.Want != nil || c.Have != nil {
		t.Errorf("a structural one: %+v", c)
	}
}

func TestOtherErrors(t *testing.T) {
	checkTold(t, wireError(fmt.Errorf("waiting: %w", context.DeadlineExceeded)), "deadline")
	checkTold(t, wireError(context.Canceled), "deadline")
	told := wireError(errors.New("secret of the house"))
	checkTold(t, told, "internal")
	if strings.Contains(told.Message, "secret") {
		t.Errorf("the message tells %q", told.Message)
	}
	if told := wireError(&cluster.Error{Code: cluster.CodeBusy, Message: "queue full", Err: errors.New("why")}); told.Message != "queue full: why" {
		t.Errorf("the cause is lost: %q", told.Message)
	}
}
