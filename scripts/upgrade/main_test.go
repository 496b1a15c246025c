package main

import (
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/transport/wire"
)

// What the writers do before the first round, and the time between two, is no gap.
func TestGapsAreOfRounds(t *testing.T) {
	p := &pulse{}
	p.beat()
	p.begin("forward")
	p.step("n1 leads")
	p.last = time.Now().Add(-time.Hour)
	p.beat()
	p.step("n2 leads")
	p.beat()
	if total, longest, where := p.end(); total != 3 || longest < time.Hour || where != "n1 leads" {
		t.Errorf("%d writes, %v at %q", total, longest, where)
	}
	p.last = time.Now().Add(-2 * time.Hour)
	p.begin("back")
	p.beat()
	if _, now, _ := p.end(); now >= time.Hour || p.longest >= 2*time.Hour || p.where != "forward, n1 leads" {
		t.Errorf("the second round: %v; longest %v at %q", now, p.longest, p.where)
	}
}

// A write that is missing shows, and so does one that happened twice.
func TestCounterIsExact(t *testing.T) {
	w := &writer{counter: "c", counted: 5, generation: 7}
	for _, c := range []struct {
		total      int64
		generation uint64
		ok         bool
	}{{5, 7, true}, {4, 6, false}, {5, 8, false}, {6, 8, false}} {
		p := wire.Provider{Generation: c.generation, Inventories: map[string]wire.InventoryUsage{
			class: {Inventory: wire.Inventory{Total: c.total}},
		}}
		if err := w.isCounted(p, "n1"); (err == nil) != c.ok {
			t.Errorf("total %d, generation %d: %v", c.total, c.generation, err)
		}
	}
	w.claims = map[string]claimed{"a": {2, 1}}
	if err := w.verify(t.Context(), map[string]wire.Consumer{}); err == nil || !strings.Contains(err.Error(), "not there") {
		t.Errorf("a lost claim: %v", err)
	}
	if err := w.verify(t.Context(), map[string]wire.Consumer{"a": {Generation: 2}}); err == nil || !strings.Contains(err.Error(), "generation 2") {
		t.Errorf("a claim that happened twice: %v", err)
	}
}
