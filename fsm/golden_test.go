package fsm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// The files below testdata/golden hold the bytes of every kind of thing that
// is written to logs and snapshots. They are never edited and never removed:
// nodes in the field have such bytes on disk, and a difference means that they
// could no longer be read, or would be read as something else. No test writes
// to an existing file. A new kind gets its file with
//
//	go test ./fsm/ -run TestGolden -add-golden

var addGolden = flag.Bool("add-golden", false, "write the golden files that are missing; existing ones are never touched")

const goldenDir = "testdata/golden"

// goldenLine is how many bytes stand in one line of a golden file.
const goldenLine = 32

func golden(t *testing.T, name string, have []byte) []byte {
	t.Helper()
	path := filepath.Join(goldenDir, name+".hex")
	if *addGolden {
		var text strings.Builder
		for b := have; len(b) > 0; b = b[min(goldenLine, len(b)):] {
			text.WriteString(hex.EncodeToString(b[:min(goldenLine, len(b))]) + "\n")
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err == nil {
			_, err = f.WriteString(text.String())
			err = errors.Join(err, f.Close())
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: a new kind needs a golden file, see the top of this test", err)
	}
	want, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s is encoded as\n%x\nbut the golden bytes are\n%x\nFields of a kind never change; make a new kind.", name, have, want)
	}
	return want
}

// goldenOps has one sample of each kind of operation. Like the files, they
// never change.
func goldenOps() []tree.Op {
	ref := func(n int, name string) tree.Ref { return tree.Ref{UUID: uuid(n), Name: name} }
	inventories := []tree.InventoryOf{
		{Class: "VCPU", Inventory: tree.Inventory{Total: 64, Reserved: 2, MinUnit: 1, MaxUnit: 32, StepSize: 4, Ratio: tree.RatioOf(1.5)}},
		{Class: "CUSTOM_GOLD", Inventory: tree.Inventory{Total: 1<<31 - 1, MinUnit: 3, MaxUnit: 5, StepSize: -1}},
	}
	consumers := []tree.ConsumerClaim{
		{Consumer: uuid(20), Project: "project", User: "user", Type: "INSTANCE", Allocations: []tree.AllocationOf{
			{Provider: ref(1, "host"), Class: "VCPU", Amount: 4}, {Provider: tree.ByName("disk"), Class: "DISK_GB", Amount: -300},
		}},
		{Consumer: uuid(21)},
	}
	devices := []tree.Device{{Class: "PCI_DEVICE", Identifier: "0000:01", Metadata: `{"a":1}`}, {Class: "CUSTOM_PMEM"}}
	traits, none := []string{"CUSTOM_FAST", "HW_CPU_X86_AVX"}, []tree.UUID(nil)
	return []tree.Op{
		tree.CreateProvider{UUID: uuid(1), Name: "host", Parent: ref(2, "rack")},
		tree.RemoveProvider{Provider: ref(1, "host"), Subtree: true},
		tree.RenameProvider{Provider: ref(1, "host"), NewName: "häuschen"},
		tree.MoveProvider{Provider: ref(1, "host"), Parent: ref(2, "rack")},
		tree.Populate{Providers: []tree.PopulateProvider{
			{UUID: uuid(1), Name: "host", Parent: ref(2, "rack"), Inventories: &inventories, Traits: &traits, Aggregates: &none, Resources: &devices},
			{NewUUID: uuid(3), Name: "new"},
		}},
		tree.SetInventories{Provider: ref(1, "host"), Inventories: inventories},
		tree.PutInventories{Provider: ref(1, "host"), Inventories: inventories, Mode: tree.UpdateOnly},
		tree.RemoveInventories{Provider: ref(1, "host"), Classes: []string{"VCPU", "CUSTOM_GOLD"}},
		tree.ChangeTraits{Mode: tree.Add, Provider: ref(1, "host"), Traits: traits},
		tree.ChangeAggregates{Mode: tree.Remove, Provider: ref(1, "host"), Aggregates: []tree.UUID{uuid(30), uuid(31)}, KeepGeneration: true},
		tree.ChangeResources{Mode: tree.Set, Provider: ref(1, "host"), Devices: devices},
		tree.Claim{Consumers: consumers},
		tree.Release{Consumers: []tree.UUID{uuid(20), uuid(21)}},
		tree.Reshape{
			Inventories: []tree.ReshapeInventories{{Provider: ref(1, "host"), Inventories: inventories}, {Provider: ref(2, "")}},
			Consumers:   consumers,
		},
		tree.CreateResourceClass{Class: "CUSTOM_GOLD"},
		tree.RenameResourceClass{Class: "CUSTOM_GOLD", NewName: "CUSTOM_SILVER"},
		tree.RemoveResourceClass{Class: "CUSTOM_GOLD"},
		tree.CreateTrait{Trait: "CUSTOM_FAST"},
		tree.RemoveTrait{Trait: "CUSTOM_FAST"},
		tree.RaiseGenerations{
			Providers: []tree.Generation{{UUID: uuid(1), Generation: 300}, {UUID: uuid(2), Generation: 1 << 40}},
			Consumers: []tree.Generation{{UUID: uuid(20), Generation: 1}},
		},
	}
}

func goldenResults() map[string]Result {
	return map[string]Result{
		"result": {Index: 300, Revision: 200, Replayed: true, Effect: tree.Effect{
			Created:   []tree.UUID{uuid(1), uuid(2)},
			Providers: []tree.Generation{{UUID: uuid(1), Generation: 3}, {UUID: uuid(2), Generation: 1 << 40}},
			Consumers: []tree.Generation{{UUID: uuid(20), Generation: 1}},
		}},
		"result_refused": {Index: 301, Revision: 200, Refused: &tree.Error{
			Code: tree.CodeConflict, Message: "message", Op: -1, Field: "field", Provider: "provider", Consumer: "consumer",
			Conflicts: []tree.Conflict{
				{Precondition: 1, Provider: "provider", Want: 1, Have: 2},
				{Precondition: 2, Consumer: "consumer", Want: 3, Missing: true},
				{Precondition: 3, Provider: "provider", Structural: true},
			},
		}},
	}
}

func TestGolden(t *testing.T) {
	names := map[string]bool{}
	checked := func(t *testing.T, name string, have []byte) []byte {
		names[name+".hex"] = true
		return golden(t, name, have)
	}
	ops := goldenOps()
	kinds := opTypes(t)
	if len(ops) != len(kinds) {
		t.Fatalf("%d samples of %d kinds", len(ops), len(kinds))
	}
	var commands [][]byte
	for i, op := range ops {
		if reflect.TypeOf(op) != kinds[i] {
			t.Fatalf("sample %d is a %T, want a %s", i, op, kinds[i])
		}
		want := checked(t, "op_"+op.Kind(), roundTrip(t, op, (*codec).op))
		var back tree.Op
		if err := decodeAll(want, &back, (*codec).op); err != nil || !reflect.DeepEqual(back, op) {
			t.Errorf("%s is read as %+v, %v", op.Kind(), back, err)
		}
		commands = append(commands, encoded(t, requestID(start, i), tree.Txn{Ops: []tree.Op{op, op}}))
	}
	for name, p := range preconditions() {
		want := checked(t, "precondition_"+name, roundTrip(t, p, (*codec).precondition))
		var back tree.Precondition
		if err := decodeAll(want, &back, (*codec).precondition); err != nil || back != p {
			t.Errorf("%s is read as %+v, %v", name, back, err)
		}
	}
	withCondition := tree.Txn{Preconditions: []tree.Precondition{preconditions()["state_revision"]}, Ops: ops[:1]}
	commands = append(commands[:2], encoded(t, requestID(start, 99), withCondition))
	checked(t, "entry_batch", EncodeBatch(start, commands))
	checked(t, "entry_empty", EncodeBatch(start, nil))
	mark := checked(t, "entry_mark", EncodeMark(start))
	if back, err := DecodeEntry(mark); err != nil || !reflect.DeepEqual(back, Entry{Kind: KindMark, At: start}) {
		t.Errorf("the mark is read as %+v, %v", back, err)
	}
	point := Entry{Kind: KindCheckpoint, At: start, Marked: 300, Digest: sha256.Sum256([]byte("state"))}
	checkpoint := checked(t, "entry_checkpoint", EncodeCheckpoint(point.At, point.Marked, point.Digest))
	if back, err := DecodeEntry(checkpoint); err != nil || !reflect.DeepEqual(back, point) {
		t.Errorf("the checkpoint is read as %+v, %v", back, err)
	}
	origins := checked(t, "entry_origins", EncodeOrigins(start, append(commands, commands[0]), goldenOrigins()))
	if back, err := DecodeEntry(origins); err != nil || !reflect.DeepEqual(originsOf(t, back), goldenOrigins()) {
		t.Errorf("the origins are read as %+v, %v", back, err)
	}
	change := JoinTokenChange{JoinTokenMake, JoinToken{
		ID: "0190b3a4", Hash: sha256.Sum256([]byte("secret")), Node: "n4", By: "ann", Made: start, Expires: start + 9, UsedBy: "n4@0190", Used: start + 3,
	}}
	token := checked(t, "entry_join_token", EncodeJoinToken(start, change))
	if back, err := DecodeEntry(token); err != nil || !reflect.DeepEqual(back, Entry{Kind: KindJoinToken, At: start, JoinToken: change}) {
		t.Errorf("the join token is read as %+v, %v", back, err)
	}
	level := checked(t, "entry_level", EncodeLevel(start, LevelGenerations))
	if back, err := DecodeEntry(level); err != nil || !reflect.DeepEqual(back, Entry{Kind: KindLevel, At: start, Level: LevelGenerations}) {
		t.Errorf("the note of a level is read as %+v, %v", back, err)
	}
	for name, r := range goldenResults() {
		want := checked(t, name, r.Encode())
		if back, err := DecodeResult(want); err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("%s is read as %+v, %v", name, back, err)
		}
	}

	want := checked(t, "snapshot", snapshot(t, smallView(t)))
	v, err := ReadSnapshot(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(snapshot(t, v), want) {
		t.Error("the golden snapshot is written differently after it was read")
	}
	digest := smallView(t).Digest()
	checked(t, "digest", digest[:])
	// The standard classes and traits are part of every cluster's first state.
	digest = New(nil).View().Digest()
	checked(t, "digest_first_state", digest[:])

	files, err := os.ReadDir(goldenDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !names[f.Name()] {
			t.Errorf("%s belongs to no kind: kinds never go", f.Name())
		}
	}
}
