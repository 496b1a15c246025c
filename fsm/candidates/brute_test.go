package candidates

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// brute lists the candidates by trying every provider for every slot in every
// tree. It shares no code with the search.
func brute(w world, r *Request) []string {
	found := map[string]bool{}
	for _, root := range w {
		if root.parent != "" || !hasAll(root, r.RootRequired) || hasAny(root, r.RootForbidden) {
			continue
		}
		var reach []*thing
		for _, p := range w {
			if w.root(p) == root || slices.Contains(p.traits, sharingTrait) && w.linked(root, p) {
				reach = append(reach, p)
			}
		}
		b := &attempt{w: w, r: r, reach: reach, found: found}
		for i := range r.Groups {
			if g := &r.Groups[i]; g.Suffix == "" {
				for _, res := range g.Resources {
					b.wants = append(b.wants, want{g, []Resource{res}})
				}
			} else {
				b.wants = append(b.wants, want{g, g.Resources})
			}
		}
		b.try(nil)
	}
	var all []string
	for text := range found {
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// linked reports whether a provider shares an aggregate with any of a tree.
func (w world) linked(root, p *thing) bool {
	for _, q := range w {
		if w.root(q) == root && slices.ContainsFunc(q.aggregates, func(a int) bool { return slices.Contains(p.aggregates, a) }) {
			return true
		}
	}
	return false
}

func hasAll(p *thing, traits []string) bool {
	return !slices.ContainsFunc(traits, func(t string) bool { return !slices.Contains(p.traits, t) })
}

func hasAny(p *thing, traits []string) bool {
	return slices.ContainsFunc(traits, func(t string) bool { return slices.Contains(p.traits, t) })
}

type want struct {
	group     *Group
	resources []Resource
}

type attempt struct {
	w     world
	r     *Request
	reach []*thing
	wants []want
	found map[string]bool
}

func (b *attempt) try(chosen []*thing) {
	if len(chosen) == len(b.wants) {
		if b.holds(chosen) {
			b.found[b.text(chosen)] = true
		}
		return
	}
	for _, p := range b.reach {
		if b.alone(b.wants[len(chosen)], p) {
			b.try(append(slices.Clone(chosen), p))
		}
	}
}

// alone checks what a provider must be by itself.
func (b *attempt) alone(x want, p *thing) bool {
	g := x.group
	for _, res := range x.resources {
		s := p.stock(res.Class)
		if s == nil || res.Amount < cmpOr(s.least, 1) || s.most != 0 && res.Amount > s.most || res.Amount%cmpOr(s.step, 1) != 0 {
			return false
		}
	}
	if hasAny(p, g.Forbidden) {
		return false
	}
	member := func(p *thing, choices [][]tree.UUID) bool {
		for _, choice := range choices {
			if !slices.ContainsFunc(p.aggregates, func(a int) bool { return slices.Contains(choice, num(1000+a)) }) {
				return false
			}
		}
		return true
	}
	root := b.w.root(p)
	if g.Suffix != "" {
		root = p
		for _, choice := range g.Required {
			if !hasAny(p, choice) {
				return false
			}
		}
	}
	if !member(p, g.MemberOf) && !member(root, g.MemberOf) {
		return false
	}
	if g.NotMember != nil && (member(p, [][]tree.UUID{g.NotMember}) || member(root, [][]tree.UUID{g.NotMember})) {
		return false
	}
	return g.InTree.IsZero() || slices.ContainsFunc(b.w, func(q *thing) bool {
		return b.w.uuid(q.name) == g.InTree && b.w.root(q) == b.w.root(p)
	})
}

// holds checks what the providers must be together.
func (b *attempt) holds(chosen []*thing) bool {
	taken := map[*stock]int64{}
	bySuffix := map[string]*thing{}
	var loose, apart []*thing
	var wanted [][]string
	byRoot := map[*thing]*thing{}
	for i, p := range chosen {
		for _, res := range b.wants[i].resources {
			taken[p.stock(res.Class)] += res.Amount
		}
		if g := b.wants[i].group; g.Suffix == "" {
			loose, wanted = append(loose, p), g.Required
		} else {
			if b.r.Policy == Isolate && slices.Contains(apart, p) {
				return false
			}
			apart = append(apart, p)
			bySuffix[g.Suffix] = p
		}
		root := b.w.root(p)
		if other := byRoot[root]; !b.r.Nested && other != nil && other != p {
			return false
		}
		byRoot[root] = p
	}
	for s, amount := range taken {
		if s.used+amount > s.total-s.reserved || s.most != 0 && amount > s.most {
			return false
		}
	}
	for _, choice := range wanted {
		if !slices.ContainsFunc(loose, func(p *thing) bool { return hasAny(p, choice) }) {
			return false
		}
	}
	for _, set := range b.r.SameSubtree {
		topped := slices.ContainsFunc(set, func(top string) bool {
			return !slices.ContainsFunc(set, func(s string) bool { return !b.w.within(bySuffix[top], bySuffix[s]) })
		})
		if !topped {
			return false
		}
	}
	return true
}

func (b *attempt) text(chosen []*thing) string {
	amounts := map[string]int64{}
	names := map[string][]string{}
	for i, p := range chosen {
		for _, res := range b.wants[i].resources {
			amounts[p.name+":"+res.Class] += res.Amount
		}
		suffix := b.wants[i].group.Suffix
		if !slices.Contains(names[suffix], p.name) {
			names[suffix] = append(names[suffix], p.name)
		}
	}
	var taken, met []string
	for k, n := range amounts {
		taken = append(taken, fmt.Sprintf("%s=%d", k, n))
	}
	for suffix, list := range names {
		slices.Sort(list)
		met = append(met, fmt.Sprintf("%q:%s", suffix, strings.Join(list, ",")))
	}
	slices.Sort(taken)
	slices.Sort(met)
	return strings.Join(taken, " ") + " | " + strings.Join(met, " ")
}

var (
	seedFlag  = flag.Uint64("seed", 1, "seed of the random worlds and requests")
	roundFlag = flag.Int("rounds", 6000, "number of random worlds and requests")
)

// TestBrute compares the search with trying everything: the same candidates,
// none twice, whatever the order, and with a limit the first of them.
func TestBrute(t *testing.T) {
	rounds := *roundFlag
	if testing.Short() {
		rounds = min(rounds, 1000)
	}
	t.Logf("seed %d, %d rounds", *seedFlag, rounds)
	answered, candidates := 0, 0
	for round := range rounds {
		rng := rand.New(rand.NewPCG(*seedFlag, uint64(round)))
		w := randomWorld(rng, 8)
		r := randomRequest(rng, w)
		switch round % 4 {
		case 0:
			w, r = randomBoxes(rng)
		case 1:
			w, r = randomNodes(rng)
		}
		s := w.state(t)
		want := brute(w, r)
		for _, o := range []Options{{}, {Order: BreadthFirst}, {Random: true, Seed: rng.Uint64()}} {
			r.Options = o
			all, _ := texts(t, s, r)
			got := slices.Sorted(slices.Values(all))
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d round %d\n%v%+v\ngot\n  %s\nwant\n  %s", *seedFlag, round, w, r,
					strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
			if len(all) > 1 {
				limited := *r
				limited.Limit = 1 + rng.IntN(len(all))
				if some, _ := texts(t, s, &limited); !slices.Equal(some, all[:limited.Limit]) {
					t.Fatalf("seed %d round %d: limit %d gives\n%v\nwant\n%v", *seedFlag, round, limited.Limit, some, all[:limited.Limit])
				}
			}
		}
		if len(want) > 0 {
			answered++
		}
		candidates += len(want)
	}
	t.Logf("%d of %d requests have an answer, %d candidates in all", answered, rounds, candidates)
	if answered < rounds/10 {
		t.Error("hardly a request has an answer: little was compared")
	}
}
