package candidates

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// world is a plain description of providers, from which tests make a state.
// Names stand for what they name: provider 3 is "p3", aggregate 2 is num(2).
type world []*thing

type thing struct {
	name        string
	parent      string
	inventories []stock
	traits      []string
	aggregates  []int
}

type stock struct {
	class                                    string
	total, reserved, least, most, step, used int64
}

func (w world) find(name string) *thing {
	for _, p := range w {
		if p.name == name {
			return p
		}
	}
	return nil
}

func (w world) root(p *thing) *thing {
	for p.parent != "" {
		p = w.find(p.parent)
	}
	return p
}

// within reports whether p is top or below it.
func (w world) within(top, p *thing) bool {
	for ; p != nil; p = w.find(p.parent) {
		if p == top {
			return true
		}
	}
	return false
}

func (p *thing) stock(class string) *stock {
	for i := range p.inventories {
		if p.inventories[i].class == class {
			return &p.inventories[i]
		}
	}
	return nil
}

func num(n int) tree.UUID {
	return tree.UUID{0: 1, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}
}

// holder is the consumer of all that is used.
var holder = num(1 << 20)

func (w world) uuid(name string) tree.UUID {
	for i, p := range w {
		if p.name == name {
			return num(i + 1)
		}
	}
	return num(1 << 21) // nobody
}

func (w world) state(t testing.TB) *tree.State {
	t.Helper()
	var ops []tree.Op
	var held []tree.AllocationOf
	for _, name := range someTraits {
		ops = append(ops, tree.CreateTrait{Trait: name})
	}
	for _, p := range w {
		ops = append(ops, tree.CreateProvider{UUID: w.uuid(p.name), Name: p.name, Parent: tree.ByName(p.parent)})
	}
	for _, p := range w {
		ref := tree.ByName(p.name)
		var list []tree.InventoryOf
		for _, i := range p.inventories {
			ops = append(ops, classOp(i.class)...)
			list = append(list, tree.InventoryOf{Class: i.class, Inventory: tree.Inventory{
				Total: i.total, Reserved: i.reserved, MinUnit: max(1, i.least), MaxUnit: cmpOr(i.most, amountMax), StepSize: max(1, i.step), Ratio: tree.One,
			}})
			if i.used > 0 {
				held = append(held, tree.AllocationOf{Provider: ref, Class: i.class, Amount: i.used})
			}
		}
		if list != nil {
			ops = append(ops, tree.SetInventories{Provider: ref, Inventories: list})
		}
		for _, name := range p.traits {
			ops = append(ops, tree.CreateTrait{Trait: name})
		}
		if p.traits != nil {
			ops = append(ops, tree.ChangeTraits{Provider: ref, Traits: p.traits})
		}
		var aggregates []tree.UUID
		for _, a := range p.aggregates {
			aggregates = append(aggregates, num(1000+a))
		}
		if aggregates != nil {
			ops = append(ops, tree.ChangeAggregates{Provider: ref, Aggregates: aggregates})
		}
	}
	if held != nil {
		ops = append(ops, tree.Claim{Consumers: []tree.ConsumerClaim{{Consumer: holder, Project: "p", User: "u", Allocations: held}}})
	}
	s, _, err := tree.New().Apply(1, tree.Txn{Ops: ops}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func classOp(name string) []tree.Op {
	if strings.HasPrefix(name, "CUSTOM_") {
		return []tree.Op{tree.CreateResourceClass{Class: name}}
	}
	return nil
}

func cmpOr(a, b int64) int64 {
	if a != 0 {
		return a
	}
	return b
}

// The names random worlds are made of.
var (
	someClasses = []string{"VCPU", "DISK_GB", "VGPU"}
	someTraits  = []string{"CUSTOM_A", "CUSTOM_B", "CUSTOM_C"}
)

const someAggregates = 3

// randomWorld has up to most providers in a few trees, some of them sharing.
func randomWorld(rng *rand.Rand, most int) world {
	var w world
	for i := range 1 + rng.IntN(most) {
		p := &thing{name: fmt.Sprintf("p%d", i)}
		if i > 0 && rng.IntN(3) > 0 {
			p.parent = w[rng.IntN(len(w))].name
		}
		for _, class := range someClasses {
			if rng.IntN(5) < 2 {
				continue
			}
			s := stock{class: class, total: 1 + rng.Int64N(5)}
			if rng.IntN(4) == 0 {
				s.reserved = rng.Int64N(s.total + 1)
			}
			if rng.IntN(4) == 0 {
				s.most = 1 + rng.Int64N(3)
			}
			if rng.IntN(6) == 0 {
				s.least = 2
			}
			if rng.IntN(6) == 0 {
				s.step = 2
			}
			if least := cmpOr(s.least, 1); rng.IntN(4) == 0 && s.step == 0 && least <= s.total-s.reserved && (s.most == 0 || least <= s.most) {
				s.used = least
			}
			p.inventories = append(p.inventories, s)
		}
		for _, name := range someTraits {
			if rng.IntN(3) == 0 {
				p.traits = append(p.traits, name)
			}
		}
		if rng.IntN(5) == 0 {
			p.traits = append(p.traits, sharingTrait)
		}
		for a := range someAggregates {
			if rng.IntN(3) == 0 {
				p.aggregates = append(p.aggregates, a)
			}
		}
		w = append(w, p)
	}
	return w
}

// randomRequest asks for something of a random world.
func randomRequest(rng *rand.Rand, w world) *Request {
	r := &Request{Nested: rng.IntN(4) > 0, Policy: Policy(rng.IntN(2))}
	groups := 1 + rng.IntN(4)
	for i := range groups {
		g := Group{Suffix: fmt.Sprintf("_%d", i)}
		if i == 0 && rng.IntN(2) == 0 {
			g.Suffix = ""
		}
		for _, class := range someClasses {
			if rng.IntN(5) < 2 {
				g.Resources = append(g.Resources, Resource{class, 1 + rng.Int64N(2)})
			}
		}
		if len(g.Resources) == 0 && (g.Suffix == "" || i == 0 || rng.IntN(2) > 0) {
			g.Resources = []Resource{{someClasses[rng.IntN(len(someClasses))], 1}}
		}
		if rng.IntN(4) == 0 {
			choice := []string{someTraits[rng.IntN(len(someTraits))]}
			if other := someTraits[rng.IntN(len(someTraits))]; rng.IntN(3) == 0 && other != choice[0] {
				choice = append(choice, other)
			}
			g.Required = append(g.Required, choice)
			if other := someTraits[rng.IntN(len(someTraits))]; rng.IntN(3) == 0 && other != choice[0] {
				g.Required = append(g.Required, []string{other})
			}
		}
		if f := someTraits[rng.IntN(len(someTraits))]; rng.IntN(6) == 0 && !slices.ContainsFunc(g.Required, func(c []string) bool { return slices.Contains(c, f) }) {
			g.Forbidden = []string{f}
		}
		if rng.IntN(6) == 0 {
			for range 1 + rng.IntN(2) {
				choice := []tree.UUID{num(1000 + rng.IntN(someAggregates))}
				if rng.IntN(2) == 0 {
					choice = append(choice, num(1000+rng.IntN(someAggregates)))
				}
				g.MemberOf = append(g.MemberOf, choice)
			}
		}
		if rng.IntN(8) == 0 {
			g.NotMember = []tree.UUID{num(1000 + rng.IntN(someAggregates))}
		}
		if rng.IntN(10) == 0 && len(g.Resources) > 0 {
			g.InTree = w.uuid(w[rng.IntN(len(w))].name)
		}
		if i > 0 && rng.IntN(2) == 0 { // like groups are common
			like := r.Groups[i-1]
			if like.Suffix != "" && len(like.Resources) > 0 {
				like.Suffix = g.Suffix
				g = like
			}
		}
		r.Groups = append(r.Groups, g)
	}
	var set []string
	for _, g := range r.Groups {
		if g.Suffix != "" && (len(g.Resources) == 0 || rng.IntN(3) == 0) {
			set = append(set, g.Suffix)
		}
	}
	if len(set) > 0 && r.Nested {
		r.SameSubtree = append(r.SameSubtree, set)
		if rng.IntN(4) == 0 && len(r.Groups) > 1 && r.Groups[1].Suffix != set[0] {
			r.SameSubtree = append(r.SameSubtree, []string{set[0], r.Groups[1].Suffix})
		}
	}
	if r.Nested && rng.IntN(6) == 0 {
		pairUp(rng, r)
	}
	if !r.Nested {
		r.Groups = slices.DeleteFunc(r.Groups, func(g Group) bool { return len(g.Resources) == 0 })
	}
	if rng.IntN(8) == 0 {
		r.RootRequired = []string{someTraits[rng.IntN(len(someTraits))]}
	}
	if f := someTraits[rng.IntN(len(someTraits))]; rng.IntN(8) == 0 && !slices.Contains(r.RootRequired, f) {
		r.RootForbidden = []string{f}
	}
	return r
}

// pairUp makes the request one of pairs, each within a subtree. The pairs are
// like or not, and some requests have sets across pairs.
func pairUp(rng *rand.Rand, r *Request) {
	r.Groups, r.SameSubtree = nil, nil
	var above, below Group
	alike := rng.IntN(2) == 0
	for i := range 1 + rng.IntN(3) {
		if i == 0 || !alike {
			above = Group{Required: [][]string{{someTraits[rng.IntN(len(someTraits))]}}}
			below = Group{Resources: []Resource{{someClasses[rng.IntN(len(someClasses))], 1}}}
		}
		above.Suffix, below.Suffix = fmt.Sprintf("_a%d", i), fmt.Sprintf("_b%d", i)
		r.Groups = append(r.Groups, above, below)
		r.SameSubtree = append(r.SameSubtree, []string{above.Suffix, below.Suffix})
	}
	if rng.IntN(2) == 0 {
		r.SameSubtree = append(r.SameSubtree, []string{
			r.Groups[rng.IntN(len(r.Groups))].Suffix, r.Groups[rng.IntN(len(r.Groups))].Suffix,
		})
		rng.Shuffle(len(r.SameSubtree), func(i, j int) {
			r.SameSubtree[i], r.SameSubtree[j] = r.SameSubtree[j], r.SameSubtree[i]
		})
	}
}

// randomBoxes asks for amounts that differ, of rooms that differ.
func randomBoxes(rng *rand.Rand) (world, *Request) {
	w := world{{name: "p0"}}
	for i := range 2 + rng.IntN(3) {
		p := &thing{name: fmt.Sprintf("p%d", i+1), parent: "p0", inventories: []stock{{class: "VGPU", total: 2 + rng.Int64N(4)}}}
		if rng.IntN(3) == 0 {
			p.inventories = append(p.inventories, stock{class: "VCPU", total: 1 + rng.Int64N(3)})
		}
		if rng.IntN(2) == 0 {
			p.traits = []string{"CUSTOM_A"}
		}
		w = append(w, p)
	}
	r := &Request{Nested: true, Policy: Policy(rng.IntN(2))}
	for i := range 2 + rng.IntN(4) {
		g := Group{Suffix: fmt.Sprintf("_%d", i), Resources: []Resource{{"VGPU", 1 + rng.Int64N(3)}}}
		if i == 0 && rng.IntN(3) == 0 {
			g.Suffix = ""
		}
		if rng.IntN(5) == 0 {
			g.Resources = append(g.Resources, Resource{"VCPU", 1})
		}
		if rng.IntN(3) == 0 {
			g.Required = [][]string{{"CUSTOM_A"}}
		}
		r.Groups = append(r.Groups, g)
	}
	return w, r
}

// randomNodes asks for sets below nodes that have little each.
func randomNodes(rng *rand.Rand) (world, *Request) {
	w := world{{name: "p0"}}
	for i := range 2 + rng.IntN(2) {
		node := &thing{name: fmt.Sprintf("n%d", i), parent: "p0", traits: []string{"CUSTOM_A"}}
		w = append(w, node)
		if rng.IntN(3) == 0 { // one device for both
			w = append(w, &thing{name: node.name + "x", parent: node.name, inventories: []stock{
				{class: "VGPU", total: 1 + rng.Int64N(2)}, {class: "DISK_GB", total: 1 + rng.Int64N(2)},
			}})
			continue
		}
		for _, class := range []string{"VGPU", "DISK_GB"} {
			if rng.IntN(4) > 0 {
				w = append(w, &thing{name: node.name + class, parent: node.name, inventories: []stock{{class: class, total: 1 + rng.Int64N(2)}}})
			}
		}
	}
	r := &Request{Nested: true, Policy: Policy(rng.IntN(2))}
	for i := range 3 {
		above, below := fmt.Sprintf("_a%d", i), fmt.Sprintf("_b%d", i)
		class := []string{"VGPU", "DISK_GB"}[rng.IntN(2)]
		r.Groups = append(r.Groups, Group{Suffix: above, Required: [][]string{{"CUSTOM_A"}}}, wish(below, Resource{class, 1}))
		r.SameSubtree = append(r.SameSubtree, []string{above, below})
	}
	if rng.IntN(2) == 0 {
		r.SameSubtree = append(r.SameSubtree, []string{fmt.Sprintf("_a%d", rng.IntN(3)), fmt.Sprintf("_b%d", rng.IntN(3))})
	}
	rng.Shuffle(len(r.SameSubtree), func(i, j int) {
		r.SameSubtree[i], r.SameSubtree[j] = r.SameSubtree[j], r.SameSubtree[i]
	})
	return w, r
}

// text is a candidate for comparison: what is taken, then who meets what.
func (c Candidate) text() string {
	var taken, met []string
	for _, a := range c.Allocations {
		taken = append(taken, fmt.Sprintf("%s:%s=%d", a.Provider.Name(), a.Class, a.Amount))
	}
	for _, m := range c.Mappings {
		var names []string
		for _, p := range m.Providers {
			names = append(names, p.Name())
		}
		slices.Sort(names)
		met = append(met, fmt.Sprintf("%q:%s", m.Suffix, strings.Join(names, ",")))
	}
	slices.Sort(taken)
	slices.Sort(met)
	return strings.Join(taken, " ") + " | " + strings.Join(met, " ")
}

// texts runs a search to its end.
func texts(t testing.TB, s *tree.State, r *Request) ([]string, Stats) {
	t.Helper()
	f, err := New(s, r, nil)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	var all []string
	for c := range f.All() {
		all = append(all, c.text())
	}
	return all, f.Stats()
}

func (w world) String() string {
	var b strings.Builder
	for _, p := range w {
		fmt.Fprintf(&b, "%+v\n", *p)
	}
	return b.String()
}
