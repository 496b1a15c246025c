package cluster

import (
	"bytes"
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
	// identityEncrypted is the format of a directory that may hold what is
	// encrypted. Programs that know of no keys would take that for damage; this
	// they refuse.
	identityEncrypted = 2
)

// identityFormat is the format of the directory's description.
func (c *Config) identityFormat() int {
	if c.Keys != nil {
		return identityEncrypted
	}
	return identityFormat
}

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
	// Joining is whether it is to be taken into that cluster and was never in its
	// configuration: it forms none, and goes on asking, also once a leader that
	// takes it for another server has sent it the log.
	Joining bool `json:"joining,omitempty"`
	// Logged is whether the directory has had a log. Without one it has lost
	// its votes, and must not vote under the same name again.
	Logged bool `json:"logged,omitempty"`
	// Sum is the checksum of the above. Files of the first version have none.
	Sum string `json:"sum,omitempty"`
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
	id, err := decodeIdentity(b, dir, nodeID)
	if err != nil {
		return identity{}, err
	}
	// Writing it again shows a read-only or full disk now, with its name,
	// rather than at the first vote.
	return id, id.save(dir)
}

// decodeIdentity reads node.json and checks that it is the node's.
func decodeIdentity(b []byte, dir, nodeID string) (identity, error) {
	id, err := parseIdentity(b, dir)
	if err == nil && id.NodeID != nodeID {
		return identity{}, fail(CodeInvalid, nil, "data directory %s belongs to node %q, this is node %q", dir, id.NodeID, nodeID)
	}
	return id, err
}

// parseIdentity reads node.json, whosever it is.
func parseIdentity(b []byte, dir string) (identity, error) {
	path := filepath.Join(dir, identityFile)
	var id identity
	err := json.Unmarshal(b, &id)
	sum := id.Sum
	id.Sum = ""
	switch {
	case err != nil || id.Instance == "":
		return identity{}, fail(CodeInvalid, &DamageError{Path: path, Reason: "it is not the description of a data directory", Err: err}, "data directory %s", dir)
	case sum != "" && sum != sumOf(id), sum == "" && !hasOnlyKnown(b):
		return identity{}, fail(CodeInvalid, &DamageError{Path: path, Reason: "it does not have its checksum"}, "data directory %s", dir)
	case id.Format != identityFormat && id.Format != identityEncrypted:
		return identity{}, fail(CodeInvalid, nil, "%s has format %d, this program reads %d and %d", path, id.Format, identityFormat, identityEncrypted)
	}
	return id, nil
}

// hasOnlyKnown reports whether a description that has no checksum is one of the
// first version. Damage may have changed the name of the checksum's field.
func hasOnlyKnown(b []byte) bool {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(new(identity)) == nil
}

// checkIdentity compares node.json with what this node is: it would be missed at
// the next start only.
func (n *Node) checkIdentity() error {
	n.identityMu.Lock()
	defer n.identityMu.Unlock()
	path := n.config.path(identityFile)
	id, err := openDataDirOnly(n.config.DataDir, n.config.NodeID)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &DamageError{Path: path, Reason: "it is missing"}
	case err != nil:
		if damage := damageIn(err); damage != nil {
			return damage
		}
		return &DamageError{Path: path, Reason: "it can't be read", Err: err}
	case id.raftID() != n.raftID:
		return &DamageError{Path: path, Reason: "it is that of another server"}
	}
	return nil
}

func newIdentity(dir, nodeID string) (identity, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return identity{}, fail(CodeInvalid, err, "data directory %s can't be read", dir)
	}
	for _, e := range entries {
		if e.Name() == boltFile || e.Name() == walDir || e.Name() == snapshotDir {
			return identity{}, fail(CodeInvalid, &DamageError{Path: filepath.Join(dir, identityFile), Reason: "it is missing beside " + e.Name()},
				"data directory %s is damaged, or not a data directory", dir)
		}
	}
	instance, err := newInstance()
	if err != nil {
		return identity{}, err
	}
	id := identity{Format: identityFormat, NodeID: nodeID, Instance: instance}
	return id, id.save(dir)
}

func newInstance() (string, error) {
	random, err := uuid.NewRandom()
	if err != nil {
		return "", fail(CodeInternal, err, "no randomness")
	}
	return random.String()[:8], nil
}

// save replaces node.json in one step, durably.
func (id identity) save(dir string) error {
	id.Sum = ""
	err := saveSummed(filepath.Join(dir, identityFile), id, func(sum string) any { id.Sum = sum; return id })
	if err != nil {
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
	return syncDir(filepath.Dir(path))
}

// syncDir makes names in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
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
