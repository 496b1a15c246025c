package main

import (
	"slices"

	"github.com/treenode/treenode/scripts/faults/check"
)

// deposers are the faults that take the leader away while its process lives.
var deposers = []string{"pause-leader", "partition-leader"}

func (b *band) deposes() bool { return slices.Contains(deposers, b.Fault) }

// countDeposed counts the linearizable reads of certain nodes that were
// answered from the fault on until all was well, by nodes other than the newest
// leader. That is the one of the highest term that was seen leading by then.
func countDeposed(bands []*band, looks []look, ops []*check.Op, endpoints []string) {
	looks = slices.Clone(looks)
	slices.SortStableFunc(looks, func(a, b look) int { return int(min(1, max(-1, a.At-b.At))) })
	newest := func(at int64) int {
		leader, term := -1, uint64(0)
		for _, l := range looks {
			if l.At > at {
				break
			}
			if l.State == "leader" && l.Term >= term {
				leader, term = l.Node, l.Term
			}
		}
		return leader
	}
	for _, b := range bands {
		b.OtherReads, b.FormerReads = 0, 0
		if !b.deposes() {
			continue
		}
		former := newest(b.Begin)
		for _, o := range ops {
			if o.Level != check.Linearizable || o.Outcome != check.OK || o.Node == "" || o.Return < b.Struck || o.Return > b.end() {
				continue
			}
			node := slices.Index(endpoints, o.Node)
			if node < 0 || node == newest(o.Return) {
				continue
			}
			b.OtherReads++
			if node == former {
				b.FormerReads++
			}
		}
	}
}
