package fsm

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

func TestRaised(t *testing.T) {
	j := newJournal(t, nil)
	j.furnish()
	last := j.command(tree.CreateTrait{Trait: "CUSTOM_LAST"})
	first := j.apply(last)[0]
	before := j.m.View()
	bytesBefore := snapshot(t, before)

	const index, generations = 1_000_000, 1000
	raised, err := before.Raised(Raise{Index: index, Generations: generations})
	if err != nil {
		t.Fatal(err)
	}
	if err := raised.Tree.Check(); err != nil {
		t.Error(err)
	}
	if raised.Index != before.Index+index || raised.Tree.Revision() != before.Tree.Revision()+index || raised.LogTime() != before.LogTime() {
		t.Errorf("index %d, revision %d, log time %d", raised.Index, raised.Tree.Revision(), raised.LogTime())
	}
	wantSameRequests(t, before, raised)
	if !slices.Equal(snapshot(t, before), bytesBefore) {
		t.Error("the view that was raised has changed")
	}

	// Nothing else differs.
	for p := range raised.Tree.ProviderRecords() {
		if p.Generation < generations {
			t.Errorf("provider %s has generation %d", p.Name, p.Generation)
		}
	}
	if raised.Digest() == before.Digest() {
		t.Error("the digest does not see generations")
	}
	minus := func(n uint64) uint64 { return -n }
	if lowered := unraised(t, raised, minus(index), minus(generations)); lowered != before.Digest() {
		t.Error("more than numbers differ")
	}

	// It goes on: old ids get their old answers, old generations conflict.
	m := NewFrom(raised)
	again, err := m.Apply(raised.Index+1, EncodeBatch(j.at, [][]byte{last}))
	if err != nil {
		t.Fatal(err)
	}
	if !again[0].Replayed || again[0].Index != first.Index {
		t.Errorf("a known request id: %+v", again[0])
	}
	var host tree.ProviderRecord
	for p := range before.Tree.ProviderRecords() {
		host = p
		break
	}
	stale := encoded(t, j.id(), tree.Txn{
		Preconditions: []tree.Precondition{{Kind: tree.ProviderGeneration, Provider: tree.ByUUID(host.UUID), Value: host.Generation}},
		Ops:           []tree.Op{tree.CreateTrait{Trait: "CUSTOM_STALE"}},
	})
	results, err := m.Apply(raised.Index+2, EncodeBatch(j.at, [][]byte{stale}))
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, results[0], tree.CodeConflict)
}

// unraised is the digest of a view with other numbers, which may wrap around.
func unraised(t *testing.T, v *View, index, generations uint64) [32]byte {
	t.Helper()
	meta := v.Tree.Meta()
	meta.Revision += index
	b := tree.NewBuilder(meta)
	for r := range v.Tree.ClassRecords() {
		b.AddClass(r)
	}
	for r := range v.Tree.TraitRecords() {
		b.AddTrait(r)
	}
	for r := range v.Tree.ProviderRecords() {
		r.Generation += generations
		b.AddProvider(r)
	}
	for r := range v.Tree.ConsumerRecords() {
		r.Generation += generations
		b.AddConsumer(r)
	}
	s, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return (&View{Tree: s}).Digest()
}

func TestRaisedTooFar(t *testing.T) {
	j := newJournal(t, nil)
	j.furnish()
	for want, r := range map[string]Raise{
		"the index": {Index: math.MaxInt64}, "generation of": {Generations: math.MaxInt64}, "by 18446744073709551615": {Index: math.MaxUint64},
	} {
		if v, err := j.m.View().Raised(r); err == nil || v != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
