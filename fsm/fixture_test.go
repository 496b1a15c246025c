package fsm

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math/rand"
	"testing"
	"time"

	"github.com/treenode/treenode/fsm/tree"
)

// What the tests of this package share: names, ids, and a log that feeds a
// machine.

const (
	second tree.Time = 1e6
	minute           = 60 * second

	// start is when the tests' logs begin.
	start tree.Time = 1_700_000_000 * second
)

var seedFlag = flag.Int64("seed", 0, "seed of the randomised tests; 0 takes the clock")

// random returns a source whose seed is printed when the test fails.
func random(t testing.TB) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("-seed=%d", seed)
	return rand.New(rand.NewSource(seed))
}

// uuid is the n-th of the UUIDs that the tests give to providers, consumers
// and aggregates.
func uuid(n int) tree.UUID {
	var u tree.UUID
	u[0] = 0xee
	binary.BigEndian.PutUint64(u[8:], uint64(n)) //nolint:gosec // a small number
	return u
}

// requestID is a UUID version 7 made at the given time. The number tells apart
// those of one millisecond, and orders them.
func requestID(at tree.Time, n int) tree.UUID {
	var u tree.UUID
	millis := uint64(at / 1000) //nolint:gosec // not negative
	binary.BigEndian.PutUint64(u[:8], millis<<16)
	u[6] = 0x70
	binary.BigEndian.PutUint64(u[8:], uint64(n)) //nolint:gosec // a small number
	u[8] = 0x80
	return u
}

func encoded(t testing.TB, id tree.UUID, txn tree.Txn) []byte {
	t.Helper()
	b, err := Command{RequestID: id, Txn: txn}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func txn(ops ...tree.Op) tree.Txn { return tree.Txn{Ops: ops} }

// journal appends entries to a machine, one second after the other.
type journal struct {
	t     testing.TB
	m     *Machine
	index uint64
	at    tree.Time
	ids   int
}

func newJournal(t testing.TB, hook tree.StepHook) *journal {
	return &journal{t: t, m: New(hook), at: start}
}

// id is a new request id of the present.
func (j *journal) id() tree.UUID {
	j.ids++
	return requestID(j.at, j.ids)
}

// command encodes the operations under a new request id.
func (j *journal) command(ops ...tree.Op) []byte {
	j.t.Helper()
	return encoded(j.t, j.id(), txn(ops...))
}

// apply makes one entry of the commands and returns their results.
func (j *journal) apply(commands ...[]byte) []Result {
	j.t.Helper()
	j.index++
	j.at += second
	results, err := j.m.Apply(j.index, EncodeBatch(j.at, commands))
	if err != nil {
		j.t.Fatalf("entry %d: %v", j.index, err)
	}
	if len(results) != len(commands) {
		j.t.Fatalf("entry %d: %d results of %d commands", j.index, len(results), len(commands))
	}
	return results
}

// do executes the operations as one transaction, which must happen.
func (j *journal) do(ops ...tree.Op) Result {
	j.t.Helper()
	r := j.apply(j.command(ops...))[0]
	if r.Refused != nil {
		j.t.Fatalf("refused: %v", r.Refused)
	}
	return r
}

// refuse executes the operations as one transaction, which must be refused.
func (j *journal) refuse(want tree.Code, ops ...tree.Op) Result {
	j.t.Helper()
	r := j.apply(j.command(ops...))[0]
	wantRefusal(j.t, r, want)
	return r
}

func wantRefusal(t testing.TB, r Result, want tree.Code) {
	t.Helper()
	if r.Refused == nil || r.Refused.Code != want {
		t.Fatalf("refusal %v, want %s", r.Refused, want)
	}
}

func snapshot(t testing.TB, v *View) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := v.WriteSnapshot(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// inventory is plenty of a class.
func inventory(class string) tree.InventoryOf {
	return tree.InventoryOf{Class: class, Inventory: tree.Inventory{
		Total: 100, MinUnit: 1, MaxUnit: 100, StepSize: 1, Ratio: tree.One,
	}}
}

func claim(consumer int, provider, class string, amount int64) tree.ConsumerClaim {
	return tree.ConsumerClaim{
		Consumer: uuid(consumer), Project: "project", User: "user", Type: "INSTANCE",
		Allocations: []tree.AllocationOf{{Provider: tree.ByName(provider), Class: class, Amount: amount}},
	}
}

// furnish builds the small world that the tests of single operations need:
//
//	host ── numa0 ── disk     spare
//
// with a custom class and trait, a device, aggregates, and consumer 100 that
// holds VCPU of numa0.
func (j *journal) furnish() {
	j.t.Helper()
	for _, op := range []tree.Op{
		tree.CreateResourceClass{Class: "CUSTOM_GOLD"},
		tree.CreateResourceClass{Class: "CUSTOM_UNUSED"},
		tree.CreateTrait{Trait: "CUSTOM_FAST"},
		tree.CreateTrait{Trait: "CUSTOM_UNUSED"},
		tree.CreateProvider{UUID: uuid(1), Name: "host"},
		tree.CreateProvider{UUID: uuid(2), Name: "numa0", Parent: tree.ByName("host")},
		tree.CreateProvider{UUID: uuid(3), Name: "disk", Parent: tree.ByUUID(uuid(2))},
		tree.CreateProvider{UUID: uuid(4), Name: "spare"},
		tree.SetInventories{Provider: tree.ByName("numa0"), Inventories: []tree.InventoryOf{inventory("VCPU"), inventory("MEMORY_MB")}},
		tree.SetInventories{Provider: tree.ByName("spare"), Inventories: []tree.InventoryOf{inventory("VCPU"), inventory("CUSTOM_GOLD")}},
		tree.ChangeTraits{Provider: tree.ByName("spare"), Traits: []string{"CUSTOM_FAST", "HW_CPU_X86_AVX"}},
		tree.ChangeAggregates{Provider: tree.ByName("spare"), Aggregates: []tree.UUID{uuid(50), uuid(51)}},
		tree.ChangeResources{Provider: tree.ByName("spare"), Devices: []tree.Device{{Class: "PCI_DEVICE", Identifier: "0000:01", Metadata: "{}"}}},
		tree.Claim{Consumers: []tree.ConsumerClaim{claim(100, "numa0", "VCPU", 4)}},
	} {
		j.do(op)
	}
}

// deed is an operation that succeeds on what furnish builds.
type deed struct {
	name string
	op   tree.Op
}

// deeds has operations of every kind that change something, modes included.
func deeds() []deed {
	inventories := []tree.InventoryOf{inventory("VCPU"), inventory("DISK_GB")}
	traits := []string{"HW_CPU_X86_SSE"}
	aggregates := []tree.UUID{uuid(52)}
	devices := []tree.Device{{Class: "CUSTOM_GOLD", Identifier: "bar", Metadata: "{}"}}
	spare := tree.ByName("spare")
	return []deed{
		{"create root", tree.CreateProvider{UUID: uuid(10), Name: "new"}},
		{"create child", tree.CreateProvider{UUID: uuid(10), Name: "new", Parent: tree.ByName("disk")}},
		{"remove provider", tree.RemoveProvider{Provider: spare}},
		{"remove subtree", tree.RemoveProvider{Provider: spare, Subtree: true}},
		{"rename provider", tree.RenameProvider{Provider: spare, NewName: "renamed"}},
		{"move subtree", tree.MoveProvider{Provider: tree.ByName("numa0"), Parent: spare}},
		{"make a root", tree.MoveProvider{Provider: tree.ByName("numa0")}},
		{"populate", tree.Populate{Providers: []tree.PopulateProvider{
			{UUID: uuid(4), Name: "numa0", Parent: tree.ByName("host"), Inventories: &inventories, Traits: &traits, Aggregates: &aggregates, Resources: &devices},
			{UUID: uuid(2), Name: "spare"}, // the two swap names, and disk goes
			{NewUUID: uuid(10), Name: "new", Parent: tree.ByName("spare"), Traits: &traits},
		}}},
		{"set inventories", tree.SetInventories{Provider: spare, Inventories: inventories}},
		{"upsert inventories", tree.PutInventories{Provider: spare, Inventories: inventories}},
		{"add inventories", tree.PutInventories{Provider: spare, Inventories: inventories[1:], Mode: tree.AddOnly}},
		{"update inventories", tree.PutInventories{Provider: spare, Inventories: inventories[:1], Mode: tree.UpdateOnly}},
		{"remove inventories", tree.RemoveInventories{Provider: spare, Classes: []string{"VCPU", "CUSTOM_GOLD"}}},
		{"set traits", tree.ChangeTraits{Provider: spare, Traits: traits}},
		{"add traits", tree.ChangeTraits{Provider: spare, Mode: tree.Add, Traits: traits}},
		{"remove traits", tree.ChangeTraits{Provider: spare, Mode: tree.Remove, Traits: []string{"CUSTOM_FAST"}}},
		{"set aggregates", tree.ChangeAggregates{Provider: spare, Aggregates: aggregates}},
		{"add aggregates", tree.ChangeAggregates{Provider: spare, Mode: tree.Add, Aggregates: aggregates, KeepGeneration: true}},
		{"remove aggregates", tree.ChangeAggregates{Provider: spare, Mode: tree.Remove, Aggregates: []tree.UUID{uuid(50)}}},
		{"set resources", tree.ChangeResources{Provider: spare, Devices: devices}},
		{"add resources", tree.ChangeResources{Provider: spare, Mode: tree.Add, Devices: devices}},
		{"remove resources", tree.ChangeResources{Provider: spare, Mode: tree.Remove, Devices: []tree.Device{{Class: "PCI_DEVICE", Identifier: "0000:01"}}}},
		{"claim", tree.Claim{Consumers: []tree.ConsumerClaim{claim(100, "spare", "VCPU", 8), claim(101, "numa0", "MEMORY_MB", 7)}}},
		{"release by a claim of nothing", tree.Claim{Consumers: []tree.ConsumerClaim{{Consumer: uuid(100)}}}},
		{"release", tree.Release{Consumers: []tree.UUID{uuid(100)}}},
		{"reshape", tree.Reshape{
			Inventories: []tree.ReshapeInventories{
				{Provider: tree.ByName("numa0"), Inventories: []tree.InventoryOf{inventory("MEMORY_MB")}},
				{Provider: tree.ByName("disk"), Inventories: []tree.InventoryOf{inventory("VCPU")}},
			},
			Consumers: []tree.ConsumerClaim{claim(100, "disk", "VCPU", 4)},
		}},
		{"create class", tree.CreateResourceClass{Class: "CUSTOM_SILVER"}},
		{"rename class", tree.RenameResourceClass{Class: "CUSTOM_GOLD", NewName: "CUSTOM_SILVER"}},
		{"remove class", tree.RemoveResourceClass{Class: "CUSTOM_UNUSED"}},
		{"create trait", tree.CreateTrait{Trait: "CUSTOM_SLOW"}},
		{"remove trait", tree.RemoveTrait{Trait: "CUSTOM_UNUSED"}},
		{"raise generations", tree.RaiseGenerations{
			Providers: []tree.Generation{{UUID: uuid(1), Generation: 30}, {UUID: uuid(4), Generation: 1}},
			Consumers: []tree.Generation{{UUID: uuid(100), Generation: 40}},
		}},
	}
}

func idBytes(id tree.UUID) []byte { return id[:] }
