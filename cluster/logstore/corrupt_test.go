package logstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

// edit changes the closed file at path behind the store's back.
func edit(t *testing.T, path string, f func(logs, stable *bbolt.Bucket) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error { return f(tx.Bucket([]byte("logs")), tx.Bucket([]byte("conf"))) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func indexKey(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }

// TestEveryByteOfAnEntry damages each byte of a stored entry in each of its
// bits and in all of them at once, and expects every single one to be noticed.
func TestEveryByteOfAnEntry(t *testing.T) {
	samples := map[string]raft.Log{
		"full":  {Term: 4, Type: raft.LogConfiguration, Data: []byte("some data"), Extensions: []byte("ext"), AppendedAt: time.Unix(1e9, 5)},
		"plain": {Term: 1, Type: raft.LogCommand, Data: []byte("x")},
		"noop":  {Term: 1, Type: raft.LogNoop},
	}
	masks := []byte{0xff, 1, 2, 4, 8, 16, 32, 64, 128}
	for name, sample := range samples {
		t.Run(name, func(t *testing.T) {
			path := dbPath(t)
			s := mustOpen(t, path, Options{})
			// One copy of the entry for each change. Their indexes are of the
			// same encoded length.
			const first = 1 << 20
			var logs []*raft.Log
			for i := range uint64(5000) {
				l := sample
				l.Index = first + i
				logs = append(logs, &l)
			}
			mustStore(t, s, logs...)
			mustClose(t, s)

			changed, size := uint64(0), 0
			edit(t, path, func(logs, _ *bbolt.Bucket) error {
				size = len(logs.Get(indexKey(first)))
				for position := range size {
					for _, mask := range masks {
						key := indexKey(first + changed)
						value := bytes.Clone(logs.Get(key))
						value[position] ^= mask
						if err := logs.Put(key, value); err != nil {
							return err
						}
						changed++
					}
				}
				return nil
			})
			var told failures
			s = mustOpen(t, path, Options{OnFailure: told.add})
			for i := range uint64(5000) {
				l := raft.Log{Term: 77}
				err := s.GetLog(first+i, &l)
				if i >= changed {
					if err != nil {
						t.Fatalf("untouched entry %d: %v", first+i, err)
					}
					continue
				}
				var corrupt *CorruptError
				if !errors.As(err, &corrupt) || corrupt.Index != first+i || corrupt.Path != path || l.Term != 77 {
					t.Errorf("byte %d of %d, mask %02x: %v, %+v", i/uint64(len(masks)), size, masks[i%uint64(len(masks))], err, l)
				}
			}
			if got := told.all(); len(got) != 1 || !errors.As(got[0], new(*CorruptError)) {
				t.Errorf("OnFailure was told %v", got)
			}
			t.Logf("%d changes in %d bytes", changed, size)
		})
	}
}

func TestEveryByteOfAStableValue(t *testing.T) {
	path := dbPath(t)
	s := mustOpen(t, path, Options{})
	key := []byte("CurrentTerm")
	if err := s.SetUint64(key, 9); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	for _, of := range [][]byte{key, headerKey} {
		var good []byte
		edit(t, path, func(_, stable *bbolt.Bucket) error { good = bytes.Clone(stable.Get(of)); return nil })
		for position := range good {
			edit(t, path, func(_, stable *bbolt.Bucket) error {
				bad := bytes.Clone(good)
				bad[position] ^= 0xff
				return stable.Put(of, bad)
			})
			var told failures
			s, err := Open(path, Options{OnFailure: told.add})
			if err == nil {
				_, err = s.GetUint64(key)
				mustClose(t, s)
				if len(told.all()) != 1 {
					t.Errorf("byte %d of %q: told %v", position, of, told.all())
				}
			}
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.Key != string(of) {
				t.Errorf("byte %d of %q: %v", position, of, err)
			}
		}
		edit(t, path, func(_, stable *bbolt.Bucket) error { return stable.Put(of, good) })
	}
}

func TestMovedAndMissing(t *testing.T) {
	current, vote := []byte("CurrentTerm"), []byte("LastVoteTerm")
	cases := []struct {
		name   string
		change func(logs, stable *bbolt.Bucket) error
		index  uint64
		key    string
	}{
		{"an entry at another index", func(logs, _ *bbolt.Bucket) error {
			return logs.Put(indexKey(5), bytes.Clone(logs.Get(indexKey(6))))
		}, 5, ""},
		{"a missing entry", func(logs, _ *bbolt.Bucket) error { return logs.Delete(indexKey(5)) }, 5, ""},
		{"an odd index", func(logs, _ *bbolt.Bucket) error { return logs.Put([]byte("odd"), nil) }, 0, ""},
		{"an empty record", func(logs, _ *bbolt.Bucket) error { return logs.Put(indexKey(5), nil) }, 5, ""},
		{"a value at another key", func(_, stable *bbolt.Bucket) error {
			return stable.Put(current, bytes.Clone(stable.Get(vote)))
		}, 0, string(current)},
		{"a missing value", func(_, stable *bbolt.Bucket) error { return stable.Delete(vote) }, 0, string(vote)},
		{"a short value", func(_, stable *bbolt.Bucket) error { return stable.Put(vote, []byte{1}) }, 0, string(vote)},
		{"a missing header", func(_, stable *bbolt.Bucket) error { return stable.Delete(headerKey) }, 0, string(headerKey)},
		{"a plain entry of the library", func(logs, _ *bbolt.Bucket) error {
			return logs.Put(indexKey(5), []byte{0x81, 0xa5, 'I', 'n', 'd', 'e', 'x', 5})
		}, 5, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := dbPath(t)
			s := mustOpen(t, path, Options{})
			mustStore(t, s, run(1, 10)...)
			if err := errors.Join(s.SetUint64(current, 4), s.SetUint64(vote, 3)); err != nil {
				t.Fatal(err)
			}
			mustClose(t, s)
			edit(t, path, c.change)
			var told failures
			s, err := Open(path, Options{OnFailure: told.add})
			if err == nil {
				defer s.Close()
				if err = s.Scrub(t.Context(), nil); len(told.all()) != 1 {
					t.Errorf("OnFailure was told %v", told.all())
				}
			}
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.Index != c.index || corrupt.Key != c.key {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%q does not name the file", err)
			}
		})
	}
}

// TestMovedWithItsIndex moves an entry so that its record claims to belong
// there.
func TestMovedWithItsIndex(t *testing.T) {
	s := mustOpen(t, dbPath(t), Options{})
	mustStore(t, s, run(1, 10)...)
	var outer raft.Log
	if err := s.inner.GetLog(6, &outer); err != nil {
		t.Fatal(err)
	}
	outer.Index = 5
	if err := s.inner.StoreLogs([]*raft.Log{&outer}); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	if err := s.GetLog(5, &raft.Log{}); !errors.As(err, &corrupt) || corrupt.Index != 5 {
		t.Fatal(err)
	}
}

// TestDamagedMeta: with one damaged meta page the library would go back to the
// state before the last write.
func TestDamagedMeta(t *testing.T) {
	path := dbPath(t)
	s := mustOpen(t, path, Options{})
	mustStore(t, s, run(1, 1)...)
	mustClose(t, s)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []int{0, os.Getpagesize()} {
		for position := range metaLen {
			bad := bytes.Clone(good)
			bad[page+pageHeaderLen+position] ^= 0x10
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(path, Options{}); !errors.As(err, new(*CorruptError)) {
				t.Errorf("byte %d of the meta record at %d: %v", position, page, err)
			}
		}
	}
}

// TestHoleWhileOpen takes an entry away under a running store.
func TestHoleWhileOpen(t *testing.T) {
	s := mustOpen(t, dbPath(t), Options{})
	mustStore(t, s, run(1, 10)...)
	if err := s.inner.DeleteRange(5, 5); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	if err := s.GetLog(5, &raft.Log{}); !errors.As(err, &corrupt) || corrupt.Index != 5 {
		t.Fatal(err)
	}
}

// TestDamageAnywhereInTheFile flips bytes of the file itself: page headers,
// tree nodes, meta pages, free pages. Whatever is hit, the store must say so
// or give back everything it was given; it must not crash.
func TestDamageAnywhereInTheFile(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	path := dbPath(t)
	s := mustOpen(t, path, Options{})
	mustStore(t, s, run(1, 900)...)
	big := &raft.Log{Index: 901, Term: 3, Data: bytes.Repeat([]byte("big"), 9000)}
	mustStore(t, s, big)
	mustStore(t, s, run(902, 300)...)
	if err := errors.Join(s.DeleteRange(1, 200), s.SetUint64([]byte("CurrentTerm"), 3), s.Set([]byte("LastVoteCand"), []byte("a"))); err != nil {
		t.Fatal(err)
	}
	want := contents(t, s)
	mustClose(t, s)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found, harmless := 0, 0
	pages := len(good) / os.Getpagesize()
	for i := range 200 {
		position := rnd.IntN(len(good))
		if i%2 == 0 { // structure is at the start of a page
			position = rnd.IntN(pages)*os.Getpagesize() + rnd.IntN(64)
		}
		bad := bytes.Clone(good)
		bad[position] ^= byte(1 + rnd.IntN(255))
		// A new file each time: one that could not be opened may stay locked.
		path := filepath.Join(t.TempDir(), "raft.db")
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{ScrubPerSecond: 1e9})
		if err != nil {
			if !errors.As(err, new(*CorruptError)) {
				t.Fatalf("byte %d: %T %v", position, err, err)
			}
			found++
			continue
		}
		err = s.Scrub(t.Context(), nil)
		if err == nil {
			harmless++
			if got := contents(t, s); !reflect.DeepEqual(got, want) {
				t.Errorf("byte %d: the contents changed unnoticed", position)
			}
		} else if found++; !errors.As(err, new(*CorruptError)) {
			t.Errorf("byte %d: %v", position, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("byte %d: %v", position, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d noticed, %d of no consequence", found, harmless)
	if found == 0 || harmless == 0 {
		t.Error("one of the two outcomes never came up")
	}
}

// contents reads all that a store holds.
func contents(t *testing.T, s *Store) map[any]any {
	t.Helper()
	all := map[any]any{}
	if err := s.Scrub(t.Context(), func(index uint64) error {
		var l raft.Log
		err := s.GetLog(index, &l)
		all[index] = l
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"CurrentTerm", "LastVoteTerm", "LastVoteCand"} {
		value, err := s.Get([]byte(key))
		if err != nil && !errors.Is(err, raftboltdb.ErrKeyNotFound) {
			t.Fatal(err)
		}
		all[key] = string(value)
	}
	return all
}

// TestShortenedFile cuts the file under a running store. The pages beyond its
// end fault when they are read.
func TestShortenedFile(t *testing.T) {
	path := dbPath(t)
	var told failures
	s := mustOpen(t, path, Options{OnFailure: told.add})
	big := run(1, 40)
	for _, l := range big {
		l.Data = bytes.Repeat([]byte("x"), 20_000)
	}
	mustStore(t, s, big...)
	if err := os.Truncate(path, int64(16*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	err := s.Scrub(t.Context(), nil)
	if !errors.As(err, new(*CorruptError)) || len(told.all()) != 1 {
		t.Fatalf("%v; told %v", err, told.all())
	}
	t.Log(err)
}

func TestNoDatabase(t *testing.T) {
	path := dbPath(t)
	for name, data := range map[string][]byte{
		"text":  []byte("hello"),
		"zeros": make([]byte, 64<<10),
		"noise": bytes.Repeat([]byte("noise"), 20_000),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, Options{})
		if !errors.As(err, new(*CorruptError)) && !errors.As(err, new(*OpenError)) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: the file was changed (%v)", name, err)
		}
	}
}

func TestScrub(t *testing.T) {
	path := dbPath(t)
	s := mustOpen(t, path, Options{ScrubPerSecond: 1e6})
	if err := s.Scrub(t.Context(), func(uint64) error { return errors.New("an empty log was visited") }); err != nil {
		t.Fatal(err)
	}
	mustStore(t, s, run(10, 100)...)
	var visited []uint64
	if err := s.Scrub(t.Context(), func(index uint64) error { visited = append(visited, index); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(visited) != 100 || visited[0] != 10 || visited[99] != 109 {
		t.Fatalf("visited %v", visited)
	}

	stop := errors.New("stop")
	if err := s.Scrub(t.Context(), func(index uint64) error {
		if index == 20 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Scrub(ctx, func(uint64) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}

	// The log is compacted past the scrub and truncated before it.
	visited = nil
	if err := s.Scrub(t.Context(), func(index uint64) error {
		visited = append(visited, index)
		if index == 12 {
			return errors.Join(s.DeleteRange(10, 50), s.DeleteRange(53, 109))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []uint64{10, 11, 12, 51, 52}; !reflect.DeepEqual(visited, want) {
		t.Fatalf("visited %v, want %v", visited, want)
	}
}

func TestScrubIsSlow(t *testing.T) {
	for _, c := range []struct{ perSecond, entries int }{{1000, 101}, {50, 6}} {
		s := mustOpen(t, dbPath(t), Options{ScrubPerSecond: c.perSecond})
		mustStore(t, s, run(1, c.entries)...)
		start := time.Now()
		if err := s.Scrub(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 95*time.Millisecond {
			t.Errorf("%d entries at %d per second took %v", c.entries, c.perSecond, took)
		}
		mustClose(t, s)
	}
}
