package fsm

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// fullCommand has an operation of each kind and every precondition.
func fullCommand(t testing.TB) Command {
	t.Helper()
	cmd := Command{RequestID: requestID(start, 1)}
	for _, typ := range opTypes(t) {
		cmd.Txn.Ops = append(cmd.Txn.Ops, filledOp(t, typ))
	}
	conditions := preconditions()
	for _, name := range []string{"provider_generation", "provider_absent", "consumer_generation", "consumer_absent", "state_revision", "provider_parent"} {
		cmd.Txn.Preconditions = append(cmd.Txn.Preconditions, conditions[name])
	}
	return cmd
}

func TestCommandRoundTrips(t *testing.T) {
	for _, cmd := range []Command{{}, {RequestID: uuid(1)}, fullCommand(t)} {
		b, err := cmd.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeCommand(b)
		if err != nil || !reflect.DeepEqual(back, cmd) {
			t.Errorf("read %+v, %v; wrote %+v", back, err, cmd)
		}
		for n := range b {
			if _, err := DecodeCommand(b[:n]); err == nil {
				t.Fatalf("the first %d of %d bytes were taken for a command", n, len(b))
			}
		}
		if _, err := DecodeCommand(append(bytes.Clone(b), 0)); err == nil {
			t.Error("a byte behind the command was not noticed")
		}
	}
}

func TestFingerprintTellsBodiesApart(t *testing.T) {
	b, err := fullCommand(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	first := fingerprintOf(b)
	if first != fingerprintOf(bytes.Clone(b)) {
		t.Fatal("equal bytes have different fingerprints")
	}
	for i := range b {
		other := bytes.Clone(b)
		other[i] ^= 1
		if fingerprintOf(other) == first {
			t.Fatalf("byte %d has no part in the fingerprint", i)
		}
	}
}

func TestResultRoundTrips(t *testing.T) {
	for _, r := range []Result{
		{},
		{Index: 1, Revision: 2, Replayed: true},
		{Index: 1, Revision: 2, Effect: filled[tree.Effect](t)},
		{Index: 1, Revision: 2, Replayed: true, Refused: filled[*tree.Error](t)},
		{Refused: &tree.Error{Op: -1}},
		{Refused: &tree.Error{Code: 1<<16 - 1, Conflicts: []tree.Conflict{{}, {Missing: true}, {Structural: true}}}},
	} {
		b := roundTrip(t, r, (*codec).result)
		if !bytes.Equal(r.Encode(), b) {
			t.Errorf("Encode gives %x, the walk %x", r.Encode(), b)
		}
		if back, err := DecodeResult(b); err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("read %+v, %v; wrote %+v", back, err, r)
		}
	}
}

// TestResultRefusesWhatCannotBe has results that no node writes.
func TestResultRefusesWhatCannotBe(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"replayed is 2", []byte{1, 1, 2, 0, 0, 0, 0}, "unknown value"},
		{"refused is 2", []byte{1, 1, 0, 2, 0, 0, 0}, "unknown value"},
		// Cut to 16 bits it would be CodeInvalid.
		{"code of 17 bits", []byte{1, 1, 0, 1, 0x81, 0x80, 4, 0, 0, 0, 0, 0, 0}, "16 bits"},
		{"behind the end", []byte{1, 1, 0, 0, 0, 0, 0, 0}, "after the last field"},
	} {
		if r, err := DecodeResult(c.bytes); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: read %+v, error %v", c.name, r, err)
		}
	}
}

func TestRefusalCodesSurvive(t *testing.T) {
	for _, code := range tree.Codes() {
		back, err := DecodeResult(Result{Refused: &tree.Error{Code: code}}.Encode())
		if err != nil || back.Refused == nil || back.Refused.Code != code {
			t.Errorf("%s came back as %v, %v", code, back.Refused, err)
		}
	}
}

// A decoder uses its memory again: nothing of one command, or of one claim,
// may show in the next.
func TestDecoderReadsAsDecodeCommand(t *testing.T) {
	two := claim(101, "b", "DISK_GB", 2)
	two.Allocations = append(two.Allocations, tree.AllocationOf{Provider: tree.ByUUID(uuid(7)), Class: "VCPU", Amount: 300})
	commands := [][]byte{
		encoded(t, uuid(1), txn(tree.Claim{Consumers: []tree.ConsumerClaim{two, claim(100, "a", "VCPU", 1)}}, tree.Claim{Consumers: []tree.ConsumerClaim{claim(102, "c", "VCPU", 3), two}})),
		encoded(t, uuid(2), tree.Txn{
			Preconditions: []tree.Precondition{{Kind: tree.ProviderParent, Provider: tree.ByName("a"), Parent: tree.ByName("b")}, {Kind: tree.StateRevision, Value: 1 << 40}},
			Ops:           []tree.Op{tree.Claim{Consumers: []tree.ConsumerClaim{{Consumer: uuid(100)}}}},
		}),
	}
	for _, d := range deeds() {
		commands = append(commands, encoded(t, uuid(3), txn(d.op)))
	}
	var d decoder
	for range 2 {
		for i, b := range commands {
			have, err := d.decode(b)
			if err != nil {
				t.Fatal(err)
			}
			again, err := have.Encode()
			if err != nil || !bytes.Equal(again, b) {
				t.Errorf("command %d was read as %+v, %v", i, have, err)
			}
		}
	}
}
