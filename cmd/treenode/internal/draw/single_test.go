package draw_test

import (
	"strings"
	"testing"

	"github.com/treenode/treenode/cmd/treenode/internal/draw"
	"github.com/treenode/treenode/transport/wire"
)

// An only child is a last child.
func TestOnlyChildEndsItsBranch(t *testing.T) {
	var b strings.Builder
	err := draw.Tree(&b, []wire.Provider{{UUID: "1", Name: "host"}, {UUID: "2", Name: "disk", Parent: "1"}}, draw.Options{})
	if want := "host\n└── disk\n"; err != nil || b.String() != want {
		t.Errorf("drawn as\n%s(%v), want\n%s", b.String(), err, want)
	}
}
