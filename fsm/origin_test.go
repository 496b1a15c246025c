package fsm

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// goldenOrigins are those of four commands. Like the files, they never change.
func goldenOrigins() []*Origin {
	return []*Origin{
		{User: "nova", Project: "service", Action: "placement:allocations:update", Request: "req-1"},
		nil,
		{User: "root", System: true, Action: "placement:traits:update"},
		{User: "nova", Project: "service", Action: "placement:allocations:update", Request: "req-2"},
	}
}

func originsOf(t *testing.T, e Entry) []*Origin {
	t.Helper()
	all := make([]*Origin, len(e.Commands))
	for i := range all {
		o, known, err := e.Origin(i)
		if err != nil {
			t.Fatal(err)
		}
		if known {
			all[i] = &o
		}
	}
	return all
}

// Who asked twice is there once.
func TestAskersAreSharedInAnEntry(t *testing.T) {
	entry := EncodeOrigins(start, [][]byte{{1}, {2}, {3}, {4}}, goldenOrigins())
	if n := bytes.Count(entry, []byte("nova")); n != 1 {
		t.Errorf("the same asker is in the entry %d times", n)
	}
	e, err := DecodeEntry(entry)
	if err != nil || !reflect.DeepEqual(originsOf(t, e), goldenOrigins()) {
		t.Errorf("read %+v, %v", e, err)
	}
	for n := range entry {
		if _, err := DecodeEntry(entry[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for an entry", n, len(entry))
		}
	}
}

// Two machines, one of which is told the origins, are the same afterwards: in
// their states, their answers and their memory of request ids.
func TestOriginsChangeNothing(t *testing.T) {
	with, without := New(nil), New(nil)
	commands := [][]byte{
		encoded(t, requestID(start, 1), txn(tree.CreateTrait{Trait: "CUSTOM_A"})),
		encoded(t, requestID(start, 2), txn(tree.CreateTrait{Trait: "NOT_CUSTOM"})),
		encoded(t, requestID(start, 1), txn(tree.CreateTrait{Trait: "CUSTOM_A"})),
		encoded(t, requestID(start, 2), txn(tree.CreateTrait{Trait: "CUSTOM_B"})),
	}
	for index := uint64(1); index <= 2; index++ { // the second time all are repeated
		a, errA := with.Apply(index, EncodeOrigins(start, commands, goldenOrigins()))
		b, errB := without.Apply(index, EncodeBatch(start, commands))
		if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("with origins %+v, %v\nwithout %+v, %v", a, errA, b, errB)
		}
		if !a[2].Replayed || a[3].Refused == nil || a[3].Refused.Code != tree.CodeRequestIDReused {
			t.Errorf("results %+v: another origin made another request of it", a)
		}
	}
	if !bytes.Equal(snapshot(t, with.View()), snapshot(t, without.View())) {
		t.Error("the snapshots differ")
	}
}

// An origin in a form from the future is none; an entry that is built wrongly is
// no entry.
func TestOriginsThatCannotBeRead(t *testing.T) {
	command := encoded(t, requestID(start, 1), txn(tree.CreateTrait{Trait: "CUSTOM_A"}))
	later := EncodeOrigins(start, [][]byte{command}, []*Origin{{User: "somebody"}})
	later = bytes.Replace(later, []byte("\x01\x08somebody"), []byte("\x02\x08somebody"), 1)
	e, err := DecodeEntry(later)
	if err != nil {
		t.Fatal(err)
	}
	if _, known, err := e.Origin(0); known || err == nil {
		t.Errorf("an unknown form was read: %v, %v", known, err)
	}
	if results, err := New(nil).Apply(1, later); err != nil || len(results) != 1 || results[0].Refused != nil {
		t.Errorf("it was applied as %+v, %v", results, err)
	}
	for what, bad := range map[string]*Entry{
		"no origin of a command": {Kind: KindOrigins, At: start, Commands: [][]byte{command}},
		"an asker that is not there": {Kind: KindOrigins, At: start, Commands: [][]byte{command},
			origins: []originOf{{asker: 1}}},
	} {
		c := &codec{}
		bad.Kind = KindOrigins
		c.entry(bad)
		if c.err == nil {
			t.Errorf("%s: it was written", what)
		}
	}
}

func TestOriginBounds(t *testing.T) {
	for _, o := range []Origin{
		{User: strings.Repeat("u", 256)}, {Project: strings.Repeat("p", 256)},
		{Action: strings.Repeat("a", 129)}, {Request: strings.Repeat("r", 129)},
	} {
		if _, err := DecodeOrigin(o.Encode()); err == nil || o.Check() == nil {
			t.Errorf("%+v is within bounds", o)
		}
	}
}

func FuzzDecodeOrigin(f *testing.F) {
	for _, o := range goldenOrigins() {
		if o != nil {
			f.Add(o.Encode())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded(t, b, 64<<10, func() {
			o, err := DecodeOrigin(b)
			if err != nil {
				return
			}
			if again := o.Encode(); !bytes.Equal(again, b) {
				t.Errorf("%x is read, but written as %x", b, again)
			}
		})
	})
}
