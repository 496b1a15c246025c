package schema

import (
	"strings"

	"github.com/treenode/treenode/fsm/tree"
)

// UUID reads a UUID in any form that clients write: dashes anywhere or
// nowhere, either case, in braces, as a URN.
func UUID(text string) (tree.UUID, bool) {
	if u, ok := tree.ParseUUID(text); ok {
		return u, true
	}
	const longest = 100
	if len(text) > longest {
		return tree.UUID{}, false
	}
	text = strings.NewReplacer("urn:", "", "uuid:", "").Replace(text)
	return tree.ParseUUID(strings.ReplaceAll(strings.Trim(text, "{}"), "-", ""))
}
