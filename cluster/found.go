package cluster

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/cluster/failpoint"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
)

// A data directory that begins a cluster with a state is made in two steps, so that
// it is there whole or not at all:
//
//  1. Everything is written below founding. What is left of that by a crash is of
//     no use, and removed by whoever comes next.
//  2. founding is renamed to founded. From here on the directory is the new
//     cluster's, and whoever opens it finishes: what was there before is moved to
//     replaced-by-INSTANCE, then the new files take their places, the log first
//     and node.json last, then founded goes.
const (
	foundingDir    = "founding"
	foundedDir     = "founded"
	replacedPrefix = "replaced-by-"
)

// replacedFiles are the files of the server that was there before.
var replacedFiles = append(slices.Clone(movedAside), peersFile, levelFile, startsFile)

// termKey is where hashicorp/raft keeps its term.
const termKey = "CurrentTerm"

// founding is a cluster of one node that begins with a state.
type founding struct {
	dataDir, nodeID string
	advertise       string
	engine          logstore.Engine
	view            *fsm.View
	term            uint64
	progress        func(bytes int64) // nil for none
	keys            *atrest.Keys      // that it is encrypted with; nil for none
}

// Founded is a cluster that was made in a data directory.
type Founded struct {
	DataDir   string `json:"data_dir"`
	ClusterID string `json:"cluster_id"`
	NodeID    string `json:"node_id"`
	RaftID    string `json:"raft_id"`
	RaftLog   string `json:"raft_log"`
	// Index and the others are of the state that the cluster begins with.
	Index     uint64 `json:"index"`
	Term      uint64 `json:"term"`
	Revision  uint64 `json:"revision"`
	Digest    Digest `json:"digest"`
	Providers int    `json:"providers"`
	Consumers int    `json:"consumers"`
	// RaisedBy is how much higher its numbers are than those of the state that it
	// was made of.
	RaisedBy Raised `json:"raised_by"`
	// Replaced is where what was in the directory before is now; empty for nothing.
	Replaced string `json:"replaced,omitempty"`
}

// Raised is a fsm.Raise.
type Raised struct {
	Generations uint64 `json:"generations"`
	Index       uint64 `json:"index"`
	Revision    uint64 `json:"revision"`
}

// write does step 1.
func (f founding) write() (_ Founded, err error) {
	if err := os.MkdirAll(f.dataDir, 0o700); err != nil {
		return Founded{}, err
	}
	dir := filepath.Join(f.dataDir, foundingDir)
	if err := os.RemoveAll(dir); err != nil {
		return Founded{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return Founded{}, err
	}
	instance, err := newInstance()
	if err != nil {
		return Founded{}, err
	}
	cluster, err := uuid.NewRandom()
	if err != nil {
		return Founded{}, err
	}
	c := Config{Keys: atrest.NewRing(f.keys)}
	id := identity{Format: c.identityFormat(), NodeID: f.nodeID, Instance: instance, ClusterID: cluster.String(), Logged: true}
	if err := f.writeLog(dir); err != nil {
		return Founded{}, err
	}
	digest, err := f.writeSnapshot(dir, id.raftID())
	if err != nil {
		return Founded{}, err
	}
	if err := id.save(dir); err != nil {
		return Founded{}, err
	}
	t := f.view.Tree
	return Founded{
		DataDir: f.dataDir, ClusterID: id.ClusterID, NodeID: f.nodeID, RaftID: id.raftID(), RaftLog: string(f.engine),
		Index: f.view.Index, Term: f.term, Revision: t.Revision(), Digest: digest, Providers: t.NumProviders(), Consumers: t.NumConsumers(),
	}, nil
}

// writeLog makes a log without entries that begins after the snapshot, in its term.
func (f founding) writeLog(dir string) error {
	name := walDir
	if f.engine == logstore.EngineBolt {
		name = boltFile
	}
	log, err := logstore.Open(filepath.Join(dir, name), logstore.Options{Engine: f.engine, Keys: atrest.NewRing(f.keys)})
	if err != nil {
		return err
	}
	return errors.Join(log.SetUint64([]byte(termKey), f.term), log.Close())
}

// writeSnapshot writes the state as the snapshot of a configuration of one server.
func (f founding) writeSnapshot(dir, raftID string) (Digest, error) {
	var damage error
	snaps, err := openSnapshots(dir, hclog.NewNullLogger(), atrest.NewRing(f.keys), func(err error) { damage = err })
	if err != nil {
		return Digest{}, err
	}
	// Raft wants a transport for a form of the members that nobody reads any more.
	_, nowhere := raft.NewInmemTransport(raft.ServerAddress(f.advertise))
	members := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(raftID), Address: raft.ServerAddress(f.advertise)}}}
	sink, err := snaps.Create(raft.SnapshotVersionMax, f.view.Index, f.term, members, f.view.Index, nowhere)
	if err != nil {
		return Digest{}, err
	}
	digest, err := f.view.WriteSnapshotDigest(counted{sink, f.progress})
	if err != nil {
		return Digest{}, errors.Join(err, sink.Cancel())
	}
	return digest, errors.Join(sink.Close(), damage)
}

// counted tells how much was written.
type counted struct {
	to   io.Writer
	tell func(bytes int64)
}

// Write implements io.Writer.
func (c counted) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	if c.tell != nil {
		c.tell(int64(n))
	}
	return n, err
}

// commit does step 2, and returns where what was there before is now.
func (f founding) commit() (replaced string, err error) {
	dir := filepath.Join(f.dataDir, foundingDir)
	if err := errors.Join(syncDir(dir), os.Rename(dir, filepath.Join(f.dataDir, foundedDir)), syncDir(f.dataDir)); err != nil {
		return "", err
	}
	return finishFounding(f.dataDir)
}

// finishFounding moves what was founded to its place, if there is something. While
// the new log is not in its place nothing else is, and what is there is old.
func finishFounding(dataDir string) (replaced string, err error) {
	from := filepath.Join(dataDir, foundedDir)
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	left := map[string]bool{}
	for _, e := range entries {
		left[e.Name()] = true
	}
	if left[walDir] || left[boltFile] {
		if replaced, err = moveReplaced(dataDir, from); err != nil {
			return "", err
		}
	}
	for _, name := range []string{walDir, boltFile, snapshotDir, identityFile} {
		if !left[name] {
			continue
		}
		if err := os.Rename(filepath.Join(from, name), filepath.Join(dataDir, name)); err != nil {
			return "", err
		}
		failpoint.Reach(failpoint.AsideStep)
	}
	return replaced, errors.Join(syncDir(dataDir), os.RemoveAll(from), syncDir(dataDir))
}

// moveReplaced moves what was there before aside, and returns where it is.
func moveReplaced(dataDir, from string) (string, error) {
	b, err := os.ReadFile(filepath.Join(from, identityFile))
	if err != nil {
		return "", err
	}
	id, err := parseIdentity(b, from)
	if err != nil {
		return "", err
	}
	to := filepath.Join(dataDir, replacedPrefix+id.Instance)
	for _, name := range replacedFiles {
		path := filepath.Join(dataDir, name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Mkdir(to, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		if err := os.Rename(path, filepath.Join(to, name)); err != nil {
			return "", err
		}
		failpoint.Reach(failpoint.AsideStep)
	}
	if _, err := os.Lstat(to); err != nil {
		return "", nil //nolint:nilerr // nothing was there
	}
	return to, errors.Join(syncDir(to), syncDir(dataDir))
}
