package migrate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/treenode/treenode/transport/wire"
)

// Bounds of one transaction: well below those of the cluster for a command and
// a body, and small enough that others get their turn between two.
const (
	batchBytesMax = 160 << 10
	batchOpsMax   = 1000
)

// PlanOptions say what may happen to a target that is not empty.
type PlanOptions struct {
	// Resume goes on with what an earlier run began: what differs from the
	// source is made like it. What the source does not have is refused.
	Resume bool
	// Merge is Resume, and leaves alone what the source does not have.
	Merge bool
	// Prune is Resume, and removes what the source does not have.
	Prune bool
	// NoGenerations leaves generations to the target, which counts its own.
	NoGenerations bool
}

// Plan is what makes a target hold what a source holds.
type Plan struct {
	// Summary counts what is done.
	Summary Summary
	// stages follow each other; the batches of a stage that is parallel may be
	// under way together.
	stages []stage
}

type stage struct {
	what     string
	parallel bool
	batches  []wire.Txn
}

// Summary counts what a plan does.
type Summary struct {
	ResourceClassesCreated int `json:"resource_classes_created"`
	TraitsCreated          int `json:"traits_created"`
	ProvidersCreated       int `json:"providers_created"`
	ProvidersChanged       int `json:"providers_changed"`
	ProvidersRemoved       int `json:"providers_removed"`
	ProvidersEqual         int `json:"providers_equal"`
	ConsumersCreated       int `json:"consumers_created"`
	ConsumersChanged       int `json:"consumers_changed"`
	ConsumersRemoved       int `json:"consumers_removed"`
	ConsumersEqual         int `json:"consumers_equal"`
	NamesRemoved           int `json:"names_removed"`
	// GenerationsRaised counts providers and consumers.
	GenerationsRaised int `json:"generations_raised"`
	Transactions      int `json:"transactions"`
}

// Obstacles are the reasons why a source can't be carried over, found before
// anything is written.
type Obstacles []string

// Error implements error.
func (o Obstacles) Error() string {
	const most = 20
	text := strings.Join(o[:min(len(o), most)], "\n  ")
	if len(o) > most {
		text += fmt.Sprintf("\n  … and %d more", len(o)-most)
	}
	return "nothing was written:\n  " + text
}

// NewPlan compares the target's contents with the source's and plans the way
// from one to the other. An error is of type Obstacles.
//
// Capacity is not a matter of the import: a provider whose consumers hold more
// than it has, since its inventory shrank under them, gets a wider inventory
// for the one transaction that brings those consumers.
func NewPlan(source, target *Contents, known Known, o PlanOptions) (*Plan, error) {
	p := &planner{source: source, target: target, known: known, options: o, plan: &Plan{}}
	p.index()
	if found := p.obstacles(); len(found) > 0 {
		return nil, found
	}
	p.vocabulary()
	p.release()
	p.prune("what goes", false)
	p.providers()
	p.consumers()
	p.exact()
	p.prune("the rest of what goes", true)
	p.generations()
	for _, s := range p.plan.stages {
		p.plan.Summary.Transactions += len(s.batches)
	}
	return p.plan, nil
}

type planner struct {
	source, target *Contents
	known          Known
	options        PlanOptions
	plan           *Plan

	wanted     map[string]Provider // of the source, by UUID
	had        map[string]Provider // of the target
	hadByName  map[string]Provider
	consumersI map[string]Consumer // of the target
	released   map[string]bool     // consumers that are released before they claim anew
	narrow     map[string]bool     // providers that need a wider inventory, see tooNarrow
}

func (p *planner) index() {
	p.wanted, p.had, p.hadByName, p.consumersI = map[string]Provider{}, map[string]Provider{}, map[string]Provider{}, map[string]Consumer{}
	for _, one := range p.source.Providers {
		p.wanted[one.UUID] = one
	}
	for _, one := range p.target.Providers {
		p.had[one.UUID], p.hadByName[one.Name] = one, one
	}
	for _, one := range p.target.Consumers {
		p.consumersI[one.UUID] = one
	}
	p.narrow = p.tooNarrow()
}

// tooNarrow are the providers with a consumer that could not claim what it
// holds: more than there is, or amounts that the inventory does not give out.
func (p *planner) tooNarrow() map[string]bool {
	narrow := map[string]bool{}
	for provider, used := range p.source.usage() {
		for class, amount := range used {
			i := p.wanted[provider].Inventories[class]
			// Rounded down, to be on the safe side of how others round.
			if float64(amount) > float64(i.Total-i.Reserved)*i.AllocationRatio-1 {
				narrow[provider] = true
			}
		}
	}
	for _, consumer := range p.source.Consumers {
		for _, a := range consumer.Allocations {
			for class, amount := range a.Resources {
				i := p.wanted[a.Provider].Inventories[class]
				if amount < i.MinUnit || amount > i.MaxUnit || i.StepSize > 1 && amount%i.StepSize != 0 {
					narrow[a.Provider] = true
				}
			}
		}
	}
	return narrow
}

// stage begins a stage and returns what adds a unit to it: operations that
// belong together.
func (p *planner) stage(what string, parallel bool) (add func(ops ...wire.Op)) {
	p.plan.stages = append(p.plan.stages, stage{what: what, parallel: parallel})
	s := &p.plan.stages[len(p.plan.stages)-1]
	size := 0
	return func(ops ...wire.Op) {
		b, _ := json.Marshal(ops) // plain data
		last := len(s.batches) - 1
		if last < 0 || size+len(b) > batchBytesMax || len(s.batches[last].Ops)+len(ops) > batchOpsMax {
			s.batches = append(s.batches, wire.Txn{})
			last, size = last+1, 0
		}
		s.batches[last].Ops = append(s.batches[last].Ops, ops...)
		size += len(b)
	}
}

func (p *planner) vocabulary() {
	add := p.stage("names", false)
	for _, name := range p.source.ResourceClasses {
		if !slices.Contains(p.target.ResourceClasses, name) {
			add(wire.Op{CreateResourceClass: &wire.ResourceClassName{Name: name}})
			p.plan.Summary.ResourceClassesCreated++
		}
	}
	for _, name := range p.source.Traits {
		if !slices.Contains(p.target.Traits, name) {
			add(wire.Op{CreateTrait: &wire.TraitName{Name: name}})
			p.plan.Summary.TraitsCreated++
		}
	}
}

// release lets go of what consumers hold that the source does not have, or has
// otherwise: nothing of it is in the way of what comes then. Those that stay
// claim anew later.
func (p *planner) release() {
	add := p.stage("releases", false)
	p.released = map[string]bool{}
	there := map[string]bool{}
	for _, want := range p.source.Consumers {
		there[want.UUID] = true
		if have, ok := p.consumersI[want.UUID]; ok && !sameConsumer(want, have) {
			p.released[want.UUID] = true
			add(wire.Op{Release: &wire.Release{Consumers: []string{want.UUID}}})
		}
	}
	if !p.options.Prune {
		return
	}
	for _, have := range p.target.Consumers {
		if !there[have.UUID] {
			p.plan.Summary.ConsumersRemoved++
			add(wire.Op{Release: &wire.Release{Consumers: []string{have.UUID}}})
		}
	}
}

func sameConsumer(a, b Consumer) bool {
	c := &comparison{}
	c.consumer(a, b)
	return len(c.found) == 0
}

// providers creates those that are missing and changes those that differ,
// parents first. Inventories that the source does not have stay until the
// consumers have come: they may be in use until then.
func (p *planner) providers() {
	add := p.stage("providers", false)
	for _, want := range p.source.Providers {
		have, ok := p.had[want.UUID]
		var ops []wire.Op
		if ok {
			ops = changes(want, have)
			if len(ops) == 0 && len(inventoriesGone(want, have)) == 0 {
				p.plan.Summary.ProvidersEqual++
				continue
			}
			p.plan.Summary.ProvidersChanged++
		} else {
			ops = append([]wire.Op{{CreateProvider: &wire.CreateProvider{UUID: want.UUID, Name: want.Name, Parent: want.Parent}}},
				changes(want, Provider{UUID: want.UUID, Name: want.Name, Parent: want.Parent})...)
			p.plan.Summary.ProvidersCreated++
		}
		if len(ops) > 0 {
			add(ops...)
		}
	}
}

// changes are the operations that give a provider what the source says, but
// for inventories that it has too many.
func changes(want, have Provider) []wire.Op {
	var ops []wire.Op
	if want.Name != have.Name {
		ops = append(ops, wire.Op{RenameProvider: &wire.RenameProvider{Provider: want.UUID, Name: want.Name}})
	}
	if want.Parent != have.Parent {
		ops = append(ops, wire.Op{MoveProvider: &wire.MoveProvider{Provider: want.UUID, Parent: want.Parent}})
	}
	differing := map[string]wire.Inventory{}
	for class, i := range want.Inventories {
		if old, ok := have.Inventories[class]; !ok || old != i {
			differing[class] = i.wire()
		}
	}
	if len(differing) > 0 {
		ops = append(ops, wire.Op{PutInventories: &wire.ChangeInventories{Provider: want.UUID, Inventories: differing}})
	}
	if !slices.Equal(want.Traits, have.Traits) {
		ops = append(ops, wire.Op{SetTraits: &wire.ChangeTraits{Provider: want.UUID, Traits: want.Traits}})
	}
	if !slices.Equal(want.Aggregates, have.Aggregates) {
		ops = append(ops, wire.Op{SetAggregates: &wire.ChangeAggregates{Provider: want.UUID, Aggregates: want.Aggregates}})
	}
	if want.Resources != nil && !maps.EqualFunc(want.Resources, have.Resources, slices.Equal[[]wire.Device]) {
		ops = append(ops, wire.Op{SetResources: &wire.ChangeResources{Provider: want.UUID, Resources: want.Resources}})
	}
	return ops
}

func inventoriesGone(want, have Provider) []string {
	var classes []string
	for _, class := range slices.Sorted(maps.Keys(have.Inventories)) {
		if _, ok := want.Inventories[class]; !ok {
			classes = append(classes, class)
		}
	}
	return classes
}

// consumers claims what is missing.
func (p *planner) consumers() {
	add := p.stage("consumers", true)
	for _, want := range p.source.Consumers {
		_, ok := p.consumersI[want.UUID]
		switch {
		case ok && !p.released[want.UUID]:
			p.plan.Summary.ConsumersEqual++
			continue
		case ok:
			p.plan.Summary.ConsumersChanged++
		default:
			p.plan.Summary.ConsumersCreated++
		}
		add(p.claim(want)...)
	}
}

// claim is what brings a consumer: with wider inventories around it where it
// could not claim what it holds.
func (p *planner) claim(c Consumer) []wire.Op {
	var before, after []wire.Op
	for _, a := range c.Allocations {
		if !p.narrow[a.Provider] {
			continue
		}
		wide, exact := map[string]wire.Inventory{}, map[string]wire.Inventory{}
		for class := range a.Resources {
			wide[class] = wire.Inventory{Total: amountMax, MinUnit: 1, MaxUnit: amountMax, StepSize: 1, AllocationRatio: 1}
			exact[class] = p.wanted[a.Provider].Inventories[class].wire()
		}
		before = append(before, wire.Op{PutInventories: &wire.ChangeInventories{Provider: a.Provider, Inventories: wide}})
		after = append(after, wire.Op{PutInventories: &wire.ChangeInventories{Provider: a.Provider, Inventories: exact}})
	}
	claim := wire.Op{Claim: &wire.Claim{Consumers: []wire.ConsumerClaim{{
		UUID: c.UUID, Project: c.Project, User: c.User, Type: c.Type, Allocations: c.Allocations,
	}}}}
	return append(append(before, claim), after...)
}

// amountMax is the most that an inventory may have.
const amountMax = 1<<31 - 1

// exact takes away the inventories that the source does not have.
func (p *planner) exact() {
	add := p.stage("inventories that go", false)
	for _, want := range p.source.Providers {
		if have, ok := p.had[want.UUID]; ok {
			if classes := inventoriesGone(want, have); len(classes) > 0 {
				add(wire.Op{RemoveInventories: &wire.RemoveInventories{Provider: want.UUID, Classes: classes}})
			}
		}
	}
}

// prune removes providers and names that the source does not have. It happens
// twice: before providers are created, whose names they may have, and once more
// for those that wanted providers hung below until then, and for names.
func (p *planner) prune(what string, last bool) {
	if !p.options.Prune {
		return
	}
	add := p.stage(what, false)
	keep := map[string]bool{}                                  // providers that have to wait
	for _, have := range slices.Backward(p.target.Providers) { // children before parents
		_, wanted := p.wanted[have.UUID]
		switch {
		case wanted || keep[have.UUID]:
			keep[have.Parent] = true
			if wanted || !last {
				continue
			}
		case last: // the first time has removed it
			continue
		}
		add(wire.Op{RemoveProvider: &wire.RemoveProvider{Provider: have.UUID}})
		p.plan.Summary.ProvidersRemoved++
	}
	if !last {
		return
	}
	for _, name := range p.target.Traits {
		if !slices.Contains(p.source.Traits, name) {
			add(wire.Op{RemoveTrait: &wire.TraitName{Name: name}})
			p.plan.Summary.NamesRemoved++
		}
	}
	for _, name := range p.target.ResourceClasses {
		if !slices.Contains(p.source.ResourceClasses, name) {
			add(wire.Op{RemoveResourceClass: &wire.ResourceClassName{Name: name}})
			p.plan.Summary.NamesRemoved++
		}
	}
}
