package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/metadb"

	"github.com/treenode/treenode/cluster/failpoint"
	"github.com/treenode/treenode/cluster/logstore"
)

// A node whose directory is damaged takes its place again as another server,
// with an empty directory that the others fill. The steps, each of them durable
// before the next, and taken up where they ended by whoever opens the directory:
//
//  1. damage.json says what was found. From here on nothing in the directory is
//     used.
//  2. The leader says that a majority of the voters goes on without this one;
//     see spare. Until then nothing is touched: this may be the only copy.
//  3. damage.json says where everything goes and what the new server is called.
//  4. The log, the snapshots and node.json are moved to damaged-TIME-N.
//  5. node.json is written for the new server, which may only join.
//  6. damage.json goes.
//  7. The node opens, asks to be taken in, and is; the leader removes the old
//     server before, and gives the new one its vote when it has caught up.
const (
	asidePrefix = "damaged-"
	// asideKept and asideBytesMax bound what stays of directories that were set
	// aside, once their node is whole again. The newest always stays.
	asideKept     = 2
	asideBytesMax = 8 << 30
	tidyInterval  = time.Second
)

// movedAside are the files of a server. Others in the directory stay.
var movedAside = []string{boltFile, walDir, snapshotDir, identityFile + ".new", identityFile}

// checkLogIsThere returns an error if a directory that had a log has none: a
// new one would not know the votes of the old.
func checkLogIsThere(path string, engine logstore.Engine, id identity) error {
	if !id.Logged {
		return nil
	}
	file := path
	if engine == logstore.EngineWAL {
		file = filepath.Join(path, metadb.FileName)
	}
	switch info, err := os.Stat(file); {
	case errors.Is(err, fs.ErrNotExist):
		return &DamageError{Path: file, Reason: "it is missing"}
	case err != nil:
		return err
	case info.Size() == 0:
		return &DamageError{Path: file, Reason: "it is empty"}
	}
	return nil
}

// setAside does steps 2 to 6 for a directory that has a mark, or none if
// somebody else did them. The error says why it can't yet. It uses the peer port
// meanwhile, which must be free.
func (c *Config) setAside(ctx context.Context, listen func() (Network, error)) error {
	m, err := readMark(c.DataDir)
	if err != nil || m == nil {
		return err
	}
	if m.Aside == "" {
		clusterID, err := c.askSpare(ctx, listen)
		if err != nil {
			return err
		}
		if m.Instance, err = newInstance(); err != nil {
			return err
		}
		if m.Aside, err = c.newAside(); err != nil {
			return err
		}
		m.ClusterID = clusterID
		if err := errors.Join(c.step("agreed"), m.save(c.DataDir), c.step("planned")); err != nil {
			return err
		}
	}
	c.Logger.Warn("setting the damaged directory aside", "cause", m.damage(), "to", c.path(m.Aside), "new", c.NodeID+"@"+m.Instance)
	if err := c.moveAside(m); err != nil {
		return fmt.Errorf("setting %s aside: %w", c.DataDir, err)
	}
	id := identity{Format: identityFormat, NodeID: c.NodeID, Instance: m.Instance, ClusterID: m.ClusterID, Joining: true}
	if err := errors.Join(c.step("moved"), id.save(c.DataDir), c.step("named")); err != nil {
		return err
	}
	return errors.Join(os.Remove(c.path(markFile)), syncDir(c.DataDir), c.step("done"))
}

// step is where a test interrupts.
func (c *Config) step(name string) error {
	failpoint.Reach(failpoint.AsideStep)
	if c.asideStep == nil {
		return nil
	}
	return c.asideStep(name)
}

// newAside is a directory name that is not taken.
func (c *Config) newAside() (string, error) {
	now := time.Now().UTC().Format("20060102T150405Z")
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s%s-%d", asidePrefix, now, n)
		switch _, err := os.Lstat(c.path(name)); {
		case errors.Is(err, fs.ErrNotExist):
			return name, nil
		case err != nil:
			return "", err
		}
	}
}

// moveAside moves what is left to move. What the new server has written already
// stays.
func (c *Config) moveAside(m *damageMark) error {
	to := c.path(m.Aside)
	if err := os.Mkdir(to, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, name := range movedAside {
		if name == identityFile && c.isInstance(m.Instance) {
			continue
		}
		if err := os.Rename(c.path(name), filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := c.step("moved " + name); err != nil {
			return err
		}
	}
	// What was found goes with it, for whoever looks at it later.
	if err := m.save(to); err != nil {
		return err
	}
	return errors.Join(syncDir(to), syncDir(c.DataDir))
}

// isInstance reports whether node.json is that of the instance.
func (c *Config) isInstance(instance string) bool {
	b, err := os.ReadFile(c.path(identityFile))
	if err != nil {
		return false
	}
	var id identity
	return json.Unmarshal(b, &id) == nil && id.Instance == instance
}

// askSpare asks the others whether they can do without this server, and returns
// the cluster's id.
func (c *Config) askSpare(ctx context.Context, listen func() (Network, error)) (clusterID string, err error) {
	known, err := readPeers(c.DataDir)
	if err != nil {
		c.Logger.Warn("the list of peers is of no use", "error", err)
	}
	own := known.RaftID
	if id, err := openDataDirOnly(c.DataDir, c.NodeID); err == nil {
		own, known.ClusterID = id.raftID(), id.ClusterID
	}
	network, err := listen()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, network.Close()) }()
	all := append(known.addresses(own), c.Join...)
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 0 {
		return "", fail(CodeNotReady, nil, "no other member is known that could have another copy")
	}
	if own == "" {
		own = c.NodeID // the leader finds it by that
	}
	n := &Node{config: *c, raftID: own}
	var refusals []error
	for _, addr := range all {
		if addr == network.Addr() {
			continue
		}
		n.config.Network = network
		h, err := n.greet(ctx, addr)
		switch {
		case err != nil:
			refusals = append(refusals, err)
			continue
		case !h.Member || known.ClusterID != "" && h.ClusterID != known.ClusterID:
			refusals = append(refusals, fmt.Errorf("node %s at %s is not a member of this cluster", h.NodeID, addr))
			continue
		}
		network.SetClusterID(h.ClusterID)
		asking, cancel := context.WithTimeout(ctx, configTimeout)
		err = n.ask(asking, addr, VerbAdmin, admin{Op: "spare", ID: own})
		cancel()
		if err == nil {
			return h.ClusterID, nil
		}
		refusals = append(refusals, fmt.Errorf("node %s at %s: %w", h.NodeID, addr, err))
	}
	return "", fail(CodeNotReady, errors.Join(refusals...), "the others can't rebuild this node now")
}

// openDataDirOnly reads node.json and changes nothing.
func openDataDirOnly(dir, nodeID string) (identity, error) {
	b, err := os.ReadFile(filepath.Join(dir, identityFile))
	if err != nil {
		return identity{}, err
	}
	return decodeIdentity(b, dir, nodeID)
}

// spare answers a node whose directory is damaged: nil if the cluster goes on
// without what that server has. The leader has every entry that was ever
// committed, and a majority of all voters, without that one, follows it. So
// whatever the damaged copy held is with them, and no vote that it gave is
// needed, or could make another leader that does not have it.
func (n *Node) spare(ctx context.Context, id string) error {
	if done, err := n.atLeader(ctx, VerbAdmin, admin{Op: "spare", ID: id}); done {
		return err
	}
	l := n.leads.Load()
	if l == nil {
		return fail(CodeNoLeader, nil, "this node does not lead, or not yet surely")
	}
	servers, err := n.servers()
	if err != nil {
		return err
	}
	return n.majorityWithout(ctx, l, servers, id)
}

// majorityWithout returns nil if a majority of the voters, not counting one
// server, follows this leader.
func (n *Node) majorityWithout(ctx context.Context, l *leadership, servers []raft.Server, without string) error {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	agreed, voters := n.followed(ctx, l, servers, without)
	if agreed <= voters/2 || n.leads.Load() != l {
		return fail(CodeNotReady, nil, "%d of %d voters are there without %s; that is no majority, and its copy may be needed", agreed, voters, without)
	}
	return nil
}

// tidy removes what was set aside long ago, once this node is whole again.
func (n *Node) tidy() {
	tick := time.NewTicker(tidyInterval)
	defer tick.Stop()
	for !n.isWhole() {
		select {
		case <-tick.C:
		case <-n.stopped:
			return
		}
	}
	aside, err := n.config.asideDirs()
	if err != nil {
		n.log.Warn("what was set aside can't be listed", "error", err)
		return
	}
	var size int64
	for i, dir := range aside { // the newest first
		size += sizeOf(dir)
		if i == 0 || i < asideKept && size <= asideBytesMax {
			continue
		}
		n.log.Info("removing a damaged directory that was set aside long ago", "path", dir)
		if err := os.RemoveAll(dir); err != nil {
			n.log.Warn("a damaged directory can't be removed", "error", err)
		}
	}
}

// isWhole reports whether this server is a member, as it means to be, and has
// caught up.
func (n *Node) isWhole() bool {
	servers, err := n.servers()
	if err != nil || !slices.ContainsFunc(servers, func(s raft.Server) bool {
		return string(s.ID) == n.raftID && (s.Suffrage == raft.Voter || n.config.NonVoter)
	}) {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), helloTimeout)
	defer cancel()
	return n.Ready(ctx) == nil
}

// asideDirs are the directories that were set aside, the newest first.
func (c *Config) asideDirs() ([]string, error) {
	entries, err := os.ReadDir(c.DataDir)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), asidePrefix) {
			dirs = append(dirs, c.path(e.Name()))
		}
	}
	slices.Sort(dirs)
	slices.Reverse(dirs)
	return dirs, nil
}

// sizeOf adds up the files of a directory, as far as they can be seen.
func sizeOf(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}
