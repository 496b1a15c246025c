package load

import (
	"context"
	"fmt"
	"strings"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/scripts/faults/check"
	"github.com/treenode/treenode/transport/wire"
)

// ask makes one request and fills in what was answered.
func ask(ctx context.Context, c *client.Client, o *check.Op) error {
	if o.Kind.Reads() {
		return read(client.WithConsistency(ctx, wire.Consistency(o.Level)), c, o)
	}
	result, err := write(ctx, c, o)
	if err != nil {
		return err
	}
	o.Index, o.Revision, o.Replayed = result.Index, result.Revision, result.Replayed
	for _, g := range result.Providers {
		if p, ok := check.ProviderOf(g.UUID); ok {
			o.Told = append(o.Told, check.Told{Number: int8(p), Generation: int32(g.Generation)}) //nolint:gosec // small
		}
	}
	for _, g := range result.Consumers {
		if n, ok := check.ConsumerOf(g.UUID); ok {
			o.Told = append(o.Told, check.Told{Consumer: true, Number: int8(n), Generation: int32(g.Generation)}) //nolint:gosec // small
		}
	}
	return nil
}

func write(ctx context.Context, c *client.Client, o *check.Op) (wire.Result, error) {
	a := &o.Args
	provider := check.ProviderUUID(int(a.Provider))
	switch o.Kind { //nolint:exhaustive // the reads are below
	case check.Create:
		create := &wire.CreateProvider{UUID: provider, Name: check.ProviderName(int(a.Provider)), Parent: parentOf(a.Parent)}
		return c.Txn(ctx, wire.Txn{Ops: []wire.Op{
			{CreateProvider: create},
			{SetInventories: &wire.ChangeInventories{Provider: provider, Inventories: inventory(a.Total)}},
		}})
	case check.Remove:
		return c.RemoveProvider(ctx, provider)
	case check.Move:
		return c.MoveProvider(ctx, provider, parentOf(a.Parent))
	case check.SetInventory:
		return c.SetInventories(ctx, provider, inventory(a.Total))
	case check.Claim:
		return c.Claim(ctx, claims(a.Claims)...)
	case check.Release:
		var consumers []string
		for _, claim := range a.Claims {
			consumers = append(consumers, check.ConsumerUUID(int(claim.Consumer)))
		}
		return c.Release(ctx, consumers...)
	case check.Reshape:
		r := wire.Reshape{Inventories: map[string]map[string]wire.Inventory{}, Consumers: claims(a.Claims)}
		for _, i := range a.Inventories {
			r.Inventories[check.ProviderUUID(int(i.Provider))] = inventory(i.Total)
		}
		return c.Reshape(ctx, r)
	case check.WriteStuff:
		return c.Txn(ctx, stuff())
	case check.WritePair:
		var t wire.Txn
		left, right := check.ProviderUUID(check.PairLeft), check.ProviderUUID(check.PairRight)
		if a.Generation != nil {
			t.Preconditions = []wire.Precondition{{ProviderGeneration: &wire.ProviderGeneration{
				Provider: left, Generation: uint64(*a.Generation), //nolint:gosec // counted from 0
			}}}
		}
		for _, half := range []string{left, right} {
			t.Ops = append(t.Ops, wire.Op{SetInventories: &wire.ChangeInventories{Provider: half, Inventories: inventory(a.Total)}})
		}
		return c.Txn(ctx, t)
	}
	panic("not a write: " + o.Kind)
}

// Big writes are near the limit of one command.
const (
	stuffDevices = 100
	stuffBytes   = 4000
)

// stuff puts a lot in and takes it out again.
func stuff() wire.Txn {
	var devices []wire.Device
	for i := range stuffDevices {
		devices = append(devices, wire.Device{Identifier: fmt.Sprintf("device-%d", i), Metadata: strings.Repeat("x", stuffBytes)})
	}
	provider := check.ProviderUUID(check.Stuff)
	return wire.Txn{Ops: []wire.Op{
		{SetResources: &wire.ChangeResources{Provider: provider, Resources: map[string][]wire.Device{check.Class: devices}}},
		{SetResources: &wire.ChangeResources{Provider: provider, Resources: map[string][]wire.Device{}}},
	}}
}

func parentOf(p int8) string {
	if p == check.NoParent {
		return ""
	}
	return check.ProviderUUID(int(p))
}

func inventory(total int32) map[string]wire.Inventory {
	return map[string]wire.Inventory{check.Class: {Total: int64(total)}}
}

func claims(given []check.ConsumerClaim) []wire.ConsumerClaim {
	var all []wire.ConsumerClaim
	for _, g := range given {
		c := wire.ConsumerClaim{UUID: check.ConsumerUUID(int(g.Consumer)), Allocations: []wire.Allocation{}}
		for _, a := range g.Amounts {
			c.Allocations = append(c.Allocations, wire.Allocation{
				Provider: check.ProviderUUID(int(a.Provider)), Resources: map[string]int64{check.Class: int64(a.Amount)},
			})
		}
		all = append(all, c)
	}
	return all
}

// Strange is an answer that shows something which nobody made.
type Strange struct{ What string }

func (e *Strange) Error() string { return "the answer shows " + e.What }

func read(ctx context.Context, c *client.Client, o *check.Op) error {
	switch o.Kind { //nolint:exhaustive // the writes are above
	case check.ReadProviders:
		page, err := c.ProvidersPage(ctx, client.ProviderFilter{}, 0, "")
		if err != nil {
			return err
		}
		return showProviders(o, page)
	case check.ReadTree:
		tree, err := c.Tree(ctx, check.ProviderUUID(int(o.Args.Provider)))
		if err != nil {
			return err
		}
		return showProviders(o, tree)
	case check.ReadConsumers:
		page, err := c.ConsumersPage(ctx, 0, "")
		if err != nil {
			return err
		}
		o.Index, o.Revision = page.Index, page.Revision
		return showConsumers(o, page.Consumers...)
	case check.ReadConsumer:
		consumer, err := c.Consumer(ctx, check.ConsumerUUID(int(o.Args.Claims[0].Consumer)))
		if err != nil {
			return err
		}
		return showConsumers(o, consumer)
	}
	panic("not a read: " + o.Kind)
}

func showProviders(o *check.Op, page wire.Providers) error {
	o.Index, o.Revision, o.Providers = page.Index, page.Revision, &[check.Providers]check.ProviderState{}
	for _, shown := range page.Providers {
		p, ok := check.ProviderOf(shown.UUID)
		if !ok {
			return &Strange{"an unknown provider " + shown.UUID}
		}
		at := check.ProviderState{Exists: true, Parent: check.NoParent, Generation: int32(shown.Generation)} //nolint:gosec // small
		if shown.Parent != "" {
			parent, ok := check.ProviderOf(shown.Parent)
			if !ok {
				return &Strange{"an unknown parent " + shown.Parent}
			}
			at.Parent = int8(parent) //nolint:gosec // small
		}
		for class, i := range shown.Inventories {
			if class != check.Class {
				return &Strange{"an inventory of " + class}
			}
			at.Total, at.Used = int32(i.Total), int32(i.Used) //nolint:gosec // small
		}
		if o.Providers[p].Exists {
			return &Strange{"twice the provider " + shown.UUID}
		}
		o.Providers[p] = at
	}
	return nil
}

func showConsumers(o *check.Op, consumers ...wire.Consumer) error {
	o.Consumers = &[check.Consumers]check.ConsumerState{}
	for _, shown := range consumers {
		n, ok := check.ConsumerOf(shown.UUID)
		if !ok {
			return &Strange{"an unknown consumer " + shown.UUID}
		}
		at := check.ConsumerState{Generation: int32(shown.Generation)} //nolint:gosec // small
		if len(shown.Allocations) > len(at.Held) {
			return &Strange{fmt.Sprintf("%d allocations of %s", len(shown.Allocations), shown.UUID)}
		}
		for i, a := range shown.Allocations {
			p, ok := check.ProviderOf(a.Provider)
			if !ok || len(a.Resources) != 1 {
				return &Strange{fmt.Sprintf("an allocation of %s: %+v", shown.UUID, a)}
			}
			at.Held[i] = check.Amount{Provider: int8(p), Amount: int8(a.Resources[check.Class])} //nolint:gosec // small
		}
		at.Sort()
		o.Consumers[n] = at
	}
	return nil
}
