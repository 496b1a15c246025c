// Command treenode is the store's one binary: the server, the agent that
// publishes a host, and the tools that look at and change the tree.
package main

import (
	"os"

	"github.com/treenode/treenode/cmd/treenode/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
