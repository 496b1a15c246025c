package cluster

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
)

// Directory is the data directory of a node that does not run, opened to look
// at. Nothing in it is changed: the log is read from a copy (see
// logstore.OpenCopy), which takes its size in the directory for temporary
// files. Its methods are for one goroutine at a time.
type Directory struct {
	Path     string
	identity identity
	config   Config // where things are
	keys     *atrest.Keys
	engine   logstore.Engine
	log      *logstore.Copy
	first    uint64
	last     uint64
	// snapshots by rising index, whole or not.
	snapshots []*directorySnapshot
	diverged  *Divergence
}

// directorySnapshot is one snapshot of a directory. What Raft keeps of it is in
// meta.json: the fields of raft.SnapshotMeta and a CRC-64 of the state.
type directorySnapshot struct {
	meta struct {
		raft.SnapshotMeta
		CRC []byte
	}
	dir  string
	keys *atrest.Keys
	key  atrest.Ref // that it is encrypted with
	err  error      // why it can't be used
	mem  *fsm.View  // once it was read
}

// OpenDirectory opens a data directory. Keys are those that it is encrypted with,
// nil for none. The error is an *Error: of CodeInvalid if it is none, is in use
// (logstore.ErrLocked inside) or lacks a key (an *atrest.MissingKeyError inside),
// or of CodeInternal if it is damaged (a *logstore.CorruptError or a *DamageError
// inside).
func OpenDirectory(path string, keys *atrest.Keys) (*Directory, error) {
	d := &Directory{Path: path, config: Config{DataDir: path}, keys: keys}
	if _, err := os.Lstat(d.config.path(foundedDir)); err == nil {
		return nil, fail(CodeInvalid, nil, "restoring or recovering %s was interrupted at its end: start the node on it once, which finishes that", path)
	}
	b, err := os.ReadFile(d.config.path(identityFile))
	if err != nil {
		return nil, fail(CodeInvalid, err, "%s is not a data directory", path)
	}
	if d.identity, err = parseIdentity(b, path); err != nil {
		if damage := damageIn(err); damage != nil {
			err = fail(CodeInternal, damage, "data directory %s is damaged", path)
		}
		return nil, err
	}
	if d.diverged, err = readDivergence(path); err != nil {
		return nil, err
	}
	at, engine, err := d.config.logAt()
	if err != nil {
		return nil, err
	}
	d.engine = engine
	if d.log, err = logstore.OpenCopy(at, engine, keys); err != nil {
		var corrupt *logstore.CorruptError
		switch {
		case errors.As(err, &corrupt):
			return nil, fail(CodeInternal, err, "data directory %s is damaged", path)
		case errors.Is(err, fs.ErrNotExist):
			return nil, fail(CodeInvalid, err, "data directory %s has no log", path)
		}
		return nil, fail(CodeInvalid, err, "data directory %s can't be read", path)
	}
	d.first, d.last = d.log.Range()
	if err := d.findSnapshots(); err != nil {
		return nil, errors.Join(fail(CodeInvalid, err, "data directory %s can't be read", path), d.log.Close())
	}
	return d, nil
}

// Close removes the copy of the log.
func (d *Directory) Close() error { return d.log.Close() }

func (d *Directory) findSnapshots() error {
	entries, err := os.ReadDir(d.config.path(snapshotDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || filepath.Ext(e.Name()) == ".tmp" { // of a snapshot that was not finished
			continue
		}
		s := &directorySnapshot{keys: d.keys, dir: filepath.Join(d.config.path(snapshotDir), e.Name())}
		s.meta.ID = e.Name()
		b, err := os.ReadFile(filepath.Join(s.dir, "meta.json"))
		if err == nil {
			err = json.Unmarshal(b, &s.meta)
		}
		if err == nil {
			if s.key, err = stateKey(filepath.Join(s.dir, snapshotState)); err == nil {
				if err := d.keys.Need(s.dir, s.key); err != nil {
					return err
				}
			}
		}
		s.err = err
		d.snapshots = append(d.snapshots, s)
	}
	slices.SortFunc(d.snapshots, func(a, b *directorySnapshot) int {
		return cmp.Or(cmp.Compare(a.meta.Index, b.meta.Index), cmp.Compare(a.meta.ID, b.meta.ID))
	})
	return nil
}

// view reads and verifies the snapshot, once.
func (s *directorySnapshot) view() (*fsm.View, error) {
	if s.err == nil && s.mem == nil {
		s.mem, s.err = s.read()
	}
	return s.mem, s.err
}

func (s *directorySnapshot) read() (*fsm.View, error) {
	f, err := os.Open(filepath.Join(s.dir, "state.bin"))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	sum := crc64.New(crc64.MakeTable(crc64.ECMA))
	raw := io.TeeReader(f, sum)
	state, err := atrest.Open(raw, s.keys, stateContext(s.meta.ID))
	if err != nil {
		return nil, err
	}
	v, err := fsm.ReadSnapshot(state)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, raw); err != nil { // whatever is behind counts in the sum
		return nil, err
	}
	if !bytes.Equal(sum.Sum(nil), s.meta.CRC) {
		return nil, errors.New("its CRC-64 is not the one in meta.json: Raft does not take it")
	}
	if v.Index > s.meta.Index {
		return nil, fmt.Errorf("its state is of index %d, meta.json says %d", v.Index, s.meta.Index)
	}
	return v, nil
}

// base is the oldest state that the directory can show: that of a whole
// snapshot from which the log goes on, or the first of every cluster.
func (d *Directory) base() (index uint64, v *fsm.View, err error) {
	if d.first == 1 || d.first == 0 && len(d.snapshots) == 0 {
		return 0, fsm.New(nil).View(), nil
	}
	for _, s := range d.snapshots {
		if d.first != 0 && s.meta.Index+1 < d.first {
			continue
		}
		if v, err := s.view(); err == nil {
			return s.meta.Index, v, nil
		}
	}
	return 0, nil, fail(CodeInternal, nil, "%s: no whole snapshot leads to the log, which begins with entry %d", d.Path, d.first)
}

// end is the newest index that the directory can show a state of.
func (d *Directory) end() uint64 {
	end := d.last
	for _, s := range d.snapshots {
		if s.err == nil {
			end = max(end, s.meta.Index)
		}
	}
	return end
}

func (d *Directory) entry(index uint64) (*raft.Log, error) {
	var l raft.Log
	if err := d.log.GetLog(index, &l); err != nil {
		return nil, fail(CodeInternal, err, "%s: entry %d can't be read", d.Path, index)
	}
	return &l, nil
}

// replay makes the states after index from, which v is of, up to index to, as a
// node that starts on the directory would have them: where there is a snapshot
// it counts, whatever the entries lead to. Visit is called with each state; its
// error ends the replay.
func (d *Directory) replay(from uint64, v *fsm.View, to uint64, visit func(index uint64, l *raft.Log, v *fsm.View) error) error {
	m := fsm.NewFrom(v)
	for index := from + 1; index <= to; index++ {
		var l *raft.Log
		known := index >= d.first && index <= d.last
		if known {
			var err error
			if l, err = d.entry(index); err != nil {
				return err
			}
			if l.Type == raft.LogCommand {
				if _, err := m.Apply(index, l.Data); err != nil {
					return fail(CodeInternal, err, "%s: entry %d can't be applied", d.Path, index)
				}
			} else {
				m.Advance(index)
			}
		}
		for _, s := range d.snapshots {
			if s.meta.Index != index {
				continue
			}
			if v, err := s.view(); err == nil {
				m, known = fsm.NewFrom(v), true
			}
		}
		// Between the end of the log and a newer snapshot no state is known.
		if known {
			if err := visit(index, l, m.View()); err != nil {
				return err
			}
		}
	}
	return nil
}
