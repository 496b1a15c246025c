package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan makes the manual pages that packages install. The pages carry the date
// that SOURCE_DATE_EPOCH says, so that a build can be repeated byte by byte.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "Write the manual pages into a directory",
		Long:    "Write a manual page for each command into a directory that exists: treenode.1, treenode-serve.1 and so on.",
		Example: "  treenode man /usr/local/share/man/man1",
		Args:    cobra.ExactArgs(1),
		Hidden:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
				return usage("%s is not a directory", args[0])
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Title: "TREENODE", Section: "1", Source: "treenode " + version, Manual: "treenode manual"}
			if os.Getenv("SOURCE_DATE_EPOCH") == "" {
				today := time.Now()
				header.Date = &today
			}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("manual pages: %w", err)
			}
			return nil
		},
	}
}
