package cluster

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"github.com/hashicorp/raft"
)

const (
	peersFile   = "peers.json"
	peersFormat = 1
)

// peers is peers.json: where the others were when the configuration changed
// last. A node whose other files are damaged finds its cluster by it. It is an
// aid; nothing is decided by it.
type peers struct {
	Format    int    `json:"format"`
	ClusterID string `json:"cluster_id"`
	// RaftID is the server that wrote the file.
	RaftID  string       `json:"raft_id"`
	Members []peerMember `json:"members"`
	Sum     string       `json:"sum"`
}

type peerMember struct {
	RaftID string `json:"raft_id"`
	Peer   string `json:"peer"` // host:port
}

// readPeers returns what the file has, and nothing if it is missing or damaged.
func readPeers(dir string) (peers, error) {
	path := filepath.Join(dir, peersFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return peers{}, nil
	}
	if err != nil {
		return peers{}, err
	}
	var p peers
	if err := json.Unmarshal(b, &p); err != nil {
		return peers{}, &DamageError{Path: path, Reason: "it is not JSON", Err: err}
	}
	sum := p.Sum
	if p.Sum = ""; p.Format != peersFormat || sum != sumOf(p) {
		return peers{}, &DamageError{Path: path, Reason: "it does not have its checksum"}
	}
	return p, nil
}

func (p peers) save(dir string) error {
	p.Format, p.Sum = peersFormat, ""
	return saveSummed(filepath.Join(dir, peersFile), p, func(sum string) any { p.Sum = sum; return p })
}

// addresses are the peer addresses of all but one server.
func (p peers) addresses(not string) []string {
	var all []string
	for _, m := range p.Members {
		if m.RaftID != not {
			all = append(all, m.Peer)
		}
	}
	return all
}

// keepPeers writes peers.json whenever the configuration has changed.
func (n *Node) keepPeers() {
	kept, err := readPeers(n.config.DataDir)
	if err != nil {
		n.log.Warn("the list of peers is made anew", "error", err)
	}
	for {
		now := peers{Format: peersFormat, ClusterID: n.clusterID(), RaftID: n.raftID}
		if servers, err := n.servers(); err == nil && len(servers) > 0 {
			now.Members = peersOf(servers)
			kept.Sum = ""
			if !reflect.DeepEqual(now, kept) {
				if err := now.save(n.config.DataDir); err != nil {
					n.log.Warn("the list of peers could not be kept", "error", err)
				} else {
					kept = now
				}
			}
		}
		select {
		case <-n.membersChanged:
		case <-n.stopped:
			return
		}
	}
}

func peersOf(servers []raft.Server) []peerMember {
	members := make([]peerMember, len(servers))
	for i, s := range servers {
		members[i] = peerMember{string(s.ID), string(s.Address)}
	}
	return members
}
