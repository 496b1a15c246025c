package fsm

import (
	"fmt"
	"iter"
	"math/rand"
	"slices"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// history is a random log: commands of every kind over a small world, so that
// many meet each other and many are refused. The generator looks at a machine
// that it feeds, so that many also happen.
type history struct {
	r     *rand.Rand
	m     *Machine
	now   tree.Time
	ids   int
	uuids int
	// commands are in the order of the log, each with its entry's time.
	commands []logged
}

type logged struct {
	at      tree.Time
	command []byte
	kind    opKind // of its only operation; 0 for a retry or several operations
}

func newHistory(t testing.TB, r *rand.Rand, n int) *history {
	h := &history{r: r, m: New(nil), now: start}
	for len(h.commands) < n {
		switch k := r.Intn(100); {
		case k == 0: // a quiet time: answers are forgotten
			h.now += tree.Time(r.Intn(40)) * minute
		case k < 40:
			h.now += tree.Time(r.Int63n(int64(second)))
		case k < 42: // a proposer whose clock is behind
			h.now -= tree.Time(r.Int63n(int64(second)))
		}
		l := h.next(t)
		h.commands = append(h.commands, l)
		if _, err := h.m.Apply(uint64(len(h.commands)), EncodeBatch(l.at, [][]byte{l.command})); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h *history) next(t testing.TB) logged {
	if len(h.commands) > 0 && h.r.Intn(12) == 0 { // a retry, of a recent command or any
		from := 0
		if h.r.Intn(4) > 0 {
			from = max(0, len(h.commands)-30)
		}
		return logged{at: h.now, command: h.commands[from+h.r.Intn(len(h.commands)-from)].command}
	}
	h.ids++
	made := h.now
	if h.r.Intn(20) == 0 { // a wrong clock
		made += tree.Time(h.r.Intn(80)-70) * minute
	}
	l := logged{at: h.now}
	var x tree.Txn
	op := h.op()
	l.kind = kindOf(op)
	x.Ops = append(x.Ops, op)
	for h.r.Intn(5) == 0 {
		x.Ops = append(x.Ops, h.op())
		l.kind = 0
	}
	for h.r.Intn(6) == 0 {
		x.Preconditions = append(x.Preconditions, h.precondition())
		l.kind = 0
	}
	l.command = encoded(t, requestID(made, h.ids), x)
	return l
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.Intn(len(list))] }

func (h *history) name() string         { return fmt.Sprintf("p%d", h.r.Intn(20)) }
func (h *history) aggregate() tree.UUID { return uuid(50 + h.r.Intn(4)) }
func (h *history) custom() string       { return fmt.Sprintf("CUSTOM_%d", h.r.Intn(4)) }

// spare is a resource class that no inventory asks for, so that removing one
// is not always refused: those of custom are in use nearly all the time.
func (h *history) spare() string { return fmt.Sprintf("CUSTOM_SPARE_%d", h.r.Intn(2)) }

// provider is mostly one that exists, by name or UUID.
func (h *history) provider() tree.Ref {
	p, ok := choose(h.r, h.m.View().Tree.Providers(0))
	if !ok || h.r.Intn(8) == 0 {
		return tree.ByName(h.name())
	}
	return pick(h.r, tree.ByName(p.Name()), tree.ByUUID(p.UUID()), tree.ParseRef(p.Name()))
}

// consumer is as often one that has allocations as any.
func (h *history) consumer() tree.UUID {
	c, ok := choose(h.r, h.m.View().Tree.Consumers(tree.UUID{}))
	if !ok || h.r.Intn(2) == 0 {
		return uuid(100 + h.r.Intn(20))
	}
	return c.UUID()
}

// allocation is mostly of an inventory that exists.
func (h *history) allocation() tree.AllocationOf {
	a := tree.AllocationOf{Provider: h.provider(), Class: h.class(), Amount: pick[int64](h.r, 0, 1, 1, 2, 2, 2, 3, 4)}
	if p, ok := h.m.View().Tree.Find(a.Provider); ok && h.r.Intn(8) > 0 {
		if i, ok := choose(h.r, slices.Values(p.Inventories())); ok {
			a.Class = i.Class
		}
	}
	return a
}

// choose takes one of a sequence, which may be empty.
func choose[T any](r *rand.Rand, all iter.Seq[T]) (chosen T, ok bool) {
	n := 0
	for v := range all {
		if n++; r.Intn(n) == 0 {
			chosen = v
		}
	}
	return chosen, n > 0
}

func (h *history) class() string {
	return pick(h.r, "VCPU", "VCPU", "VCPU", "VCPU", "VCPU", "MEMORY_MB", "DISK_GB", h.custom())
}

func (h *history) trait() string {
	return pick(h.r, "HW_CPU_X86_AVX", "HW_CPU_X86_SSE", "STORAGE_DISK_SSD", h.custom())
}

// parent is a provider or, as often, none.
func (h *history) parent() tree.Ref {
	if h.r.Intn(2) == 0 {
		return tree.Ref{}
	}
	return h.provider()
}

// fresh is a UUID that mostly no provider has had.
func (h *history) fresh() tree.UUID {
	if p, ok := choose(h.r, h.m.View().Tree.Providers(0)); ok && h.r.Intn(10) == 0 {
		return p.UUID()
	}
	h.uuids++
	return uuid(10_000 + h.uuids)
}

// some is up to n of what f gives.
func some[T any](h *history, n int, f func() T) []T {
	var list []T
	for range h.r.Intn(n + 1) {
		list = append(list, f())
	}
	return list
}

func (h *history) inventories() []tree.InventoryOf {
	var list []tree.InventoryOf
	for _, class := range []string{"VCPU", "MEMORY_MB", "DISK_GB", h.custom()} {
		if class != "VCPU" && h.r.Intn(3) > 0 {
			continue
		}
		list = append(list, tree.InventoryOf{Class: class, Inventory: tree.Inventory{
			Total: int64(4 + h.r.Intn(10)), Reserved: int64(h.r.Intn(4)), MinUnit: 1, MaxUnit: int64(3 + h.r.Intn(8)),
			StepSize: pick[int64](h.r, 1, 1, 1, 2), Ratio: tree.RatioOf(pick(h.r, 1, 1.5, 0.29)),
		}})
	}
	return list
}

func (h *history) device() tree.Device {
	return tree.Device{Class: pick(h.r, "PCI_DEVICE", h.custom()), Identifier: pick(h.r, "a", "b", "c"), Metadata: pick(h.r, "", "{}")}
}

func (h *history) claim() tree.ConsumerClaim {
	c := tree.ConsumerClaim{
		Consumer: h.consumer(), Project: pick(h.r, "", "p", "q"), User: pick(h.r, "", "u"), Type: pick(h.r, "", "INSTANCE"),
		Allocations: some(h, 1, h.allocation),
	}
	if h.r.Intn(10) > 0 {
		c.Allocations = append(c.Allocations, h.allocation())
	}
	return c
}

func (h *history) populated() tree.PopulateProvider {
	p := tree.PopulateProvider{NewUUID: h.fresh(), Name: h.name(), Parent: h.parent()}
	if h.r.Intn(2) == 0 {
		list := h.inventories()
		p.Inventories = &list
	}
	if h.r.Intn(3) == 0 {
		list := some(h, 2, h.trait)
		p.Traits = &list
	}
	if h.r.Intn(3) == 0 {
		list := some(h, 2, h.aggregate)
		p.Aggregates = &list
	}
	if h.r.Intn(3) == 0 {
		list := some(h, 2, h.device)
		p.Resources = &list
	}
	return p
}

func (h *history) generation(of tree.UUID) tree.Generation {
	return tree.Generation{UUID: of, Generation: uint64(h.r.Intn(30))} //nolint:gosec // below 30
}

func (h *history) op() tree.Op {
	mode := tree.ChangeMode(h.r.Intn(3))          //nolint:gosec // below 3
	kind := opKind(1 + h.r.Intn(len(opCodecs)-1)) //nolint:gosec // a short table
	if h.r.Intn(3) == 0 {
		kind = pick[opKind](h.r, 1, 6, 12, 12, 12, 12, 13)
	}
	switch kind {
	case 1:
		return tree.CreateProvider{UUID: h.fresh(), Name: h.name(), Parent: h.parent()}
	case 2:
		return tree.RemoveProvider{Provider: h.provider(), Subtree: h.r.Intn(4) == 0}
	case 3:
		return tree.RenameProvider{Provider: h.provider(), NewName: h.name()}
	case 4:
		return tree.MoveProvider{Provider: h.provider(), Parent: h.parent()}
	case 5:
		return tree.Populate{Providers: some(h, 3, h.populated)}
	case 6:
		return tree.SetInventories{Provider: h.provider(), Inventories: h.inventories()}
	case 7:
		return tree.PutInventories{Provider: h.provider(), Inventories: h.inventories(), Mode: pick(h.r, tree.Upsert, tree.AddOnly, tree.UpdateOnly)}
	case 8:
		return tree.RemoveInventories{Provider: h.provider(), Classes: []string{h.class()}}
	case 9:
		return tree.ChangeTraits{Mode: mode, Provider: h.provider(), Traits: some(h, 2, h.trait)}
	case 10:
		return tree.ChangeAggregates{Mode: mode, Provider: h.provider(), Aggregates: some(h, 2, h.aggregate), KeepGeneration: h.r.Intn(2) == 0}
	case 11:
		return tree.ChangeResources{Mode: mode, Provider: h.provider(), Devices: some(h, 2, h.device)}
	case 12:
		return tree.Claim{Consumers: some(h, 2, h.claim)} // none is refused
	case 13:
		return tree.Release{Consumers: some(h, 2, h.consumer)}
	case 14:
		return tree.Reshape{
			Inventories: some(h, 2, func() tree.ReshapeInventories {
				return tree.ReshapeInventories{Provider: h.provider(), Inventories: h.inventories()}
			}),
			Consumers: some(h, 1, h.claim),
		}
	case 15:
		return tree.CreateResourceClass{Class: pick(h.r, h.custom(), h.custom(), h.spare(), h.spare(), "lower")}
	case 16:
		return tree.RenameResourceClass{Class: pick(h.r, h.custom(), h.spare()), NewName: pick(h.r, h.custom(), h.spare())}
	case 17:
		return tree.RemoveResourceClass{Class: pick(h.r, h.custom(), h.spare(), h.spare(), h.spare())}
	case 18:
		return tree.CreateTrait{Trait: pick(h.r, h.custom(), h.custom(), "lower")}
	case 19:
		return tree.RemoveTrait{Trait: h.custom()}
	case 20:
		return tree.RaiseGenerations{
			Providers: some(h, 2, func() tree.Generation { return h.generation(h.provider().UUID) }),
			Consumers: some(h, 2, func() tree.Generation { return h.generation(h.consumer()) }),
		}
	default:
		panic("a kind that histories do not know")
	}
}

func (h *history) precondition() tree.Precondition {
	return tree.Precondition{
		Kind:     tree.PreconditionKind(1 + h.r.Intn(6)),                                               //nolint:gosec // at most 6
		Provider: h.provider(), Consumer: h.consumer(), Value: uint64(h.r.Intn(5)), Parent: h.parent(), //nolint:gosec // below 5
	}
}
