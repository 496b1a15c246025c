package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/migrate"
	"github.com/treenode/treenode/transport/wire"
)

func newExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write everything that the cluster holds to a file of JSON lines",
		Long: "Write everything that the cluster holds, as it is at one index, to FILE or to standard output: a JSON object a\n" +
			"line, parents before children, with counts and a SHA-256 at the end. \"treenode import --file\" reads it. A FILE\n" +
			"that exists is replaced once the new one is whole.\n\n" +
			"The cluster is read in pages. If somebody writes meanwhile, it is read again, and in the end given up with exit\n" +
			"code 4.",
		Example: "  treenode export cluster.jsonl\n  treenode export - | zstd > cluster.jsonl.zst",
		Args:    cobra.MaximumNArgs(1),
		RunE:    exportTo,
	}
	return clientFlags(cmd)
}

func exportTo(cmd *cobra.Command, args []string) error {
	s, err := connect(cmd)
	if err != nil {
		return err
	}
	defer s.Close()
	var doing atomic.Pointer[string]
	says := func(what string) { doing.Store(&what) }
	says("reading the cluster")
	s.quiet = progressOf(cmd.ErrOrStderr(), func() string { return *doing.Load() })
	defer s.quiet()
	c, _, at, err := migrate.ReadCluster(client.WithConsistency(cmd.Context(), wire.Linearizable), s.Client, says)
	var moved *migrate.MovedError
	if errors.As(err, &moved) {
		return &codeError{exitNotApplied, err}
	}
	if err != nil {
		return s.explain(err)
	}
	s.quiet()
	if len(args) == 0 || args[0] == "-" {
		return migrate.WriteStream(cmd.OutOrStdout(), c, at)
	}
	write := func(to io.Writer) error { return migrate.WriteStream(to, c, at) }
	if there, err := os.Stat(args[0]); err == nil && !there.Mode().IsRegular() { // a pipe or a device
		f, err := os.OpenFile(args[0], os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	return replaceFile(args[0], write)
}

// replaceFile writes a file beside the one named, on disk before it takes its
// name. Only its owner may read it.
func replaceFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()           // it failed before
			_ = os.Remove(f.Name()) // the error says more
		}
	}()
	if err = write(f); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
