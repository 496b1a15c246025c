package fsm

import (
	"bytes"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// run applies a history to a new machine. The command at i is in the entry of
// the one before it where joined says so, which needs equal times. The machine
// goes through a snapshot before each entry for which restored says so.
func (h *history) run(t *testing.T, joined, restored func(i int) bool) (*View, []Result) {
	t.Helper()
	m := New(nil)
	var all []Result
	index := uint64(0)
	for i := 0; i < len(h.commands); {
		if restored(i) {
			next := New(nil)
			if err := next.Restore(bytes.NewReader(snapshot(t, m.View()))); err != nil {
				t.Fatalf("before command %d: %v", i, err)
			}
			wantSameView(t, m.View(), next.View())
			m = next
		}
		at := h.commands[i].at
		batch := [][]byte{h.commands[i].command}
		for i++; i < len(h.commands) && h.commands[i].at == at && joined(i); i++ {
			batch = append(batch, h.commands[i].command)
		}
		index++
		results, err := m.Apply(index, EncodeBatch(at, batch))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, results...)
	}
	if err := m.View().Tree.Check(); err != nil {
		t.Error(err)
	}
	return m.View(), all
}

func never(int) bool { return false }

// withoutIndex are the encoded results with their log indexes left out: those
// alone depend on how commands were grouped.
func withoutIndex(results []Result) []string {
	list := make([]string, len(results))
	for i, r := range results {
		r.Index = 0
		list[i] = string(r.Encode())
	}
	return list
}

// TestReplay applies one random history in several ways: straight, through
// snapshots at random points, in other batches. Digests and answers must be
// the same.
func TestReplay(t *testing.T) {
	r := random(t)
	h := newHistory(t, r, 4000)
	straight, want := h.run(t, never, never)
	digest := straight.Digest()
	h.wantVaried(t, want)

	t.Run("the same log on another machine", func(t *testing.T) {
		v, have := h.run(t, never, never)
		for i := range want {
			if !bytes.Equal(have[i].Encode(), want[i].Encode()) {
				t.Fatalf("result %d is %+v (%v), was %+v (%v)", i, have[i], have[i].Refused, want[i], want[i].Refused)
			}
		}
		if !bytes.Equal(snapshot(t, v), snapshot(t, straight)) {
			t.Error("the snapshots differ")
		}
	})
	t.Run("through snapshots", func(t *testing.T) {
		v, have := h.run(t, never, func(int) bool { return r.Intn(40) == 0 })
		for i := range want {
			if !bytes.Equal(have[i].Encode(), want[i].Encode()) {
				t.Fatalf("result %d is %+v (%v), was %+v (%v)", i, have[i], have[i].Refused, want[i], want[i].Refused)
			}
		}
		if !bytes.Equal(snapshot(t, v), snapshot(t, straight)) {
			t.Error("the snapshots differ")
		}
	})
	for name, joined := range map[string]func(int) bool{
		"in the largest batches": func(int) bool { return true },
		"in random batches":      func(int) bool { return r.Intn(3) > 0 },
	} {
		t.Run(name, func(t *testing.T) {
			v, have := h.run(t, joined, func(int) bool { return r.Intn(100) == 0 })
			if v.Index >= straight.Index*3/4 {
				t.Fatalf("%d entries, %d straight: hardly anything was joined", v.Index, straight.Index)
			}
			a, b := withoutIndex(want), withoutIndex(have)
			for i := range a {
				if a[i] != b[i] {
					t.Fatalf("result %d is %+v (%v), was %+v (%v)", i, have[i], have[i].Refused, want[i], want[i].Refused)
				}
			}
			if v.Digest() != digest || v.logTime != straight.logTime || v.requests.floor != straight.requests.floor || v.requests.bytes != straight.requests.bytes {
				t.Error("the end differs")
			}
		})
	}
}

// wantVaried makes sure that a history is worth its name.
func (h *history) wantVaried(t *testing.T, results []Result) {
	t.Helper()
	happened, refused := map[opKind]int{}, map[opKind]int{}
	codes := map[tree.Code]int{}
	replayed := 0
	for i, r := range results {
		switch kind := h.commands[i].kind; {
		case r.Replayed:
			replayed++
		case r.Refused != nil:
			codes[r.Refused.Code]++
			refused[kind]++
		default:
			happened[kind]++
		}
	}
	t.Logf("happened %v, refused %v, replayed %d, codes %v", happened, refused, replayed, codes)
	// What is asked for here is met many times over by every seed.
	for kind := range opKind(len(opCodecs)) { //nolint:gosec // a short table
		if happened[kind] == 0 {
			t.Errorf("kind %d never happened", kind)
		}
	}
	if len(codes) < 12 || len(refused) < len(opCodecs)/2 {
		t.Errorf("refusals of %d codes for %d kinds only", len(codes), len(refused))
	}
	if replayed < 50 {
		t.Errorf("%d were replayed", replayed)
	}
}
