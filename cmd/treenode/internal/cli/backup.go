package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cluster/archive"
)

// standardStream stands for standard input or output where a file is named.
const standardStream = "-"

// archived is what became of a backup.
type archived struct {
	File string `json:"file"`
	archive.Content
}

func newBackup() *cobra.Command {
	var force bool
	cmd := clientFlags(&cobra.Command{
		Use:   "backup FILE",
		Short: "Write an archive of the whole state",
		Long: "Write the state at one index to a file, from any node and while writes go on. By default the archive has all\n" +
			"that was acknowledged before the command began. With --consistency stale a node that has no leader gives what\n" +
			"it has.\n\n" +
			"The sums of the archive are checked while it comes. The file is there only once it is whole and on disk, with\n" +
			"mode 0600; one that exists is left alone without --force. With - it goes to standard output, and what it holds\n" +
			"is said on standard error; if the command fails, what it wrote is not whole.\n\n" +
			"An archive is not encrypted: pipe it through age or gpg before it leaves the machine. \"treenode inspect\" checks\n" +
			"an archive thoroughly, \"treenode restore\" makes a new cluster of it.",
		Example: "  treenode backup /var/backups/monday.archive\n" +
			"  treenode backup monday.archive --force -o json\n" +
			"  treenode backup - | age -r age1... > monday.archive.age\n" +
			"  treenode backup --consistency stale --endpoint 10.0.0.2:8778 rescue.archive",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := connect(cmd)
			if err != nil {
				return err
			}
			defer s.Close()
			if args[0] == standardStream {
				return s.backupToStream(cmd.Context())
			}
			return s.backupToFile(cmd.Context(), args[0], force)
		},
	})
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that exists")
	return cmd
}

func (s *session) backupToStream(ctx context.Context) error {
	out := s.cmd.OutOrStdout()
	if terminal(out) {
		return usage("an archive is not for a terminal: name a file, or pipe it on")
	}
	c, err := s.receive(ctx, out)
	if err != nil {
		return err
	}
	s.cmd.SetOut(s.cmd.ErrOrStderr())
	return s.showArchive(archived{standardStream, c})
}

// backupToFile has the file there when the archive is whole and on disk, or not
// at all.
func (s *session) backupToFile(ctx context.Context, path string, force bool) (err error) {
	if err := mayWrite(path, force); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".unfinished-*") // with mode 0600
	if err != nil {
		return usage("%w", err)
	}
	defer func() {
		if f != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	c, err := s.receive(ctx, f)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := mayWrite(path, force); err != nil { // somebody may have been faster
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	closed := f.Close()
	f = nil
	if err := errors.Join(closed, syncDirectory(filepath.Dir(path))); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return s.showArchive(archived{path, c})
}

// mayWrite refuses to replace a file unless told to.
func mayWrite(path string, force bool) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usage("%w", err)
	case info.Mode().IsRegular() && force:
		return nil
	case info.Mode().IsRegular():
		return usage("%s exists: choose another name, or say --force to replace it", path)
	}
	return usage("%s is not a regular file", path)
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// receive writes an archive, and checks its sums as it comes.
func (s *session) receive(ctx context.Context, to io.Writer) (archive.Content, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var bytes atomic.Int64
	quiet := progressOf(s.cmd.ErrOrStderr(), func() string { return "receiving: " + sizeText(bytes.Load()) })
	defer quiet()
	from, into := io.Pipe()
	received := make(chan error, 1)
	go func() {
		err := s.Backup(ctx, into)
		_ = into.CloseWithError(err) // never fails
		received <- err
	}()
	kept := &keeper{to: to, bytes: &bytes}
	c, err := archive.Verify(io.TeeReader(from, kept))
	_ = from.CloseWithError(errors.New("no more is wanted")) // never fails
	failed := <-received
	var refused *client.Error
	switch {
	case kept.err != nil:
		return c, fmt.Errorf("writing the archive: %w", kept.err)
	case errors.As(failed, &refused) && errors.Is(err, failed):
		return c, s.explain(failed)
	case errors.Is(err, archive.ErrDamaged), errors.Is(err, archive.ErrVersion):
		return c, fmt.Errorf("what the node sent: %w", err)
	}
	return c, err
}

// keeper counts what it writes, and keeps why it could not.
type keeper struct {
	to    io.Writer
	bytes *atomic.Int64
	err   error
}

// Write implements io.Writer.
func (k *keeper) Write(b []byte) (int, error) {
	n, err := k.to.Write(b)
	k.bytes.Add(int64(n))
	if err != nil {
		k.err = err
	}
	return n, err
}

func (s *session) showArchive(a archived) error {
	return s.show(a, func(out io.Writer) error { return printPairs(out, a.pairs()) })
}

func (a archived) pairs() [][]string {
	return [][]string{
		{"archive", a.File},
		{"size", fmt.Sprintf("%s (%d bytes), sums fit", sizeText(a.Bytes), a.Bytes)},
		{"cluster", dash(a.ClusterID)},
		{"taken", fmt.Sprintf("%s by node %s, %s", a.Time.Format("2006-01-02T15:04:05Z07:00"), dash(a.NodeID), dash(a.Consistency))},
		{"state", fmt.Sprintf("index %d, term %d, revision %d", a.Index, a.Term, a.Revision)},
		{"", "digest " + a.Digest},
		{"", fmt.Sprintf("%d providers, %d consumers", a.Providers, a.Consumers)},
	}
}

// sizeText is a size for people.
func sizeText(bytes int64) string {
	const kib = 1 << 10
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if bytes < kib {
		return fmt.Sprintf("%d bytes", bytes)
	}
	size, unit := float64(bytes)/kib, 0
	for size >= kib && unit < len(units)-1 {
		size, unit = size/kib, unit+1
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}
