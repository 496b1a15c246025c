package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/archive"
	"github.com/treenode/treenode/fsm"
)

// inspectedArchive is an archive, and the state in it.
type inspectedArchive struct {
	archived
	State *cluster.DirectoryState `json:"state"`
}

// isFile reports whether a path, or what it leads to, is a file: an archive to
// inspect, since nodes keep their data in directories.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// inspectArchive reads all of an archive and checks the state in it.
func (s *session) inspectArchive(path string) error {
	c, v, err := s.readArchive(path)
	if err != nil {
		return err
	}
	a := inspectedArchive{archived{path, c}, cluster.StateOf(v)}
	return s.show(a, func(out io.Writer) error {
		st := a.State
		return printPairs(out, append(a.pairs()[:6],
			[]string{"", fmt.Sprintf("%d providers (%d roots), %d inventories, %d devices", st.Providers, st.Roots, st.Inventories, st.Devices)},
			[]string{"", fmt.Sprintf("%d consumers, %d allocations, %d resource classes, %d traits", st.Consumers, st.Allocations, st.ResourceClasses, st.Traits)},
			[]string{"", "every invariant holds"},
			[]string{"written by", "treenode " + dash(a.Program)}))
	})
}

// readArchive reads an archive from a file, or from standard input, and gives
// errors their exit codes.
func (s *session) readArchive(path string) (archive.Content, *fsm.View, error) {
	from := s.cmd.InOrStdin()
	if path != standardStream {
		f, err := os.Open(path)
		if err != nil {
			return archive.Content{}, nil, usage("%w", err)
		}
		defer f.Close() //nolint:errcheck // opened for reading only
		from = f
	}
	var bytes atomic.Int64
	quiet := progressOf(s.cmd.ErrOrStderr(), func() string { return "reading: " + sizeText(bytes.Load()) })
	defer quiet()
	c, v, err := archive.Read(io.TeeReader(from, &keeper{to: io.Discard, bytes: &bytes}))
	switch {
	case errors.Is(err, archive.ErrDamaged):
		err = &codeError{exitDamaged, fmt.Errorf("%s: %w", path, err)}
	case errors.Is(err, archive.ErrVersion):
		err = usage("%s: %w", path, err)
	case err != nil:
		err = fmt.Errorf("%s: %w", path, err)
	}
	return c, v, err
}
