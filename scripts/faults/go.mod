module github.com/treenode/treenode/scripts/faults

go 1.26.0

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/treenode/treenode v0.0.0-00010101000000-000000000000
	golang.org/x/sys v0.49.0
)

require github.com/google/uuid v1.6.0 // indirect

replace github.com/treenode/treenode => ../..
