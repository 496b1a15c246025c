module github.com/treenode/treenode/scripts/faults

go 1.26.0

require github.com/anishathalye/porcupine v1.3.1

replace github.com/treenode/treenode => ../..
