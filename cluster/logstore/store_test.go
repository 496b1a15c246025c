package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// failures collects what OnFailure is told.
type failures struct {
	mu   sync.Mutex
	errs []error
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, err)
}

func (f *failures) all() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]error(nil), f.errs...)
}

func mustOpen(t *testing.T, path string, opts Options) *Store {
	t.Helper()
	s, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustClose(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustStore(t *testing.T, s *Store, logs ...*raft.Log) {
	t.Helper()
	if err := s.StoreLogs(logs); err != nil {
		t.Fatal(err)
	}
}

// run returns n entries from index first on.
func run(first uint64, n int) []*raft.Log {
	logs := make([]*raft.Log, n)
	for i := range logs {
		index := first + uint64(i)
		logs[i] = &raft.Log{Index: index, Term: 3, Type: raft.LogCommand, Data: fmt.Appendf(nil, "entry %d", index)}
	}
	return logs
}

// eachEngine runs a test of what every engine has to do.
func eachEngine(t *testing.T, test func(t *testing.T, engine Engine)) {
	t.Helper()
	for _, engine := range []Engine{EngineBolt, EngineWAL} {
		t.Run(string(engine), func(t *testing.T) { test(t, engine) })
	}
}

func dbPath(t *testing.T) string { return filepath.Join(t.TempDir(), "raft.db") }

func wantRange(t *testing.T, s *Store, first, last uint64) {
	t.Helper()
	f, err := s.FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	if f != first || l != last {
		t.Fatalf("range is %d to %d, want %d to %d", f, l, first, last)
	}
	if f, err = s.inner.FirstIndex(); err != nil || f != first {
		t.Fatalf("first index on disk is %d, %v, want %d", f, err, first)
	}
	if l, err = s.inner.LastIndex(); err != nil || l != last {
		t.Fatalf("last index on disk is %d, %v, want %d", l, err, last)
	}
}

func sampleLogs() []*raft.Log {
	at := time.Date(2026, 11, 24, 10, 20, 30, 123456789, time.UTC)
	return []*raft.Log{
		{Index: 7, Term: 1, Type: raft.LogCommand, Data: []byte("command")},
		{Index: 8, Term: 1, Type: raft.LogNoop},
		{Index: 9, Term: 2, Type: raft.LogAddPeerDeprecated, Data: []byte{0}},
		{Index: 10, Term: 2, Type: raft.LogRemovePeerDeprecated, Data: bytes.Repeat([]byte{0xff}, 300_000)},
		{Index: 11, Term: 1 << 60, Type: raft.LogBarrier, AppendedAt: at},
		{Index: 12, Term: 1 << 60, Type: raft.LogConfiguration, Data: []byte("configuration"), Extensions: []byte("ext"), AppendedAt: at},
		{Index: 13, Term: 1 << 60, Type: raft.LogType(200), Extensions: []byte{1}, AppendedAt: time.Unix(-5, 7).UTC()},
	}
}

func TestRoundTripAndReopen(t *testing.T) { eachEngine(t, testRoundTripAndReopen) }

func testRoundTripAndReopen(t *testing.T, engine Engine) {
	path := dbPath(t)
	s := mustOpen(t, path, Options{Engine: engine})
	wantRange(t, s, 0, 0)
	logs := sampleLogs()
	mustStore(t, s, logs[:3]...)
	for _, l := range logs[3:] {
		if err := s.StoreLog(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Set([]byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := s.Set([]byte("empty"), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.SetUint64([]byte("n"), 1<<63+5); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		wantRange(t, s, 7, 13)
		for _, want := range logs {
			var got raft.Log
			if err := s.GetLog(want.Index, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(&got, want) {
				t.Fatalf("round %d: got %+v, want %+v", round, got, *want)
			}
		}
		for _, index := range []uint64{0, 6, 14, 1 << 63} {
			got := raft.Log{Index: 99}
			if err := s.GetLog(index, &got); err != raft.ErrLogNotFound || got.Index != 99 { //nolint:errorlint // Raft compares so
				t.Fatalf("entry %d: %v, %+v", index, err, got)
			}
		}
		if v, err := s.Get([]byte("k")); err != nil || string(v) != "v" {
			t.Fatalf("%q, %v", v, err)
		}
		if v, err := s.Get([]byte("empty")); err != nil || len(v) != 0 {
			t.Fatalf("%q, %v", v, err)
		}
		if n, err := s.GetUint64([]byte("n")); err != nil || n != 1<<63+5 {
			t.Fatalf("%d, %v", n, err)
		}
		if _, err := s.GetUint64([]byte("none")); err == nil || err.Error() != "not found" { // Raft compares so
			t.Fatal(err)
		}
		var bad *KeyError
		if _, err := s.GetUint64([]byte("k")); !errors.As(err, &bad) {
			t.Fatal(err)
		}
		mustClose(t, s)
		s = mustOpen(t, path, Options{Engine: engine})
	}
	if !s.IsMonotonic() || s.Path() != path || s.Err() != nil {
		t.Fatal(s.IsMonotonic(), s.Path(), s.Err())
	}
}

func TestCallerKeepsItsEntries(t *testing.T) { eachEngine(t, testCallerKeepsItsEntries) }

func testCallerKeepsItsEntries(t *testing.T, engine Engine) {
	s := mustOpen(t, dbPath(t), Options{Engine: engine})
	want := sampleLogs()[5]
	given := sampleLogs()[5]
	mustStore(t, s, given)
	if !reflect.DeepEqual(given, want) {
		t.Fatalf("StoreLogs changed its argument: %+v", given)
	}
	var got raft.Log
	if err := s.GetLog(want.Index, &got); err != nil {
		t.Fatal(err)
	}
	_ = append(got.Extensions, "overwrites?"...)
	if string(got.Data) != string(want.Data) {
		t.Fatalf("appending to the extensions changed the data: %q", got.Data)
	}
}

func TestOrder(t *testing.T) { eachEngine(t, testOrder) }

func testOrder(t *testing.T, engine Engine) {
	s := mustOpen(t, dbPath(t), Options{Engine: engine, OnFailure: func(err error) { t.Error(err) }})
	mustStore(t, s) // nothing to do
	mustStore(t, s, run(5, 10)...)
	refused := map[string]func() error{
		"a gap":            func() error { return s.StoreLogs(run(16, 1)) },
		"an overwrite":     func() error { return s.StoreLogs(run(14, 2)) },
		"a gap in a batch": func() error { return s.StoreLogs(append(run(15, 1), run(17, 1)...)) },
		"index 0":          func() error { return s.StoreLogs(run(0, 1)) },
		"a nil entry":      func() error { return s.StoreLogs([]*raft.Log{nil}) },
		"a hole":           func() error { return s.DeleteRange(6, 13) },
	}
	for name, call := range refused {
		var order *OrderError
		if err := call(); !errors.As(err, &order) {
			t.Errorf("%s: %v", name, err)
		}
		wantRange(t, s, 5, 14)
	}
	for _, nothing := range [][2]uint64{{1, 4}, {15, 99}, {9, 8}} {
		if err := s.DeleteRange(nothing[0], nothing[1]); err != nil {
			t.Error(err)
		}
		wantRange(t, s, 5, 14)
	}
	mustStore(t, s, run(15, 1)...)
}

func TestDeleteRange(t *testing.T) { eachEngine(t, testDeleteRange) }

func testDeleteRange(t *testing.T, engine Engine) {
	// Large enough for many pages, because deleting across pages is where
	// a cursor may leave some behind.
	const n = 5000
	for _, c := range []struct {
		lo, hi, first, last uint64
	}{
		{1, 4000, 4001, n}, {0, 1, 2, n}, {4000, n, 1, 3999}, {n, n + 9, 1, n - 1}, {1, n, 0, 0}, {0, 1 << 62, 0, 0},
	} {
		path := dbPath(t)
		s := mustOpen(t, path, Options{Engine: engine})
		mustStore(t, s, run(1, n)...)
		if err := s.DeleteRange(c.lo, c.hi); err != nil {
			t.Fatal(err)
		}
		wantRange(t, s, c.first, c.last)
		for index := uint64(1); index <= n; index++ {
			var l raft.Log
			err := s.inner.GetLog(index, &l)
			if want := index >= c.first && index <= c.last; want != (err == nil) {
				t.Fatalf("%+v: entry %d: %v", c, index, err)
			}
		}
		next := c.last + 1
		mustStore(t, s, run(next, 2)...)
		mustClose(t, s)
		s = mustOpen(t, path, Options{Engine: engine})
		wantRange(t, s, max(c.first, 1), next+1)
		mustClose(t, s)
	}
}

func TestStableKeys(t *testing.T) { eachEngine(t, testStableKeys) }

func testStableKeys(t *testing.T, engine Engine) {
	s := mustOpen(t, dbPath(t), Options{Engine: engine, OnFailure: func(err error) { t.Error(err) }})
	var refused *KeyError
	for _, key := range []string{"", string(headerKey), string(make([]byte, stableKeyLenMax+1))} {
		if err := s.Set([]byte(key), nil); !errors.As(err, &refused) {
			t.Errorf("key %q: %v", key, err)
		}
	}
	for i := range stableKeysMax {
		if err := s.SetUint64(fmt.Appendf(nil, "key %d", i), uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Set([]byte("one more"), nil); !errors.As(err, &refused) {
		t.Error(err)
	}
	if err := s.SetUint64([]byte("key 5"), 55); err != nil {
		t.Error(err)
	}
	if n, err := s.GetUint64([]byte("key 5")); err != nil || n != 55 {
		t.Error(n, err)
	}
}

func TestClosed(t *testing.T) { eachEngine(t, testClosed) }

func testClosed(t *testing.T, engine Engine) {
	s := mustOpen(t, dbPath(t), Options{Engine: engine, OnFailure: func(err error) { t.Error(err) }})
	mustStore(t, s, run(1, 1)...)
	mustClose(t, s)
	mustClose(t, s)
	_, firstErr := s.FirstIndex()
	_, lastErr := s.LastIndex()
	_, getErr := s.Get([]byte("k"))
	for name, err := range map[string]error{
		"FirstIndex": firstErr, "LastIndex": lastErr, "Get": getErr,
		"GetLog": s.GetLog(1, &raft.Log{}), "StoreLogs": s.StoreLogs(run(2, 1)),
		"DeleteRange": s.DeleteRange(1, 1), "Set": s.Set([]byte("k"), nil),
		"Scrub": s.Scrub(t.Context(), nil),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestConcurrentReadersSeeNoHoles compacts, truncates and appends under
// readers: none of them may take an entry in motion for a missing one.
func TestConcurrentReadersSeeNoHoles(t *testing.T) { eachEngine(t, testConcurrentReadersSeeNoHoles) }

func testConcurrentReadersSeeNoHoles(t *testing.T, engine Engine) {
	s := mustOpen(t, dbPath(t), Options{Engine: engine, OnFailure: func(err error) { t.Error(err) }})
	mustStore(t, s, run(1, 50)...)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				first, last := s.Range()
				for index := first; index <= last+2; index++ {
					var l raft.Log
					if err := s.GetLog(index, &l); err != nil && !errors.Is(err, raft.ErrLogNotFound) {
						t.Error(err)
						return
					}
				}
				if _, err := s.Get([]byte("k")); err != nil && !errors.Is(err, raftboltdb.ErrKeyNotFound) {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 40 {
		first, last := s.Range()
		if err := s.DeleteRange(first, first+4); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteRange(last-9, last); err != nil {
			t.Fatal(err)
		}
		mustStore(t, s, run(last-9, 15)...)
		if i == 20 {
			if err := s.Set([]byte("k"), []byte("v")); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	readers.Wait()
}

func TestObserve(t *testing.T) { eachEngine(t, testObserve) }

func testObserve(t *testing.T, engine Engine) {
	var mu sync.Mutex
	seen := map[Op]int{}
	s := mustOpen(t, dbPath(t), Options{Engine: engine, Observe: func(op Op, d time.Duration) {
		if d < 0 {
			t.Errorf("%s took %v", op, d)
		}
		mu.Lock()
		defer mu.Unlock()
		seen[op]++
	}})
	mustStore(t, s, run(1, 2)...)
	if err := s.GetLog(1, &raft.Log{}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetUint64([]byte("k"), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetUint64([]byte("k")); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRange(1, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Scrub(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	want := map[Op]int{OpOpen: 1, OpStoreLogs: 1, OpGetLog: 1, OpSet: 1, OpGet: 1, OpDeleteRange: 1, OpScrub: 3, OpClose: 1}
	if engine == EngineWAL {
		want[OpScrub]++ // the file of stable values
	}
	if !reflect.DeepEqual(seen, want) {
		t.Fatalf("observed %v, want %v", seen, want)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	path := dbPath(t)
	for _, opts := range []Options{{StallTimeout: -1}, {ScrubPerSecond: -1}, {Engine: "paper"}} {
		var open *OpenError
		if _, err := Open(path, opts); !errors.As(err, &open) || open.Path != path {
			t.Errorf("%+v: %v", opts, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}
