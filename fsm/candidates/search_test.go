package candidates

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

func collect(t *testing.T, s *tree.State, r *Request) []string {
	t.Helper()
	all, _ := texts(t, s, r)
	return all
}

// TestLazy shows that a limit ends the work: trees past it are not entered.
func TestLazy(t *testing.T) {
	s := flat(1000).state(t)
	r := flatRequest()
	r.Limit = 7
	all, stats := texts(t, s, r)
	if len(all) != 7 || stats.Trees != 7 || stats.Generated != 7 {
		t.Errorf("%d candidates, %+v", len(all), stats)
	}
}

// TestPruning shows that trees without what is rare are not entered, whichever
// index tells.
func TestPruning(t *testing.T) {
	w := numa(200)
	w.find("h7.1.gpu").traits = []string{"CUSTOM_A"}
	w.find("h8").traits = []string{"CUSTOM_B"}
	w.find("h9.0.gpu").aggregates = []int{1}
	w = append(w, &thing{name: "rare", inventories: []stock{{class: "VGPU", total: 1}}})
	s := w.state(t)
	gpu := wish("g", Resource{"PGPU", 1})
	change := func(f func(r *Request, g *Group)) *Request {
		r := &Request{Nested: true, Groups: []Group{gpu}}
		f(r, &r.Groups[0])
		return r
	}
	for name, c := range map[string]struct {
		r            *Request
		trees, found int
	}{
		"class":     {change(func(_ *Request, g *Group) { g.Resources = []Resource{{"VGPU", 1}} }), 1, 1},
		"trait":     {change(func(_ *Request, g *Group) { g.Required = [][]string{{"CUSTOM_A"}} }), 1, 1},
		"any trait": {change(func(_ *Request, g *Group) { g.Required = [][]string{{"CUSTOM_A", "CUSTOM_B"}} }), 2, 1},
		"loose trait": {change(func(_ *Request, g *Group) {
			g.Suffix = ""
			g.Required = [][]string{{"CUSTOM_A"}}
		}), 1, 1},
		"aggregate":     {change(func(_ *Request, g *Group) { g.MemberOf = [][]tree.UUID{{num(1001)}} }), 1, 1},
		"no aggregate":  {change(func(_ *Request, g *Group) { g.MemberOf = [][]tree.UUID{{num(1002)}} }), 0, 0},
		"in tree":       {change(func(_ *Request, g *Group) { g.InTree = w.uuid("h3.0") }), 1, 2},
		"in no tree":    {change(func(_ *Request, g *Group) { g.InTree = w.uuid("nobody") }), 0, 0},
		"root required": {change(func(r *Request, _ *Group) { r.RootRequired = []string{"CUSTOM_B"} }), 1, 2},
		"two that never meet": {change(func(r *Request, g *Group) {
			g.Required = [][]string{{"CUSTOM_A"}}
			r.Groups = append(r.Groups, Group{Suffix: "b", Resources: gpu.Resources, MemberOf: [][]tree.UUID{{num(1001)}}})
		}), 0, 0},
	} {
		all, stats := texts(t, s, c.r)
		if stats.Trees != c.trees || len(all) != c.found {
			t.Errorf("%s: %d trees entered, want %d; %d candidates, want %d", name, stats.Trees, c.trees, len(all), c.found)
		}
	}
}

func TestOrder(t *testing.T) {
	s := devices(3, 2).state(t)
	r := &Request{Nested: true, Groups: like(1, Resource{"VGPU", 1})}
	hosts := func(all []string) string {
		var b strings.Builder
		for _, text := range all {
			b.WriteString(text[:2])
		}
		return b.String()
	}
	if got := hosts(collect(t, s, r)); got != "h0h0h1h1h2h2" {
		t.Errorf("depth first: %s", got)
	}
	r.Order = BreadthFirst
	if got := hosts(collect(t, s, r)); got != "h0h1h2h0h1h2" {
		t.Errorf("breadth first: %s", got)
	}
}

// TestMaxGenerated shows that it bounds what Limit chooses from.
func TestMaxGenerated(t *testing.T) {
	s := devices(3, 4).state(t)
	r := &Request{Nested: true, Groups: like(1, Resource{"VGPU", 1})}
	all := collect(t, s, r)
	r.MaxGenerated = 5
	if got := collect(t, s, r); !slices.Equal(got, all[:5]) {
		t.Errorf("%v, want the first five of %v", got, all)
	}
	r.Limit = 2
	if got := collect(t, s, r); !slices.Equal(got, all[:2]) {
		t.Errorf("%v, want the first two of %v", got, all)
	}
	r.Limit = 9
	if got := collect(t, s, r); len(got) != 5 {
		t.Errorf("%d candidates, want five", len(got))
	}
}

// TestRandom shows that a seed decides, that seeds differ, and that every
// candidate has its turn.
func TestRandom(t *testing.T) {
	s := devices(3, 4).state(t)
	all := collect(t, s, &Request{Nested: true, Groups: like(1, Resource{"VGPU", 1})})
	for _, most := range []int{0, 6, 100} {
		seen := map[string]bool{}
		for seed := range uint64(200) {
			r := &Request{Nested: true, Groups: like(1, Resource{"VGPU", 1}), Limit: 3,
				Options: Options{Random: true, Seed: seed, MaxGenerated: most}}
			got := collect(t, s, r)
			if len(got) != 3 || got[0] == got[1] || got[1] == got[2] || got[0] == got[2] {
				t.Fatalf("bound %d seed %d: %v", most, seed, got)
			}
			if again := collect(t, s, r); !slices.Equal(got, again) {
				t.Fatalf("bound %d seed %d: %v, then %v", most, seed, got, again)
			}
			for _, text := range got {
				seen[text] = true
			}
		}
		if len(seen) != len(all) {
			t.Errorf("bound %d: %d of %d candidates were ever chosen", most, len(seen), len(all))
		}
	}
	r := &Request{Nested: true, Groups: like(1, Resource{"VGPU", 1}), Options: Options{Random: true, MaxGenerated: 6}}
	if got := collect(t, s, r); len(got) != 6 {
		t.Errorf("without a limit %d candidates, want 6", len(got))
	}
}

// TestGaveUp shows that MaxSteps ends a search, says so, and that what it
// found before is right.
func TestGaveUp(t *testing.T) {
	const seed = 11
	t.Logf("seed %d", seed)
	gave := 0
	for round := range 500 {
		rng := rand.New(rand.NewPCG(seed, uint64(round)))
		w := randomWorld(rng, 8)
		r := randomRequest(rng, w)
		s := w.state(t)
		want := collect(t, s, r)
		r.MaxSteps = 1 + rng.IntN(40)
		f, err := New(s, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for c := range f.All() {
			if !slices.Contains(want, c.text()) {
				t.Fatalf("round %d: %s is no candidate", round, c.text())
			}
			n++
		}
		if f.Stats().Steps > r.MaxSteps {
			t.Fatalf("round %d: %d steps, bound %d", round, f.Stats().Steps, r.MaxSteps)
		}
		if f.GaveUp() {
			gave++
		} else if n != len(want) {
			t.Fatalf("round %d: %d of %d candidates, and no word of giving up", round, n, len(want))
		}
	}
	if gave == 0 {
		t.Error("no search gave up: nothing was shown")
	}
}

// TestObserverChangesNothing compares searches that are watched with those
// that are not.
func TestObserverChangesNothing(t *testing.T) {
	const seed = 12
	t.Logf("seed %d", seed)
	for round := range 500 {
		rng := rand.New(rand.NewPCG(seed, uint64(round)))
		w := randomWorld(rng, 8)
		r := randomRequest(rng, w)
		s := w.state(t)
		want := slices.Sorted(slices.Values(collect(t, s, r)))
		why := &told{}
		f, err := New(s, r, why)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for c := range f.All() {
			got = append(got, c.text())
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Fatalf("round %d: %v, want %v", round, got, want)
		}
		if len(got) == 0 && len(why.lines) == 0 {
			t.Fatalf("round %d: no candidate and no reason", round)
		}
	}
}

// TestCandidatesStayApart changes what one answer holds and looks at others.
func TestCandidatesStayApart(t *testing.T) {
	w := numa(2)
	f, err := New(w.state(t), numaRequest(), nil)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := f.Next()
	before := first.text()
	second, _ := f.Next()
	after := second.text()
	second.Mappings[0].Providers = append(second.Mappings[0].Providers, second.Mappings[1].Providers...)
	_ = append(second.Mappings[0].Providers[:1], second.Mappings[2].Providers[0])
	if second.Mappings[1].Providers[0].Name() == second.Mappings[2].Providers[0].Name() {
		t.Error("one mapping wrote into another")
	}
	for range f.All() {
	}
	if first.text() != before || after == before {
		t.Error("a later answer changed an earlier one")
	}
}

func TestRefusals(t *testing.T) {
	s := flat(1).state(t)
	vcpu := []Resource{{"VCPU", 1}}
	for _, c := range []struct {
		r     Request
		code  Code
		field string
	}{
		{Request{}, CodeInvalid, "groups"},
		{Request{Groups: make([]Group, groupsMax+1)}, CodeInvalid, "groups"},
		{Request{Groups: []Group{{Resources: vcpu}}, Limit: -1}, CodeInvalid, "limit"},
		{Request{Groups: []Group{{Resources: vcpu}}, Options: Options{MaxGenerated: -1}}, CodeInvalid, "max_generated"},
		{Request{Groups: []Group{{Resources: vcpu}}, Options: Options{MaxSteps: -1}}, CodeInvalid, "max_steps"},
		{Request{Groups: []Group{{Resources: vcpu}, {Resources: vcpu}}}, CodeInvalid, "groups[1].suffix"},
		{Request{Groups: []Group{{Suffix: "a"}}, SameSubtree: [][]string{{"a"}}}, CodeInvalid, "groups"},
		{Request{Groups: []Group{{Resources: vcpu}, {Suffix: "a"}}}, CodeInvalid, "groups[1].resources"},
		{Request{Groups: []Group{{Resources: vcpu}}, SameSubtree: [][]string{{""}}}, CodeInvalid, "same_subtree[0][0]"},
		{Request{Groups: []Group{{Resources: make([]Resource, resourcesMax+1)}}}, CodeInvalid, "groups[0].resources"},
		{Request{Groups: []Group{{Resources: []Resource{{"VCPU", 0}}}}}, CodeInvalid, "groups[0].resources[0].amount"},
		{Request{Groups: []Group{{Resources: []Resource{{"VCPU", amountMax + 1}}}}}, CodeInvalid, "groups[0].resources[0].amount"},
		{Request{Groups: []Group{{Resources: []Resource{{"VCPU", 1}, {"VCPU", 2}}}}}, CodeInvalid, "groups[0].resources[1].class"},
		{Request{Groups: []Group{{Resources: vcpu, Required: [][]string{{}}}}}, CodeInvalid, "groups[0].required[0]"},
		{Request{Groups: []Group{{Resources: vcpu, MemberOf: [][]tree.UUID{{}}}}}, CodeInvalid, "groups[0].member_of[0]"},
		{Request{Groups: []Group{{Resources: []Resource{{"CUSTOM_X", 1}}}}}, CodeUnknownClass, "groups[0].resources[0].class"},
		{Request{Groups: []Group{{Resources: vcpu, Required: [][]string{{"CUSTOM_X"}}}}}, CodeUnknownTrait, "groups[0].required[0]"},
		{Request{Groups: []Group{{Resources: vcpu, Forbidden: []string{"CUSTOM_X"}}}}, CodeUnknownTrait, "groups[0].forbidden"},
		{Request{Groups: []Group{{Resources: vcpu}}, RootRequired: []string{"CUSTOM_X"}}, CodeUnknownTrait, "root_required[0]"},
		{Request{Groups: []Group{{Resources: vcpu}}, RootForbidden: []string{"CUSTOM_X"}}, CodeUnknownTrait, "root_forbidden[0]"},
	} {
		f, err := New(s, &c.r, nil)
		var e *Error
		if f != nil || !errors.As(err, &e) {
			t.Errorf("%s: %v, want a refusal", c.field, err)
			continue
		}
		if e.Code != c.code || e.Field != c.field || (e.Value == "") != (e.Code == CodeInvalid) || !strings.HasPrefix(e.Error(), c.field+": ") {
			t.Errorf("got %+v, want %s at %s", e, c.code, c.field)
		}
	}
}
