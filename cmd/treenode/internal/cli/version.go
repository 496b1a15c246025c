package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/fsm"
)

// version and revision are set by the release build (-ldflags -X). Other builds
// have their revision from the go command, where it stamps one.
var (
	version  = "0.1.0-dev"
	revision = ""
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, and which log entries it reads",
		Example: "  treenode version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "treenode %s (revision %s, %s %s/%s)\nlog entries up to level %d\n",
				version, builtFrom(), runtime.Version(), runtime.GOOS, runtime.GOARCH, fsm.Level)
			return err
		},
	}
}

// builtFrom is the commit that the program was built from.
func builtFrom() string {
	if revision != "" {
		return revision
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
