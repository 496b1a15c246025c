package fsm

import (
	"errors"
	"reflect"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// A kind that no level names would be proposed to nodes that halt at it.
func TestLevelsNameEveryKind(t *testing.T) {
	if len(levels) != Level+1 {
		t.Fatalf("this program's level is %d, the table ends with %d", Level, len(levels)-1)
	}
	newest := levels[Level]
	if int(newest.op) != len(opCodecs)-1 {
		t.Errorf("there are operations up to kind %d, level %d has %d: a new kind is a new level", len(opCodecs)-1, Level, newest.op)
	}
	if _, err := DecodeEntry([]byte{entryFormat, byte(newest.entry) + 1, 0}); err == nil {
		t.Errorf("entries of kind %d are read, level %d ends before: a new kind is a new level", newest.entry+1, Level)
	}
	p := tree.Precondition{Kind: newest.precondition + 1}
	c := &codec{}
	if c.precondition(&p); c.err == nil {
		t.Errorf("preconditions of kind %d are written, level %d ends before: a new kind is a new level", p.Kind, Level)
	}
	for i := LevelFirst + 1; i <= Level; i++ {
		a, b := levels[i-1], levels[i]
		if a == b || b.entry < a.entry || b.op < a.op || b.precondition < a.precondition {
			t.Errorf("level %d adds nothing or takes something away", i)
		}
	}
}

func TestLevelOf(t *testing.T) {
	for _, c := range []struct {
		entry []byte
		want  int
	}{
		{EncodeBatch(start, nil), LevelFirst}, {EncodeMark(start), LevelMarks}, {EncodeCheckpoint(start, 1, [32]byte{}), LevelMarks},
		{EncodeOrigins(start, nil, nil), LevelOrigins},
		{EncodeJoinToken(start, JoinTokenChange{Op: JoinTokenMake}), LevelJoinTokens},
		{EncodeLevel(start, LevelGenerations), LevelGenerations},
	} {
		if have := LevelOf(c.entry); have != c.want {
			t.Errorf("%x: level %d, want %d", c.entry, have, c.want)
		}
	}
}

// An operation in a batch is not found by LevelOf: what it takes has to be known
// from the command, before it is proposed.
func TestLevelOfCommand(t *testing.T) {
	for i, op := range Ops() {
		want := LevelFirst
		for int(levels[want].op) < i+1 {
			want++
		}
		cmd := Command{Txn: tree.Txn{Ops: []tree.Op{tree.CreateTrait{}, op}}}
		if have := cmd.Level(); have != want {
			t.Errorf("%s: level %d, want %d", op.Kind(), have, want)
		}
	}
}

// A note of a level that this program does not know must not be passed over.
func TestLevelsOutOfRange(t *testing.T) {
	for _, level := range []int{0, LevelJoinTokens, Level + 1, 1 << 40} {
		if _, err := DecodeEntry(EncodeLevel(start, level)); err == nil {
			t.Errorf("a note of level %d is read", level)
		}
	}
}

// Marks and checkpoints move the index and the log's time, and nothing else.
func TestMarksChangeNothing(t *testing.T) {
	j := newJournal(t, nil)
	j.furnish()
	before := j.m.View()
	at := before.logTime + 5
	for i, entry := range [][]byte{EncodeMark(at), EncodeCheckpoint(at, before.Index+1, [32]byte{1}), EncodeLevel(at, Level)} {
		index := before.Index + 1 + uint64(i)
		results, err := j.m.Apply(index, entry)
		if err != nil || len(results) != 0 {
			t.Fatalf("results %v, error %v", results, err)
		}
		v := j.m.View()
		if v.Index != index || v.logTime != at {
			t.Errorf("index %d, time %d; want %d, %d", v.Index, v.logTime, index, at)
		}
		if v.Digest() != before.Digest() || !reflect.DeepEqual(v.Tree.Meta(), before.Tree.Meta()) {
			t.Error("the state changed")
		}
	}
}

func TestStop(t *testing.T) {
	m := New(nil)
	cause := errors.New("it differs")
	halt := m.Stop(7, cause)
	if halt.Index != 7 || !errors.Is(halt, cause) || m.Halted() != halt {
		t.Errorf("halted by %v", halt)
	}
	if again := m.Stop(8, errors.New("another")); again != halt {
		t.Errorf("the first cause was replaced by %v", again)
	}
	if _, err := m.Apply(9, EncodeBatch(start, nil)); !errors.Is(err, cause) {
		t.Errorf("an entry was applied after the halt: %v", err)
	}
}
