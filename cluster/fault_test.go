package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// This is the defect the project began with, shown gone: a mutation that fails
// half-way leaves nothing behind. Every kind of mutation is broken at every
// step inside it, by an error on all nodes and by a panic on one.

// fault breaks a node's step number at (from 1 on) after it was armed.
type fault struct {
	at      atomic.Int64
	counted atomic.Int64
	panics  atomic.Bool
}

func (f *fault) arm(at int, panics bool) {
	f.at.Store(0)
	f.counted.Store(0)
	f.panics.Store(panics)
	f.at.Store(int64(at))
}

func (f *fault) hook(_ int, step string) error {
	at := f.at.Load()
	if at == 0 || f.counted.Add(1) != at {
		return nil
	}
	if f.panics.Load() {
		panic("injected at step " + step)
	}
	return fmt.Errorf("injected at step %s", step)
}

func id(n byte) tree.UUID { return tree.UUID{15: n} }

func vcpu(total int64) []tree.InventoryOf {
	return []tree.InventoryOf{{Class: "VCPU", Inventory: tree.Inventory{
		Total: total, MinUnit: 1, MaxUnit: total, StepSize: 1, Ratio: tree.One,
	}}}
}

// before is what every mutation below starts from.
var before = []tree.Op{
	tree.CreateResourceClass{Class: "CUSTOM_OLD"},
	tree.CreateTrait{Trait: "CUSTOM_OLD"},
	tree.CreateProvider{UUID: id(1), Name: "root"},
	tree.CreateProvider{UUID: id(2), Name: "child", Parent: tree.ByName("root")},
	tree.CreateProvider{UUID: id(3), Name: "grandchild", Parent: tree.ByName("child")},
	tree.CreateProvider{UUID: id(4), Name: "other"},
	tree.SetInventories{Provider: tree.ByName("root"), Inventories: vcpu(8)},
	tree.SetInventories{Provider: tree.ByName("grandchild"), Inventories: vcpu(8)},
	tree.ChangeTraits{Provider: tree.ByName("child"), Traits: []string{"HW_CPU_X86_AVX"}},
	tree.ChangeAggregates{Provider: tree.ByName("child"), Aggregates: []tree.UUID{id(9)}},
	tree.ChangeResources{Provider: tree.ByName("child"), Devices: []tree.Device{{Class: "VGPU", Identifier: "a"}}},
	tree.Claim{Consumers: []tree.ConsumerClaim{{Consumer: id(20), Project: "p", User: "u",
		Allocations: []tree.AllocationOf{{Provider: tree.ByName("root"), Class: "VCPU", Amount: 2}}}}},
}

// mutations has one of every kind. TestEveryKindIsBroken holds it to that.
var mutations = []tree.Op{
	tree.CreateProvider{UUID: id(5), Name: "new", Parent: tree.ByName("child")},
	tree.RemoveProvider{Provider: tree.ByName("child"), Subtree: true},
	tree.RenameProvider{Provider: tree.ByName("child"), NewName: "renamed"},
	tree.MoveProvider{Provider: tree.ByName("child"), Parent: tree.ByName("other")},
	tree.Populate{Providers: []tree.PopulateProvider{
		{UUID: id(1), Name: "child"}, // takes the name of the one it replaces
		{UUID: id(6), Name: "new", Parent: tree.ByUUID(id(1)), Traits: &[]string{"HW_CPU_X86_AVX2"}},
	}},
	tree.SetInventories{Provider: tree.ByName("child"), Inventories: vcpu(4)},
	tree.PutInventories{Provider: tree.ByName("root"), Inventories: vcpu(16)},
	tree.RemoveInventories{Provider: tree.ByName("grandchild"), Classes: []string{"VCPU"}},
	tree.ChangeTraits{Provider: tree.ByName("child"), Traits: []string{"HW_CPU_X86_AVX2"}},
	tree.ChangeAggregates{Provider: tree.ByName("child"), Aggregates: []tree.UUID{id(8)}},
	tree.ChangeResources{Provider: tree.ByName("child"), Devices: []tree.Device{{Class: "PGPU", Identifier: "b"}}},
	tree.Claim{Consumers: []tree.ConsumerClaim{
		{Consumer: id(20), Allocations: []tree.AllocationOf{{Provider: tree.ByName("grandchild"), Class: "VCPU", Amount: 3}}},
		{Consumer: id(21), Allocations: []tree.AllocationOf{{Provider: tree.ByName("root"), Class: "VCPU", Amount: 4}}},
	}},
	tree.Release{Consumers: []tree.UUID{id(20)}},
	tree.Reshape{
		Inventories: []tree.ReshapeInventories{
			{Provider: tree.ByName("root")}, {Provider: tree.ByName("child"), Inventories: vcpu(8)},
		},
		Consumers: []tree.ConsumerClaim{{Consumer: id(20), Allocations: []tree.AllocationOf{
			{Provider: tree.ByName("child"), Class: "VCPU", Amount: 2}}}},
	},
	tree.CreateResourceClass{Class: "CUSTOM_NEW"},
	tree.RenameResourceClass{Class: "CUSTOM_OLD", NewName: "CUSTOM_NEW"},
	tree.RemoveResourceClass{Class: "CUSTOM_OLD"},
	tree.CreateTrait{Trait: "CUSTOM_NEW"},
	tree.RemoveTrait{Trait: "CUSTOM_OLD"},
	tree.RaiseGenerations{Providers: []tree.Generation{{UUID: id(1), Generation: 100}, {UUID: id(2), Generation: 100}}},
}

// steps counts the steps of an operation.
func steps(t *testing.T, op tree.Op) int {
	t.Helper()
	s, _, err := tree.New().Apply(0, tree.Txn{Ops: before}, nil)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	if _, _, err := s.Apply(0, tree.Txn{Ops: []tree.Op{op}}, func(int, string) error { count++; return nil }); err != nil {
		t.Fatalf("%s: %v", op.Kind(), err)
	}
	if count == 0 {
		t.Fatalf("%s has no steps", op.Kind())
	}
	return count
}

func TestEveryKindIsBroken(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range mutations {
		seen[fmt.Sprintf("%T", op)] = true
	}
	for _, op := range fsm.Ops() {
		if !seen[fmt.Sprintf("%T", op)] {
			t.Errorf("no case breaks %T", op)
		}
	}
}

func TestErrorAtEveryStep(t *testing.T) {
	faults := []*fault{{}, {}, {}}
	i := 0
	nodes := start(t, 3, func(c *cluster.Config) { c.StepHook = faults[i].hook; i++ })
	nodes[0].propose(command(t, before...))
	digest := sameDigests(t, nodes)
	broken := 0
	for _, op := range mutations {
		for at := 1; at <= steps(t, op); at++ {
			for _, f := range faults {
				f.arm(at, false)
			}
			cmd := command(t, op)
			r, err := nodes[broken%3].Propose(t.Context(), cmd)
			if err != nil || r.Refused == nil || r.Refused.Code != tree.CodeFault {
				t.Fatalf("%s broken at step %d answers %+v, %v", op.Kind(), at, r, err)
			}
			if sameDigests(t, nodes) != digest {
				t.Fatalf("%s broken at step %d left something behind", op.Kind(), at)
			}
			broken++
		}
	}
	t.Logf("%d steps of %d kinds of mutation broken on 3 nodes", broken, len(mutations))
	for _, f := range faults {
		f.arm(0, false)
	}
	nodes[0].propose(command(t, mutations[0])) // it serves on
	if sameDigests(t, nodes) == digest {
		t.Error("a whole mutation changed nothing")
	}
}

func TestPanicAtEveryStep(t *testing.T) {
	faults := []*fault{{}, {}, {}}
	i := 0
	nodes := start(t, 3, func(c *cluster.Config) { c.StepHook = faults[i].hook; i++ })
	nodes[0].propose(command(t, before...))
	victim, f := nodes[2], faults[2]
	broken := 0
	for _, op := range mutations {
		count := steps(t, op)
		for at := 1; at <= count; at++ {
			if raceDetector && at < count {
				continue // it finds in one step what it finds in all
			}
			whole := victim.read(cluster.Linearizable, 0)
			f.arm(at, true)
			cmd := command(t, op)
			r := nodes[broken%2].propose(cmd)
			await(t, "the node has halted", func(context.Context) error {
				select {
				case <-victim.Failed():
					return nil
				default:
					return errors.New("it runs")
				}
			})
			var halt *fsm.Halt
			if !errors.As(victim.Failure(), &halt) || halt.Index != r.Index || len(halt.Hash) != 64 {
				t.Fatalf("%s panicked at step %d: the node stopped for %v; the entry was %d", op.Kind(), at, victim.Failure(), r.Index)
			}
			for _, level := range []cluster.Level{cluster.Stale, cluster.Session, cluster.Linearizable} {
				_, err := victim.Read(t.Context(), level, 0)
				expectCode(t, err, cluster.CodeHalted)
			}
			if _, err := victim.Propose(t.Context(), command(t, op)); err == nil {
				t.Fatal("a halted node takes a command")
			}
			f.arm(0, false)
			if whole.Digest() == nodes[0].read(cluster.Linearizable, 0).Digest() {
				t.Fatalf("%s changed nothing on the others", op.Kind())
			}
			victim.reopen()
			victim.awaitReady()
			sameDigests(t, nodes) // it applied the entry, whole this time
			nodes[0].propose(command(t, undo(nodes[0])...))
			nodes[0].propose(command(t, before...))
			broken++
		}
	}
	t.Logf("%d panics in %d kinds of mutation", broken, len(mutations))
}

// undo empties the state.
func undo(n *testNode) []tree.Op {
	s := n.read(cluster.Linearizable, 0).Tree
	var ops []tree.Op
	for c := range s.Consumers(tree.UUID{}) {
		ops = append(ops, tree.Release{Consumers: []tree.UUID{c.UUID()}})
	}
	for p := range s.Roots(0) {
		ops = append(ops, tree.RemoveProvider{Provider: tree.ByUUID(p.UUID()), Subtree: true})
	}
	for _, name := range []string{"CUSTOM_OLD", "CUSTOM_NEW"} {
		if s.HasResourceClass(name) {
			ops = append(ops, tree.RemoveResourceClass{Class: name})
		}
		if s.HasTrait(name) {
			ops = append(ops, tree.RemoveTrait{Trait: name})
		}
	}
	return ops
}
