package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"github.com/treenode/treenode/fsm"
)

// DirectoryReport is what a data directory holds.
type DirectoryReport struct {
	Path      string `json:"path"`
	NodeID    string `json:"node_id"`
	RaftID    string `json:"raft_id"`
	ClusterID string `json:"cluster_id,omitempty"`
	RaftLog   string `json:"raft_log"`
	// Keys are those that the log and the snapshots are encrypted with. Plain is
	// whether some of both is not.
	Keys  []DirectoryKey `json:"keys,omitempty"`
	Plain bool           `json:"plain"`
	// Members are the newest configuration, MembersIndex where it is from. It
	// may not be committed.
	Members      []DirectoryMember `json:"members"`
	MembersIndex uint64            `json:"members_index"`
	Term         uint64            `json:"term"`
	VoteTerm     uint64            `json:"vote_term,omitempty"`
	Vote         string            `json:"vote,omitempty"` // the server voted for in VoteTerm
	// First and Last are the log's, 0 where it is empty.
	First    uint64 `json:"first"`
	Last     uint64 `json:"last"`
	LastTerm uint64 `json:"last_term"`
	// Committed is an index that was certainly committed. Raft keeps no other
	// record of that: entries after it may be, or not.
	Committed   uint64                `json:"committed_at_least"`
	Snapshots   []DirectorySnapshot   `json:"snapshots"`
	Checkpoints []DirectoryCheckpoint `json:"checkpoints"`
	State       *DirectoryState       `json:"state,omitempty"`
	// Diverged is why the node halted, if it did so for its state.
	Diverged *Divergence `json:"diverged,omitempty"`
	// Contradictions are what the directory says against itself: a snapshot
	// or a checkpoint that the entries before it don't lead to.
	Contradictions []string `json:"contradictions,omitempty"`
	// Damage is what could not be read.
	Damage []string `json:"damage,omitempty"`
}

// DirectoryKey names a key.
type DirectoryKey struct {
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
}

// DirectorySnapshot is one snapshot of a directory.
type DirectorySnapshot struct {
	ID     string `json:"id"`
	Index  uint64 `json:"index"`
	Term   uint64 `json:"term"`
	Bytes  int64  `json:"bytes"`
	Digest Digest `json:"digest,omitzero"` // of its state
	// Error says why it can't be used: a sum that does not match, most often.
	Error string `json:"error,omitempty"`
}

// DirectoryCheckpoint is a checkpoint in the log.
type DirectoryCheckpoint struct {
	Index  uint64 `json:"index"`
	Marked uint64 `json:"marked"`
	Digest Digest `json:"digest"`
	// Own is what the directory's entries lead to at the mark. Zero if that
	// was not computed, since it can't be or a later one fits.
	Own Digest `json:"own,omitzero"`
}

// DirectoryState is the state after the last entry that can be applied, or that of
// an archive.
type DirectoryState struct {
	Index           uint64 `json:"index"`
	Digest          Digest `json:"digest"`
	Revision        uint64 `json:"revision"`
	Providers       int    `json:"providers"`
	Roots           int    `json:"roots"`
	Inventories     int    `json:"inventories"`
	Devices         int    `json:"devices"`
	Consumers       int    `json:"consumers"`
	Allocations     int    `json:"allocations"`
	ResourceClasses int    `json:"resource_classes"`
	Traits          int    `json:"traits"`
	// Violation is an invariant that does not hold.
	Violation string `json:"violation,omitempty"`
}

// Report reads everything in the directory. What can't be read is in the
// report, too.
func (d *Directory) Report() DirectoryReport {
	r := DirectoryReport{
		Path: d.Path, NodeID: d.identity.NodeID, RaftID: d.identity.raftID(), ClusterID: d.identity.ClusterID,
		RaftLog: string(d.engine), First: d.first, Last: d.last, Diverged: d.diverged,
	}
	damaged := func(err error) {
		if err != nil {
			r.Damage = append(r.Damage, err.Error())
		}
	}
	d.keysReport(&r)
	damaged(d.votes(&r))
	for _, s := range d.snapshots {
		r.Snapshots = append(r.Snapshots, d.snapshotReport(s, &r, damaged))
	}
	damaged(d.logReport(&r))
	damaged(d.stateReport(&r))
	return r
}

// keysReport names what is needed to read the directory.
func (d *Directory) keysReport(r *DirectoryReport) {
	refs := d.log.KeysInUse()
	for _, s := range d.snapshots {
		if s.err == nil {
			refs = append(refs, s.key)
		}
	}
	for _, ref := range refs {
		key := DirectoryKey{ref.Name, ref.ID.String()}
		switch {
		case ref.IsPlain():
			r.Plain = true
		case !slices.Contains(r.Keys, key):
			r.Keys = append(r.Keys, key)
		}
	}
}

// votes reads what Raft keeps beside the log, under its names.
func (d *Directory) votes(r *DirectoryReport) error {
	number := func(key string) (uint64, error) {
		v, err := d.log.GetUint64([]byte(key))
		if errors.Is(err, raftboltdb.ErrKeyNotFound) {
			return 0, nil
		}
		return v, err
	}
	var err error
	if r.Term, err = number("CurrentTerm"); err != nil {
		return err
	}
	if r.VoteTerm, err = number("LastVoteTerm"); err != nil {
		return err
	}
	// Raft keeps the address, or the id, of whom it voted for.
	vote, err := d.log.Get([]byte("LastVoteCand"))
	if err != nil && !errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return err
	}
	r.Vote = string(vote)
	return nil
}

func (d *Directory) snapshotReport(s *directorySnapshot, r *DirectoryReport, damaged func(error)) DirectorySnapshot {
	have := DirectorySnapshot{ID: s.meta.ID, Index: s.meta.Index, Term: s.meta.Term}
	if info, err := os.Stat(filepath.Join(s.dir, "state.bin")); err == nil {
		have.Bytes = info.Size()
	}
	v, err := s.view()
	if err != nil {
		have.Error = err.Error()
		damaged(fmt.Errorf("snapshot %s: %w", s.meta.ID, err))
		return have
	}
	have.Digest = v.Digest()
	r.Committed = max(r.Committed, s.meta.Index)
	if s.meta.ConfigurationIndex >= r.MembersIndex {
		r.Members, r.MembersIndex = membersOf(s.meta.Configuration), s.meta.ConfigurationIndex
	}
	return have
}

// logReport reads every entry.
func (d *Directory) logReport(r *DirectoryReport) error {
	if d.last == 0 {
		return nil
	}
	for index := d.first; index <= d.last; index++ {
		l, err := d.entry(index)
		if err != nil {
			return err
		}
		r.LastTerm = l.Term
		switch {
		case l.Type == raft.LogConfiguration && index >= r.MembersIndex:
			r.Members, r.MembersIndex = membersOf(raft.DecodeConfiguration(l.Data)), index
		case l.Type == raft.LogCommand && fsm.KindOf(l.Data) == fsm.KindCheckpoint:
			if e, err := fsm.DecodeEntry(l.Data); err == nil {
				r.Checkpoints = append(r.Checkpoints, DirectoryCheckpoint{Index: index, Marked: e.Marked, Digest: e.Digest})
				r.Committed = max(r.Committed, e.Marked)
			}
		}
	}
	return nil
}

// stateReport applies the entries, and compares what comes of it with the
// newer snapshots and the checkpoints.
func (d *Directory) stateReport(r *DirectoryReport) error {
	index, v, err := d.base()
	if err != nil {
		return err
	}
	marked := map[uint64]*fsm.View{}
	for _, c := range r.Checkpoints {
		marked[c.Marked] = nil
	}
	before := v // the state that the entries lead to
	err = d.replay(index, v, d.end(), func(i uint64, l *raft.Log, next *fsm.View) error {
		if s := d.wholeSnapshot(i); s != nil && l != nil {
			if led := d.step(before, l); led != nil && led.Digest() != next.Digest() {
				r.Contradictions = append(r.Contradictions, fmt.Sprintf(
					"snapshot %s (index %d) has digest %v, but the entries before it lead to %v", s.meta.ID, i, Digest(next.Digest()), Digest(led.Digest())))
			}
		}
		if _, wanted := marked[i]; wanted {
			marked[i] = next
		}
		index, before = i, next
		return nil
	})
	d.compareCheckpoints(r, marked)
	r.State = stateOf(index, before)
	return err
}

// step applies one entry to a view.
func (d *Directory) step(v *fsm.View, l *raft.Log) *fsm.View {
	m := fsm.NewFrom(v)
	if l.Type != raft.LogCommand {
		return v
	}
	if _, err := m.Apply(l.Index, l.Data); err != nil {
		return nil // replay says so
	}
	return m.View()
}

func (d *Directory) wholeSnapshot(index uint64) *directorySnapshot {
	for _, s := range d.snapshots {
		if s.meta.Index == index && s.err == nil {
			return s
		}
	}
	return nil
}

// compareCheckpoints looks for the first checkpoint that the entries don't lead
// to, if the last one is such. Digests walk everything, so not all are computed.
func (d *Directory) compareCheckpoints(r *DirectoryReport, marked map[uint64]*fsm.View) {
	var known []*DirectoryCheckpoint
	for i := range r.Checkpoints {
		if marked[r.Checkpoints[i].Marked] != nil {
			known = append(known, &r.Checkpoints[i])
		}
	}
	differs := func(c *DirectoryCheckpoint) bool {
		if c.Own == (Digest{}) {
			c.Own = marked[c.Marked].Digest()
		}
		return c.Own != c.Digest
	}
	if len(known) == 0 || !differs(known[len(known)-1]) {
		return
	}
	c := known[sort.Search(len(known)-1, func(i int) bool { return differs(known[i]) })]
	r.Contradictions = append(r.Contradictions, fmt.Sprintf(
		"the checkpoint at index %d says that the state at %d has digest %v, but the entries lead to %v", c.Index, c.Marked, c.Digest, c.Own))
}

// StateOf describes a state, and checks every invariant of it.
func StateOf(v *fsm.View) *DirectoryState { return stateOf(v.Index, v) }

func stateOf(index uint64, v *fsm.View) *DirectoryState {
	t := v.Tree
	s := &DirectoryState{
		Index: index, Digest: v.Digest(), Revision: t.Revision(), Providers: t.NumProviders(), Consumers: t.NumConsumers(),
		ResourceClasses: len(t.ResourceClasses()), Traits: len(t.Traits()),
	}
	for p := range t.ProviderRecords() {
		if p.Parent == 0 {
			s.Roots++
		}
		s.Inventories += len(p.Inventories)
		s.Devices += len(p.Devices)
	}
	for c := range t.ConsumerRecords() {
		s.Allocations += len(c.Allocations)
	}
	if err := t.Check(); err != nil {
		s.Violation = err.Error()
	}
	return s
}
