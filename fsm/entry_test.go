package fsm

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

func TestBatchRoundTrips(t *testing.T) {
	for _, c := range []struct {
		at       tree.Time
		commands [][]byte
	}{
		{0, nil},
		{start, [][]byte{{}}},
		{-1, [][]byte{[]byte("one")}},
		{math.MaxInt64, [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("three"), 100)}},
	} {
		b := EncodeBatch(c.at, c.commands)
		e, err := DecodeEntry(b)
		at, commands := e.At, e.Commands
		if err != nil || e.Kind != KindBatch || at != c.at || len(commands) != len(c.commands) {
			t.Fatalf("read %d, %q, %v; wrote %d, %q", at, commands, err, c.at, c.commands)
		}
		for i := range commands {
			if !bytes.Equal(commands[i], c.commands[i]) {
				t.Errorf("command %d is %q, was %q", i, commands[i], c.commands[i])
			}
		}
		for n := range b {
			if _, err := DecodeEntry(b[:n]); err == nil {
				t.Fatalf("the first %d of %d bytes were taken for an entry", n, len(b))
			}
		}
		if _, err := DecodeEntry(append(b, 0)); err == nil {
			t.Error("a byte behind the entry was not noticed")
		}
	}
}

func TestUnknownEntries(t *testing.T) {
	good := EncodeBatch(start, nil)
	for _, c := range []struct {
		at   int
		b    byte
		want string
	}{
		{0, 0, "unknown entry format 0"}, {0, 2, "unknown entry format 2"}, {0, 255, "unknown entry format 255"},
		{1, 0, "unknown kind of entry 0"}, {1, 7, "unknown kind of entry 7"}, {1, 255, "unknown kind of entry 255"},
	} {
		bad := bytes.Clone(good)
		bad[c.at] = c.b
		if _, err := DecodeEntry(bad); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("byte %d is %d: error %v, want %q", c.at, c.b, err, c.want)
		}
	}
}

// TestCommandsOfABatchDoNotOverlap appends to one decoded command: the next
// must stay as it is.
func TestCommandsOfABatchDoNotOverlap(t *testing.T) {
	e, err := DecodeEntry(EncodeBatch(start, [][]byte{[]byte("one"), []byte("two")}))
	commands := e.Commands
	if err != nil {
		t.Fatal(err)
	}
	_ = append(commands[0], "XXXXXX"...)
	if string(commands[1]) != "two" {
		t.Errorf("the second command became %q", commands[1])
	}
}
