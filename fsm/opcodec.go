package fsm

import (
	"fmt"

	"github.com/treenode/treenode/fsm/tree"
)

// opKind is the number of an operation in the log. Append only: a number is
// never reused, and the fields behind it never change.
type opKind uint8

// opCodecs are the operations by kind, from 1 on.
var opCodecs = [...]opCodec{
	1: of(func(c *codec, o *tree.CreateProvider) {
		c.uuid(&o.UUID)
		c.string(&o.Name)
		c.ref(&o.Parent)
	}),
	2: of(func(c *codec, o *tree.RemoveProvider) {
		c.ref(&o.Provider)
		c.bool(&o.Subtree)
	}),
	3: of(func(c *codec, o *tree.RenameProvider) {
		c.ref(&o.Provider)
		c.string(&o.NewName)
	}),
	4: of(func(c *codec, o *tree.MoveProvider) {
		c.ref(&o.Provider)
		c.ref(&o.Parent)
	}),
	5: of(func(c *codec, o *tree.Populate) {
		list(c, &o.Providers, func(c *codec, p *tree.PopulateProvider) {
			c.uuid(&p.UUID)
			c.uuid(&p.NewUUID)
			c.string(&p.Name)
			c.ref(&p.Parent)
			optional(c, &p.Inventories, (*codec).inventory)
			optional(c, &p.Traits, (*codec).string)
			optional(c, &p.Aggregates, (*codec).uuid)
			optional(c, &p.Resources, (*codec).device)
		})
	}),
	6: of(func(c *codec, o *tree.SetInventories) {
		c.ref(&o.Provider)
		list(c, &o.Inventories, (*codec).inventory)
	}),
	7: of(func(c *codec, o *tree.PutInventories) {
		c.ref(&o.Provider)
		list(c, &o.Inventories, (*codec).inventory)
		c.enum((*uint8)(&o.Mode), 3)
	}),
	8: of(func(c *codec, o *tree.RemoveInventories) {
		c.ref(&o.Provider)
		list(c, &o.Classes, (*codec).string)
	}),
	9: of(func(c *codec, o *tree.ChangeTraits) {
		c.enum((*uint8)(&o.Mode), 3)
		c.ref(&o.Provider)
		list(c, &o.Traits, (*codec).string)
	}),
	10: of(func(c *codec, o *tree.ChangeAggregates) {
		c.enum((*uint8)(&o.Mode), 3)
		c.ref(&o.Provider)
		list(c, &o.Aggregates, (*codec).uuid)
		c.bool(&o.KeepGeneration)
	}),
	11: of(func(c *codec, o *tree.ChangeResources) {
		c.enum((*uint8)(&o.Mode), 3)
		c.ref(&o.Provider)
		list(c, &o.Devices, (*codec).device)
	}),
	12: of(func(c *codec, o *tree.Claim) {
		if c.claims == nil {
			list(c, &o.Consumers, (*codec).claim)
			return
		}
		memory := c.claims
		c.claims = nil // a second claim must not write over the first
		plainList(c, memory, (*codec).claim)
		o.Consumers = *memory
	}),
	13: of(func(c *codec, o *tree.Release) {
		list(c, &o.Consumers, (*codec).uuid)
	}),
	14: of(func(c *codec, o *tree.Reshape) {
		list(c, &o.Inventories, func(c *codec, r *tree.ReshapeInventories) {
			c.ref(&r.Provider)
			list(c, &r.Inventories, (*codec).inventory)
		})
		list(c, &o.Consumers, (*codec).claim)
	}),
	15: of(func(c *codec, o *tree.CreateResourceClass) { c.string(&o.Class) }),
	16: of(func(c *codec, o *tree.RenameResourceClass) {
		c.string(&o.Class)
		c.string(&o.NewName)
	}),
	17: of(func(c *codec, o *tree.RemoveResourceClass) { c.string(&o.Class) }),
	18: of(func(c *codec, o *tree.CreateTrait) { c.string(&o.Trait) }),
	19: of(func(c *codec, o *tree.RemoveTrait) { c.string(&o.Trait) }),
	20: of(func(c *codec, o *tree.RaiseGenerations) { // LevelGenerations
		list(c, &o.Providers, (*codec).generation)
		list(c, &o.Consumers, (*codec).generation)
	}),
}

func (c *codec) inventory(i *tree.InventoryOf) {
	c.string(&i.Class)
	c.inventoryFields(&i.Inventory)
}

func (c *codec) inventoryFields(i *tree.Inventory) {
	c.int64(&i.Total)
	c.int64(&i.Reserved)
	c.int64(&i.MinUnit)
	c.int64(&i.MaxUnit)
	c.int64(&i.StepSize)
	c.uint64((*uint64)(&i.Ratio))
}

func (c *codec) device(d *tree.Device) {
	c.string(&d.Class)
	c.string(&d.Identifier)
	c.string(&d.Metadata)
}

func (c *codec) claim(v *tree.ConsumerClaim) {
	c.uuid(&v.Consumer)
	c.string(&v.Project)
	c.string(&v.User)
	c.string(&v.Type)
	plainList(c, &v.Allocations, (*codec).allocation)
}

func (c *codec) allocation(a *tree.AllocationOf) {
	c.ref(&a.Provider)
	c.string(&a.Class)
	c.int64(&a.Amount)
}

// opCodec walks the fields of one operation type.
type opCodec struct {
	zero tree.Op
	is   func(tree.Op) bool
	walk func(*codec, tree.Op) tree.Op
}

func of[T tree.Op](fields func(*codec, *T)) opCodec {
	var zero T
	return opCodec{
		zero: zero,
		is:   func(op tree.Op) bool { _, ok := op.(T); return ok },
		walk: func(c *codec, op tree.Op) tree.Op {
			v, _ := op.(T)
			fields(c, &v)
			return v
		},
	}
}

// Ops returns an empty operation of every kind the log knows, in the order of
// their numbers.
func Ops() []tree.Op {
	all := make([]tree.Op, 0, len(opCodecs)-1)
	for _, o := range opCodecs[1:] {
		all = append(all, o.zero)
	}
	return all
}

func kindOf(op tree.Op) opKind {
	for kind := 1; kind < len(opCodecs); kind++ {
		if opCodecs[kind].is(op) {
			return opKind(kind)
		}
	}
	return 0
}

func (c *codec) op(op *tree.Op) {
	kind := opKind(0)
	if !c.decoding {
		if kind = kindOf(*op); kind == 0 {
			c.fail(fmt.Errorf("operation %T has no number", *op))
			return
		}
	}
	c.uint8((*uint8)(&kind))
	if kind == 0 || int(kind) >= len(opCodecs) {
		c.fail(fmt.Errorf("unknown kind of operation %d", kind))
		return
	}
	walked := opCodecs[kind].walk(c, *op)
	if c.decoding {
		*op = walked
	}
}

func (c *codec) precondition(p *tree.Precondition) {
	c.uint8((*uint8)(&p.Kind))
	switch p.Kind {
	case tree.ProviderGeneration:
		c.ref(&p.Provider)
		c.uint64(&p.Value)
	case tree.ProviderAbsent:
		c.ref(&p.Provider)
	case tree.ConsumerGeneration:
		c.uuid(&p.Consumer)
		c.uint64(&p.Value)
	case tree.ConsumerAbsent:
		c.uuid(&p.Consumer)
	case tree.StateRevision:
		c.uint64(&p.Value)
	case tree.ProviderParent:
		c.ref(&p.Provider)
		c.ref(&p.Parent)
	default:
		c.fail(fmt.Errorf("unknown kind of precondition %d", p.Kind))
	}
}

func (c *codec) txn(t *tree.Txn) {
	list(c, &t.Preconditions, (*codec).precondition)
	list(c, &t.Ops, (*codec).op)
}
