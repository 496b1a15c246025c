package tree

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// now is the time of the transactions of tests that don't look at times.
const now Time = 1_000_000

// num is the UUID that ends in the number.
func num(n int) UUID {
	return UUID{12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}
}

// inv is an inventory that can be claimed in any amount.
func inv(class string, total int64, change ...func(*Inventory)) InventoryOf {
	i := Inventory{Total: total, MinUnit: 1, MaxUnit: amountMax, StepSize: 1, Ratio: One}
	for _, f := range change {
		f(&i)
	}
	return InventoryOf{class, i}
}

func reserved(n int64) func(*Inventory)      { return func(i *Inventory) { i.Reserved = n } }
func ratio(r float64) func(*Inventory)       { return func(i *Inventory) { i.Ratio = RatioOf(r) } }
func stepSize(n int64) func(*Inventory)      { return func(i *Inventory) { i.StepSize = n } }
func units(a, b int64) func(*Inventory)      { return func(i *Inventory) { i.MinUnit, i.MaxUnit = a, b } }
func total(n int64) func(*Inventory)         { return func(i *Inventory) { i.Total = n } }
func ptr[T any](v T) *T                      { return &v }
func invs(list ...InventoryOf) []InventoryOf { return list }

func create(n int, name, parent string) CreateProvider {
	return CreateProvider{UUID: num(n), Name: name, Parent: ByName(parent)}
}

func setInventories(provider string, list ...InventoryOf) SetInventories {
	return SetInventories{ByName(provider), list}
}

// take is a claim of one consumer: provider, class, amount and so on.
func take(consumer int, allocations ...AllocationOf) Claim {
	return Claim{[]ConsumerClaim{takes(consumer, allocations...)}}
}

func takes(consumer int, allocations ...AllocationOf) ConsumerClaim {
	return ConsumerClaim{Consumer: num(consumer), Project: "project", User: "user", Allocations: allocations}
}

func of(provider, class string, amount int64) AllocationOf {
	return AllocationOf{ByName(provider), class, amount}
}

// The consumers of the sample.
const (
	guest  = 101 // 2 VCPU of numa0, 10 DISK_GB of storage
	tunnel = 102 // 1 VCPU of numa0, 1 SRIOV_NET_VF of nic
	absent = 199 // no consumer
)

// sample is a small state that most tables start from:
//
//	host (1): MEMORY_MB 4096
//	├── numa0 (2): VCPU 8, at most 4 at once
//	│   └── nic (4): SRIOV_NET_VF 4, two devices of CUSTOM_PORT
//	└── numa1 (3): VCPU 8
//	storage (5): DISK_GB 1000 in steps of 10, shared
func sample(t testing.TB) *State {
	t.Helper()
	rack := []UUID{num(201)}
	return grow(t, New(),
		CreateResourceClass{"CUSTOM_PORT"}, CreateResourceClass{"CUSTOM_FREE"},
		CreateTrait{"CUSTOM_RACK"}, CreateTrait{"CUSTOM_FREE"},
		create(1, "host", ""), create(2, "numa0", "host"), create(3, "numa1", "host"),
		create(4, "nic", "numa0"), create(5, "storage", ""),
		setInventories("host", inv("MEMORY_MB", 4096)),
		setInventories("numa0", inv("VCPU", 8, units(1, 4))),
		setInventories("numa1", inv("VCPU", 8)),
		setInventories("nic", inv("SRIOV_NET_VF", 4)),
		setInventories("storage", inv("DISK_GB", 1000, stepSize(10), units(10, 500))),
		ChangeTraits{Set, ByName("host"), []string{"HW_CPU_X86_AVX", "CUSTOM_RACK"}},
		ChangeTraits{Set, ByName("storage"), []string{sharingTrait}},
		ChangeAggregates{Mode: Set, Provider: ByName("host"), Aggregates: rack},
		ChangeAggregates{Mode: Set, Provider: ByName("storage"), Aggregates: rack},
		ChangeResources{Set, ByName("nic"), []Device{{"CUSTOM_PORT", "p0", "east"}, {"CUSTOM_PORT", "p1", ""}}},
		take(guest, of("numa0", "VCPU", 2), of("storage", "DISK_GB", 10)),
		take(tunnel, of("numa0", "VCPU", 1), of("nic", "SRIOV_NET_VF", 1)),
	)
}

// apply applies one transaction that must succeed and checks what comes of it.
func apply(t testing.TB, s *State, ops ...Op) (*State, Effect) {
	t.Helper()
	next, effect, err := s.Apply(now, Txn{Ops: ops}, nil)
	if err != nil {
		t.Fatalf("apply %v: %v", kinds(ops), describe(err))
	}
	if err := next.Check(); err != nil {
		t.Fatalf("apply %v: %v", kinds(ops), err)
	}
	return next, effect
}

func grow(t testing.TB, s *State, ops ...Op) *State {
	t.Helper()
	next, _ := apply(t, s, ops...)
	return next
}

// refused applies one transaction that must be refused, and looks that the
// state keeps its content.
func refused(t testing.TB, s *State, ops ...Op) *Error {
	t.Helper()
	before := dump(s)
	next, effect, err := s.Apply(now, Txn{Ops: ops}, nil)
	if err == nil {
		t.Fatalf("apply %v: want a refusal", kinds(ops))
	}
	if next != nil || effect.Created != nil || effect.Providers != nil || effect.Consumers != nil {
		t.Errorf("apply %v: a refusal came with a state or an effect", kinds(ops))
	}
	if dump(s) != before {
		t.Errorf("apply %v: a refusal changed the state", kinds(ops))
	}
	if err := s.Check(); err != nil {
		t.Errorf("apply %v: %v", kinds(ops), err)
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("apply %v: error %v is a %T", kinds(ops), err, err)
	}
	return e
}

func kinds(ops []Op) []string {
	var all []string
	for _, op := range ops {
		all = append(all, op.Kind())
	}
	return all
}

// describe says all of an error, for comparison too.
func describe(err error) string {
	if err == nil {
		return "accepted"
	}
	e, ok := err.(*Error) //nolint:errorlint // refusals are never wrapped
	if !ok {
		return err.Error()
	}
	return fmt.Sprintf("%v op=%d field=%s provider=%s consumer=%s conflicts=%v", e, e.Op, e.Field, e.Provider, e.Consumer, e.Conflicts)
}

func provide(t testing.TB, s *State, name string) Provider {
	t.Helper()
	p, ok := s.Find(ByName(name))
	if !ok {
		t.Fatalf("no provider %s", name)
	}
	return p
}

// generations reads the generations of the named providers.
func generations(t testing.TB, s *State, names ...string) []uint64 {
	t.Helper()
	all := make([]uint64, len(names))
	for i, name := range names {
		all[i] = provide(t, s, name).Generation()
	}
	return all
}

// gained compares how much the generations grew from one state to the next.
func gained(t testing.TB, before, after *State, names []string, want ...uint64) {
	t.Helper()
	was, is := generations(t, before, names...), generations(t, after, names...)
	for i := range is {
		is[i] -= was[i]
	}
	if !slices.Equal(is, want) {
		t.Errorf("the generations of %v grew by %v, want %v", names, is, want)
	}
}

func used(t testing.TB, s *State, provider, class string) int64 {
	t.Helper()
	i, ok := provide(t, s, provider).Inventory(class)
	if !ok {
		t.Fatalf("no inventory of %s on %s", class, provider)
	}
	return i.Used
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%v", got), fmt.Sprintf("%v", want); g != w {
		t.Errorf("%s: %s, want %s", what, g, w)
	}
}

// dump is the whole content of a state, records and indexes, except for the
// standard names, which are only counted.
func dump(s *State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "meta %+v\n", s.Meta())
	for r := range s.ClassRecords() {
		if r.Number >= firstCustom {
			fmt.Fprintf(&b, "class %+v\n", r)
		}
	}
	for r := range s.TraitRecords() {
		if r.Number >= firstCustom {
			fmt.Fprintf(&b, "trait %+v\n", r)
		}
	}
	for r := range s.ProviderRecords() {
		fmt.Fprintf(&b, "provider %+v\n", r)
	}
	for r := range s.ConsumerRecords() {
		fmt.Fprintf(&b, "consumer %+v\n", r)
	}
	for i, v := range []*vocabulary{&s.classes, &s.traits} {
		fmt.Fprintf(&b, "vocabulary %d: %d numbers %d names\n", i, v.byNumber.len(), v.byName.len())
		v.byName.ascend(customPrefix, func(name string, n uint32) bool {
			if strings.HasPrefix(name, customPrefix) {
				fmt.Fprintf(&b, "name %s %d\n", name, n)
			}
			return true
		})
	}
	s.byUUID.ascend(UUID{}, func(u UUID, n uint32) bool { fmt.Fprintf(&b, "uuid %v %d\n", u, n); return true })
	s.byName.ascend("", func(name string, n uint32) bool { fmt.Fprintf(&b, "named %q %d\n", name, n); return true })
	for i, t := range []*table[pair, struct{}]{&s.children, &s.byClass, &s.byTrait} {
		t.ascend(0, func(p pair, _ struct{}) bool {
			fmt.Fprintf(&b, "index %d: %d %d\n", i, p.first(), p.second())
			return true
		})
	}
	s.byAggregate.ascend(aggregateKey{}, func(k aggregateKey) bool { fmt.Fprintf(&b, "aggregate %v\n", k); return true })
	s.claims.ascend(claimKey{}, func(k claimKey, _ struct{}) bool { fmt.Fprintf(&b, "claim %v\n", k); return true })
	return b.String()
}
