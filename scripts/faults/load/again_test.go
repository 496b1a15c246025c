package load

import (
	"context"
	"testing"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/scripts/faults/check"
	"github.com/treenode/treenode/transport/wire"
)

func TestUnlike(t *testing.T) {
	answer := func(code wire.Code, kind wire.Kind) error {
		return &client.Error{WireError: &wire.Error{Kind: kind, Code: code}}
	}
	done := check.Op{Outcome: check.OK, Index: 7, Revision: 5, Told: []check.Told{{Number: 1, Generation: 2}}}
	refused := check.Op{Outcome: check.Rejected, Code: "conflict"}
	replayed, fresh, later, told := done, done, done, done
	replayed.Replayed, later.Replayed, told.Replayed = true, true, true
	later.Index, later.Revision = 9, 6
	told.Told = []check.Told{{Number: 1, Generation: 3}}
	for _, c := range []struct {
		name  string
		first check.Op
		again check.Op
		err   error
		want  string
	}{
		{"the same answer", done, replayed, nil, ""},
		{"done now", done, fresh, nil, "is told as done just now"},
		{"done twice", done, later, nil, "shows another change"},
		{"another generation", done, told, nil, "shows another change"},
		{"refused now", done, check.Op{}, answer("conflict", wire.Rejected), "is answered otherwise"},
		{"done now, refused first", refused, replayed, nil, "is answered otherwise"},
		{"refused as before", refused, check.Op{}, answer("conflict", wire.Rejected), ""},
		{"refused for something else", refused, check.Op{}, answer("capacity_exceeded", wire.Rejected), "is answered otherwise"},
		{"not known", done, check.Op{}, answer("no_leader", wire.NotApplied), ""},
		{"no answer", done, check.Op{}, context.DeadlineExceeded, ""},
	} {
		if got := unlike(&c.first, &c.again, c.err); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
