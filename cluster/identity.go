package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
)

const (
	identityFile   = "node.json"
	identityFormat = 1
)

// identity is what a data directory says about itself, in node.json.
type identity struct {
	Format int `json:"format"`
	// NodeID is the node the directory belongs to.
	NodeID string `json:"node_id"`
	// Instance tells this directory from others of the same node.
	Instance string `json:"instance"`
	// ClusterID is the cluster it belongs to or is pledged to; empty before.
	ClusterID string `json:"cluster_id,omitempty"`
	// PledgedTo is the peer address of the node that was to bootstrap it.
	PledgedTo string `json:"pledged_to,omitempty"`
}

// raftID is the server id in Raft's configuration. A server's vote and log are
// what its directory remembers, so the directory is part of its name.
func (id identity) raftID() string { return id.NodeID + "@" + id.Instance }

// nodeIDOf is the node id in a server id.
func nodeIDOf(raftID string) string {
	for i := len(raftID) - 1; i >= 0; i-- {
		if raftID[i] == '@' {
			return raftID[:i]
		}
	}
	return raftID
}

// openDataDir creates the directory or checks that it belongs to the node.
func openDataDir(dir, nodeID string) (identity, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return identity{}, fail(CodeInvalid, err, "data directory %s can't be made", dir)
	}
	path := filepath.Join(dir, identityFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newIdentity(dir, nodeID)
	case err != nil:
		return identity{}, fail(CodeInvalid, err, "data directory %s can't be read", dir)
	}
	var id identity
	if err := json.Unmarshal(b, &id); err != nil || id.Instance == "" {
		return identity{}, fail(CodeInvalid, err, "%s is damaged", path)
	}
	switch {
	case id.Format != identityFormat:
		return identity{}, fail(CodeInvalid, nil, "%s has format %d, this program reads %d", path, id.Format, identityFormat)
	case id.NodeID != nodeID:
		return identity{}, fail(CodeInvalid, nil, "data directory %s belongs to node %q, this is node %q", dir, id.NodeID, nodeID)
	}
	// Writing it again shows a read-only or full disk now, with its name,
	// rather than at the first vote.
	return id, id.save(dir)
}

func newIdentity(dir, nodeID string) (identity, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return identity{}, fail(CodeInvalid, err, "data directory %s can't be read", dir)
	}
	for _, e := range entries {
		if e.Name() == boltFile || e.Name() == walDir || e.Name() == snapshotDir {
			return identity{}, fail(CodeInvalid, nil, "data directory %s has %s but no %s: it is damaged or not a data directory",
				dir, e.Name(), identityFile)
		}
	}
	random, err := uuid.NewRandom()
	if err != nil {
		return identity{}, fail(CodeInternal, err, "no randomness")
	}
	id := identity{Format: identityFormat, NodeID: nodeID, Instance: random.String()[:8]}
	return id, id.save(dir)
}

// save replaces node.json in one step, durably.
func (id identity) save(dir string) error {
	b, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return fail(CodeInternal, err, "%s can't be encoded", identityFile)
	}
	if err := replaceFile(filepath.Join(dir, identityFile), append(b, '\n')); err != nil {
		return fail(CodeInvalid, err, "data directory %s can't be written", dir)
	}
	return nil
}

func replaceFile(path string, content []byte) (err error) {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(wrap("sync directory", dir.Sync()), dir.Close())
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
