package cluster

import (
	"bytes"
	"fmt"
	"sort"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/fsm"
)

// compareStride is how many entries apart states are kept while two logs are
// applied, to look between two of them afterwards.
const compareStride = 256

// Where two directories part.
const (
	PartCluster = "cluster" // they belong to different clusters
	PartEntry   = "entry"   // an entry differs
	PartState   = "state"   // the entries are the same, the states are not
)

// Comparison is what two data directories have in common.
type Comparison struct {
	Same bool `json:"same"`
	// What parts them first, one of the constants above, and the index.
	Part  string `json:"part,omitempty"`
	Index uint64 `json:"index,omitempty"`
	// EntriesFrom and EntriesTo are the entries that both logs have, StatesFrom
	// and StatesTo where the states of both were compared. 0 for none.
	EntriesFrom uint64 `json:"entries_from"`
	EntriesTo   uint64 `json:"entries_to"`
	StatesFrom  uint64 `json:"states_from"`
	StatesTo    uint64 `json:"states_to"`
	// Digest is that of both states at StatesTo, if they are the same.
	Digest Digest         `json:"digest,omitzero"`
	Sides  [2]CompareSide `json:"sides"`
	Notes  []string       `json:"notes,omitempty"`
}

// CompareSide is one of the two directories, at the index where they part.
type CompareSide struct {
	Path   string      `json:"path"`
	NodeID string      `json:"node_id"`
	First  uint64      `json:"first"`
	Last   uint64      `json:"last"`
	Entry  *LogEntry   `json:"entry,omitempty"`
	Digest Digest      `json:"digest,omitzero"` // of the state after it
	Halted *Divergence `json:"halted,omitempty"`
}

// CompareDirectories finds the first index at which two directories part. The
// error is an *Error of CodeInternal where one of them is damaged.
func CompareDirectories(a, b *Directory) (Comparison, error) {
	c := &Comparison{Same: true}
	both := [2]*Directory{a, b}
	for i, d := range both {
		c.Sides[i] = CompareSide{Path: d.Path, NodeID: d.identity.NodeID, First: d.first, Last: d.last, Halted: d.diverged}
	}
	if a.identity.ClusterID != b.identity.ClusterID {
		c.Same, c.Part = false, PartCluster
		c.note("the directories belong to clusters %s and %s", a.identity.ClusterID, b.identity.ClusterID)
		return *c, nil
	}
	differs, err := c.entries(both)
	if err == nil {
		err = c.states(both, differs)
	}
	if err != nil {
		return *c, err
	}
	if c.Part != PartState && differs != 0 {
		c.Same, c.Part, c.Index = false, PartEntry, differs
		if err := c.noteCommit(both); err != nil {
			return *c, err
		}
	}
	if !c.Same {
		for i, d := range both {
			if c.Index >= d.first && c.Index <= d.last && d.last != 0 {
				l, err := d.entry(c.Index)
				if err != nil {
					return *c, err
				}
				e := describe(l)
				c.Sides[i].Entry = &e
			}
		}
	}
	c.noteHalts(both)
	return *c, nil
}

func (c *Comparison) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// entries returns the first index at which the logs differ, 0 if none does.
func (c *Comparison) entries(both [2]*Directory) (uint64, error) {
	from, to := max(both[0].first, both[1].first), min(both[0].last, both[1].last)
	if to == 0 || from > to {
		c.note("the logs have no entry in common: only states can be compared")
		return 0, nil
	}
	c.EntriesFrom, c.EntriesTo = from, to
	for index := from; index <= to; index++ {
		one, err := both[0].entry(index)
		if err != nil {
			return 0, err
		}
		other, err := both[1].entry(index)
		if err != nil {
			return 0, err
		}
		if one.Term != other.Term || one.Type != other.Type || !bytes.Equal(one.Data, other.Data) {
			return index, nil
		}
	}
	return 0, nil
}

// pair are the states of both directories at one index.
type pair struct {
	index uint64
	views [2]*fsm.View
}

func (p pair) differ() bool { return p.views[0].Digest() != p.views[1].Digest() }

// states compares the states up to the entry that differs, or to the end.
func (c *Comparison) states(both [2]*Directory, differs uint64) error {
	var start [2]pair
	from, to := uint64(0), min(both[0].end(), both[1].end())
	if differs != 0 {
		to = differs - 1
	}
	for i, d := range both {
		index, v, err := d.base()
		if err != nil {
			return err
		}
		start[i] = pair{index, [2]*fsm.View{v, v}}
		from = max(from, index)
	}
	if from > to {
		c.note("there is no index that both directories can show a state of: %d at the earliest, %d at the latest", from, to)
		return nil
	}
	// Both to the first common index, then on together.
	begin := pair{index: from}
	for i, d := range both {
		v := start[i].views[0]
		err := d.replay(start[i].index, v, from, func(_ uint64, _ *raft.Log, next *fsm.View) error {
			v = next
			return nil
		})
		if err != nil {
			return err
		}
		begin.views[i] = v
	}
	c.StatesFrom = from
	if begin.differ() {
		c.part(begin)
		if from > 0 {
			c.note("they may have parted earlier: %d is the first index that both can show the state of", from)
		}
		return nil
	}
	kept, err := together(both, begin, to, compareStride)
	if err != nil {
		return err
	}
	last := kept[len(kept)-1]
	c.StatesTo = last.index
	if !last.differ() {
		c.Digest = last.views[0].Digest()
		return nil
	}
	// kept[0] is the same and the last differs.
	at := sort.Search(len(kept)-1, func(i int) bool { return kept[i].differ() })
	if kept, err = together(both, kept[at-1], kept[at].index, 1); err != nil {
		return err
	}
	first := kept[sort.Search(len(kept)-1, func(i int) bool { return kept[i].differ() })]
	c.part(first)
	for _, d := range both {
		if s := d.wholeSnapshot(first.index); s != nil {
			c.note("%s has a snapshot at index %d (%s), which counts there, not what its entries lead to", d.Path, first.index, s.meta.ID)
		}
	}
	return nil
}

func (c *Comparison) part(p pair) {
	c.Same, c.Part, c.Index = false, PartState, p.index
	for i, v := range p.views {
		c.Sides[i].Digest = v.Digest()
	}
}

// together replays both directories and keeps the states that both have, the
// first, the last and some in between.
func together(both [2]*Directory, from pair, to, stride uint64) ([]pair, error) {
	seen := [2]map[uint64]*fsm.View{{}, {}}
	for i, d := range both {
		err := d.replay(from.index, from.views[i], to, func(index uint64, _ *raft.Log, v *fsm.View) error {
			if (index-from.index)%stride == 0 || index == to || d.wholeSnapshot(index) != nil {
				seen[i][index] = v
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	kept := []pair{from}
	for index := from.index + 1; index <= to; index++ {
		one, other := seen[0][index], seen[1][index]
		if one != nil && other != nil {
			kept = append(kept, pair{index, [2]*fsm.View{one, other}})
		}
	}
	return kept, nil
}

// noteCommit says what an entry that differs means.
func (c *Comparison) noteCommit(both [2]*Directory) error {
	committed := uint64(0)
	for _, d := range both {
		var r DirectoryReport
		if err := d.logReport(&r); err != nil {
			return err
		}
		committed = max(committed, r.Committed)
		for _, s := range d.snapshots {
			if _, err := s.view(); err == nil {
				committed = max(committed, s.meta.Index)
			}
		}
	}
	if c.Index > committed {
		c.note("entries up to %d are known to be committed, this one is not: an entry that its leader could not commit "+
			"is no fault, and is replaced when the node starts", committed)
		return nil
	}
	c.note("entries up to %d are known to be committed: logs must not differ there", committed)
	return nil
}

// noteHalts says what a halt means whose cause is not in the directories.
func (c *Comparison) noteHalts(both [2]*Directory) {
	for _, d := range both {
		h := d.diverged
		switch {
		case h == nil:
		case c.Same || c.Index > h.Index:
			c.note("%s halted because its state at index %d had digest %v; what is in its directory does not lead there: "+
				"the difference was in the memory of that process, or in the program it ran", d.Path, h.Index, h.Own)
		default:
			c.note("%s halted because its state at index %d had digest %v", d.Path, h.Index, h.Own)
		}
	}
}
