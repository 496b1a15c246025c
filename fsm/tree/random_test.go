package tree

import (
	"math/rand/v2"
	"slices"
)

// chance makes random transactions over a small world, so that they meet.
// Choices look at a state, so that most are good; each is bad now and then.
type chance struct {
	*rand.Rand
	s         *State // what to choose from
	providers []Provider
	consumers []Consumer
	fresh     int // the last UUID made for a new provider
}

// look makes the choices to come fit the state.
func (c *chance) look(s *State) {
	c.s = s
	c.providers, c.consumers = slices.Collect(s.Providers(0)), slices.Collect(s.Consumers(UUID{}))
}

func newChance(seed uint64) *chance {
	return &chance{Rand: rand.New(rand.NewPCG(seed, 1)), fresh: 1000}
}

func pick[T any](c *chance, list ...T) T { return list[c.IntN(len(list))] }

// some is up to n of what f makes, seldom none.
func some[T any](c *chance, n int, f func() T) []T {
	var all []T
	count := 1 + c.IntN(n)
	if c.rarely(10) {
		count = 0
	}
	for range count {
		all = append(all, f())
	}
	return all
}

// distinct leaves the first of each key, most often.
func distinct[T any, K comparable](c *chance, list []T, key func(T) K) []T {
	if c.rarely(12) {
		return list
	}
	had := map[K]bool{}
	return slices.DeleteFunc(list, func(v T) bool {
		k := key(v)
		twice := had[k]
		had[k] = true
		return twice
	})
}

// rarely is true once in n.
func (c *chance) rarely(n int) bool { return c.IntN(n) == 0 }

func (c *chance) name() string {
	if c.rarely(40) {
		return ""
	}
	return pick(c, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p")
}

// newName is most often one that is free.
func (c *chance) newName() string {
	for !c.rarely(8) {
		name := c.name()
		if _, taken := c.s.Find(ByName(name)); !taken {
			return name
		}
	}
	return c.name()
}

func (c *chance) ref() Ref {
	switch {
	case !c.rarely(6) && len(c.providers) > 0:
		p := pick(c, c.providers...)
		return pick(c, ByName(p.Name()), ByUUID(p.UUID()), Ref{p.UUID(), c.name()})
	case c.rarely(60):
		return Ref{}
	case c.rarely(6):
		return ByUUID(c.uuid())
	case c.rarely(10):
		return Ref{c.uuid(), c.name()}
	}
	return ByName(c.name())
}

// uuid is one that a provider may have.
func (c *chance) uuid() UUID {
	if c.rarely(60) {
		return UUID{}
	}
	if len(c.providers) > 0 && !c.rarely(3) {
		return pick(c, c.providers...).UUID()
	}
	return num(max(1001, c.fresh-c.IntN(12)))
}

func (c *chance) newUUID() UUID {
	if c.rarely(30) {
		return c.uuid()
	}
	c.fresh++
	return num(c.fresh)
}

func (c *chance) parent() Ref {
	if c.rarely(3) {
		return Ref{}
	}
	return c.ref()
}

func (c *chance) class() string {
	if c.rarely(60) {
		return "CUSTOM_UNKNOWN"
	}
	class := pick(c, "VCPU", "VCPU", "DISK_GB", "CUSTOM_A", "CUSTOM_B", "CUSTOM_C")
	if !c.s.HasResourceClass(class) && !c.rarely(10) {
		return "VCPU"
	}
	return class
}

func (c *chance) custom() string {
	if c.rarely(12) {
		return pick(c, "VCPU", "HW_NUMA_ROOT", "GOLD", "")
	}
	return pick(c, "CUSTOM_A", "CUSTOM_B", "CUSTOM_C", "CUSTOM_D")
}

func (c *chance) trait() string {
	if c.rarely(30) {
		return "CUSTOM_UNKNOWN"
	}
	trait := pick(c, "HW_NUMA_ROOT", sharingTrait, "CUSTOM_A", "CUSTOM_B")
	if !c.s.HasTrait(trait) && !c.rarely(10) {
		return sharingTrait
	}
	return trait
}

func (c *chance) aggregate() UUID {
	if c.rarely(40) {
		return UUID{}
	}
	return num(500 + c.IntN(4))
}

func (c *chance) device() Device {
	identifier := pick(c, "x", "y", "z")
	if c.rarely(40) {
		identifier = ""
	}
	return Device{c.class(), identifier, pick(c, "", "", "m")}
}

func (c *chance) inventory() InventoryOf {
	i := inv(c.class(), int64(1+c.IntN(20)), ratio(pick(c, 1, 1, 1, 1.5, 0.5, 2)))
	switch c.IntN(12) {
	case 0:
		i.Reserved = c.Int64N(i.Total + 2)
	case 1:
		i.StepSize = c.Int64N(3)
	case 2:
		i.MinUnit, i.MaxUnit = c.Int64N(4), 4
	}
	return i
}

func (c *chance) inventories() []InventoryOf {
	return distinct(c, some(c, 3, c.inventory), func(i InventoryOf) string { return i.Class })
}

func (c *chance) devices(n int) []Device {
	return distinct(c, some(c, n, c.device), func(d Device) string { return d.Class + d.Identifier })
}

func (c *chance) consumer() UUID {
	if c.rarely(60) {
		return UUID{}
	}
	return num(101 + c.IntN(6))
}

func (c *chance) knownConsumer() UUID {
	if len(c.consumers) > 0 && !c.rarely(8) {
		return pick(c, c.consumers...).UUID()
	}
	return c.consumer()
}

func (c *chance) claim() ConsumerClaim {
	claim := ConsumerClaim{Consumer: c.consumer(), Project: pick(c, "", "p", "q"), User: pick(c, "", "u"), Type: pick(c, "", "T")}
	claim.Allocations = some(c, 2, c.allocation)
	return claim
}

// allocation is most often of an inventory that is there.
func (c *chance) allocation() AllocationOf {
	if !c.rarely(10) && len(c.providers) > 0 {
		for range 20 {
			p := pick(c, c.providers...)
			if all := p.Inventories(); len(all) > 0 {
				i := pick(c, all...)
				return AllocationOf{ByUUID(p.UUID()), i.Class, i.StepSize * (1 + c.Int64N(3))}
			}
		}
	}
	return AllocationOf{c.ref(), c.class(), int64(c.IntN(6))}
}

func (c *chance) claims(n int) []ConsumerClaim {
	return distinct(c, some(c, n, c.claim), func(k ConsumerClaim) UUID { return k.Consumer })
}

func (c *chance) populated() PopulateProvider {
	p := PopulateProvider{NewUUID: c.newUUID(), Name: pick(c, c.name(), c.newName()), Parent: c.parent()}
	if c.rarely(3) {
		p.UUID = c.uuid()
	}
	if c.rarely(3) && len(c.providers) > 0 { // as it is
		old := pick(c, c.providers...)
		p.UUID, p.Name = old.UUID(), old.Name()
		if parent, ok := old.Parent(); ok {
			p.Parent = ByUUID(parent.UUID())
		}
	}
	if c.rarely(2) {
		p.Inventories = ptr(c.inventories())
	}
	if c.rarely(2) {
		p.Traits = ptr(some(c, 3, c.trait))
	}
	if c.rarely(3) {
		p.Aggregates = ptr(some(c, 3, c.aggregate))
	}
	if c.rarely(3) {
		p.Resources = ptr(c.devices(2))
	}
	return p
}

func (c *chance) change() ChangeMode { return pick(c, Set, Add, Remove) }

func (c *chance) generation(of UUID) Generation { return Generation{of, uint64(c.IntN(20))} }

func (c *chance) op() Op {
	switch c.IntN(28) {
	case 0, 1, 2, 3:
		return CreateProvider{c.newUUID(), c.newName(), c.parent()}
	case 4:
		return RemoveProvider{c.ref(), c.rarely(2)}
	case 5:
		return RenameProvider{c.ref(), c.newName()}
	case 6, 7:
		return MoveProvider{c.ref(), c.parent()}
	case 8, 9:
		return Populate{distinct(c, some(c, 5, c.populated), func(p PopulateProvider) string { return p.Name })}
	case 10, 11:
		return SetInventories{c.ref(), c.inventories()}
	case 12, 13:
		return PutInventories{c.ref(), c.inventories(), pick(c, Upsert, Upsert, AddOnly, UpdateOnly)}
	case 14:
		return RemoveInventories{c.ref(), some(c, 2, c.class)}
	case 15:
		return ChangeTraits{c.change(), c.ref(), some(c, 3, c.trait)}
	case 16:
		return ChangeAggregates{c.change(), c.ref(), some(c, 3, c.aggregate), c.rarely(2)}
	case 17:
		return ChangeResources{c.change(), c.ref(), c.devices(3)}
	case 18, 19, 20:
		return Claim{c.claims(3)}
	case 21:
		return Release{some(c, 2, c.knownConsumer)}
	case 22:
		return Reshape{some(c, 2, func() ReshapeInventories { return ReshapeInventories{c.ref(), c.inventories()} }), c.claims(2)}
	case 23, 24:
		return pick[Op](c, CreateResourceClass{c.custom()}, CreateTrait{c.custom()})
	case 25:
		return RenameResourceClass{pick(c, c.custom(), c.class()), c.custom()}
	case 26:
		return RaiseGenerations{some(c, 3, func() Generation { return c.generation(c.uuid()) }),
			some(c, 3, func() Generation { return c.generation(c.knownConsumer()) })}
	}
	return pick[Op](c, RemoveResourceClass{c.custom()}, RemoveTrait{c.custom()})
}

func (c *chance) precondition(revision uint64) Precondition {
	if c.rarely(2) && len(c.providers) > 0 {
		p := pick(c, c.providers...)
		return Precondition{Kind: ProviderGeneration, Provider: ByName(p.Name()), Value: p.Generation()}
	}
	return Precondition{
		Kind: PreconditionKind(1 + c.IntN(6)), Provider: c.ref(), Consumer: c.consumer(), Parent: c.parent(),
		Value: pick(c, revision, revision, uint64(c.IntN(5))),
	}
}

// txn is a transaction for the state.
func (c *chance) txn(s *State) Txn {
	c.look(s)
	txn := Txn{Ops: []Op{c.op()}}
	for c.rarely(3) {
		txn.Ops = append(txn.Ops, c.op())
	}
	if c.rarely(12) {
		txn.Preconditions = append(txn.Preconditions, c.precondition(s.revision))
	}
	return txn
}
