package logstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

const testSegmentBytes = 64 << 10

// openSmallWAL opens a log of small segments.
func openSmallWAL(path string, opts Options) (*Store, error) {
	inner, err := openWAL(path, testSegmentBytes)
	if err != nil {
		return nil, openFailure(path, err)
	}
	s, err := New(path, inner, opts)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return s, nil
}

// sampleWAL makes a log of batches in dir and copies it, as a crash would leave
// it and as a clean stop does. It returns the first index of the last batch,
// and the last index.
func sampleWAL(t *testing.T, rnd *rand.Rand, dir string, batches int) (crashed, closed string, lastBatch, last uint64) {
	t.Helper()
	path := filepath.Join(dir, "log")
	s, err := openSmallWAL(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set([]byte("vote"), []byte("me")); err != nil {
		t.Fatal(err)
	}
	for range batches {
		lastBatch = last + 1
		logs := run(lastBatch, 1+rnd.IntN(3))
		mustStore(t, s, logs...)
		last += uint64(len(logs))
	}
	crashed, closed = filepath.Join(dir, "crashed"), filepath.Join(dir, "closed")
	copyDir(t, path, crashed)
	mustClose(t, s)
	copyDir(t, path, closed)
	return crashed, closed, lastBatch, last
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// wholeUpTo opens a log and reads all of it. It returns the last index, or the
// error of what notices damage.
func wholeUpTo(path string) (uint64, error) {
	s, err := openSmallWAL(path, Options{ScrubPerSecond: 1e9})
	if err != nil {
		return 0, err
	}
	defer s.Close() //nolint:errcheck // what was read counts
	if err := s.Scrub(context.Background(), nil); err != nil {
		return 0, err
	}
	first, last := s.Range()
	for index := first; index <= last && last > 0; index++ {
		var l raft.Log
		if err := s.GetLog(index, &l); err != nil {
			return 0, err
		}
		if want := run(index, 1)[0]; !reflect.DeepEqual(&l, want) {
			return 0, fmt.Errorf("entry %d is %+v", index, l)
		}
	}
	if vote, err := s.Get([]byte("vote")); err != nil || string(vote) != "me" {
		return 0, fmt.Errorf("the vote is %q (%w)", vote, err)
	}
	if last > 0 && first != 1 {
		return 0, fmt.Errorf("the log starts at %d", first)
	}
	return last, nil
}

// TestWALNoticesDamage damages bytes of every file, one at a time. After a
// clean stop and after the end of the process nothing may be lost without
// a *CorruptError. After a power cut, which may take the end mark along, the
// last batch may: nobody can tell it from one that was never acknowledged.
func TestWALNoticesDamage(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	crashed, closed, lastBatch, last := sampleWAL(t, rnd, t.TempDir(), 25)
	cut := crashed + "-cut"
	copyDir(t, crashed, cut)
	if err := os.WriteFile(filepath.Join(cut, endFile), make([]byte, endMarkLen), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{crashed, cut, closed} {
		t.Run(filepath.Base(from), func(t *testing.T) {
			copyDir(t, from, from+".pristine")
			noticed, harmless, lost := 0, 0, 0
			for _, name := range files(t, from) {
				path := filepath.Join(from, name)
				good, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				used := len(bytes.TrimRight(good, "\x00"))
				stride := 1 + used/200
				for at := rnd.IntN(stride); at < used; at += stride {
					bad := bytes.Clone(good)
					bad[at] ^= byte(1 + rnd.IntN(255))
					if err := os.WriteFile(path, bad, 0o600); err != nil {
						t.Fatal(err)
					}
					got, err := wholeUpTo(from)
					var corrupt *CorruptError
					switch {
					case errors.As(err, &corrupt):
						noticed++
					case err != nil:
						t.Errorf("seed %d: %s, byte %d: %v", seed, name, at, err)
					case got == last:
						harmless++
					case from == cut && got == lastBatch-1:
						lost++
					default:
						t.Errorf("seed %d: %s, byte %d: the log ends with %d instead of %d, and nobody noticed", seed, name, at, got, last)
					}
					restore(t, from) // opening may have written, too
				}
			}
			t.Logf("noticed %d, harmless %d, last batch taken for unfinished %d", noticed, harmless, lost)
			if noticed == 0 {
				t.Error("no damage was noticed")
			}
		})
	}
}

// restore makes a directory what its pristine copy is.
func restore(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	copyDir(t, dir+".pristine", dir)
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestWALUnfinishedBatch leaves parts of the last batch out, page by page, as a
// power cut may, again and again: the log ends before it, takes new entries,
// and is whole.
func TestWALUnfinishedBatch(t *testing.T) {
	const page = 512
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	path := filepath.Join(t.TempDir(), "log")
	s, err := openSmallWAL(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set([]byte("vote"), []byte("me")); err != nil {
		t.Fatal(err)
	}
	mustStore(t, s, run(1, 3)...)
	last := uint64(3)
	for round := range 12 {
		segment, end := slices.Max(segmentsOf(t, path)), filepath.Join(path, endFile)
		before, err := os.ReadFile(segment)
		if err != nil {
			t.Fatal(err)
		}
		mark, err := os.ReadFile(end)
		if err != nil {
			t.Fatal(err)
		}
		mustStore(t, s, run(last+1, 5+rnd.IntN(30))...)
		after, err := os.ReadFile(segment)
		if err != nil {
			t.Fatal(err)
		}
		// The process goes, and of the pages that it wrote some are lost: the
		// last one at least.
		stop(t, s)
		lost := false
		for at := (len(bytes.TrimRight(after, "\x00")) - 1) / page * page; at >= 0; at -= page {
			if bytes.Equal(before[at:at+page], after[at:at+page]) {
				break
			}
			if !lost || rnd.IntN(2) == 0 {
				copy(after[at:], before[at:at+page])
				lost = true
			}
		}
		if err := errors.Join(os.WriteFile(segment, after, 0o600), os.WriteFile(end, mark, 0o600)); err != nil {
			t.Fatal(err)
		}
		got, err := wholeUpTo(path)
		if err != nil || got != last {
			t.Fatalf("seed %d, round %d: the log ends with %d (%v), want %d", seed, round, got, err, last)
		}
		if s, err = openSmallWAL(path, Options{}); err != nil {
			t.Fatal(err)
		}
		mustStore(t, s, run(last+1, 1)...)
		last++
	}
	mustClose(t, s)
}

// stop ends a store as a crash does: nothing is written any more.
func stop(t *testing.T, s *Store) {
	t.Helper()
	inner, ok := s.inner.(*walInner)
	if !ok {
		t.Fatal("not a log of segments")
	}
	if err := inner.closeAsIs(); err != nil {
		t.Fatal(err)
	}
}

func segmentsOf(t *testing.T, path string) []string {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(path, "*"+segmentSuffix))
	if err != nil || len(segments) == 0 {
		t.Fatal("no segments", err)
	}
	return segments
}

// TestWALMissingFiles: a file that is gone is noticed, after a clean stop and
// after the end of the process, but for the end mark, which then has nothing to
// say.
func TestWALMissingFiles(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	crashed, closed, _, last := sampleWAL(t, rand.New(rand.NewPCG(seed, 1)), t.TempDir(), 1500) // several segments
	if n := len(segmentsOf(t, closed)); n < 3 {
		t.Fatalf("%d segments only", n)
	}
	for _, from := range []string{crashed, closed} {
		for _, name := range files(t, from) {
			copied := filepath.Join(t.TempDir(), "log")
			copyDir(t, from, copied)
			if err := os.Remove(filepath.Join(copied, name)); err != nil {
				t.Fatal(err)
			}
			got, err := wholeUpTo(copied)
			if name == endFile {
				if err != nil || got != last {
					t.Errorf("without %s the log ends with %d: %v", name, got, err)
				}
			} else if !errors.As(err, new(*CorruptError)) {
				t.Errorf("%s without %s: %v", filepath.Base(from), name, err)
			}
		}
	}
}

// TestWALCutOff: a log that was cut off after the process ended is noticed,
// wherever it was cut.
func TestWALCutOff(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	crashed, _, _, _ := sampleWAL(t, rand.New(rand.NewPCG(seed, 1)), t.TempDir(), 20)
	copyDir(t, crashed, crashed+".pristine")
	segment := slices.Max(segmentsOf(t, crashed))
	good, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(good, "\x00"))
	for at := 0; at < used; at += 1 + used/40 {
		if err := os.Truncate(segment, int64(at)); err != nil {
			t.Fatal(err)
		}
		got, err := wholeUpTo(crashed)
		if damage := new(CorruptError); !errors.As(err, &damage) {
			t.Errorf("seed %d: cut off at %d of %d bytes, the log ends with %d: %v", seed, at, used, got, err)
		} else if damage.Path != segment {
			t.Errorf("seed %d: cut off at %d of %d bytes, it blames %s", seed, at, used, damage.Path)
		}
		restore(t, crashed)
	}
}

// TestWALEmptied: a log of which everything was deleted, as the installation of
// a snapshot does, opens again after a crash and goes on further ahead.
func TestWALEmptied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s, err := openSmallWAL(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustStore(t, s, run(100, 20)...)
	if err := s.Set([]byte("vote"), []byte("me")); err != nil { // raises the floor
		t.Fatal(err)
	}
	if err := s.DeleteRange(100, 119); err != nil {
		t.Fatal(err)
	}
	stop(t, s)
	if s, err = openSmallWAL(path, Options{}); err != nil {
		t.Fatal(err)
	}
	wantRange(t, s, 0, 0)
	mustStore(t, s, run(500, 3)...)
	stop(t, s)
	if s, err = openSmallWAL(path, Options{}); err != nil {
		t.Fatal(err)
	}
	wantRange(t, s, 500, 502)
	mustClose(t, s)
}

// TestWALRotates writes over the size of a segment and deletes whole ones.
func TestWALRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s, err := openSmallWAL(path, Options{OnFailure: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	const n = 4000
	for first := uint64(1); first <= n; first += 50 {
		mustStore(t, s, run(first, 50)...)
	}
	many := len(segmentsOf(t, path))
	if err := s.DeleteRange(1, n-100); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second) // the library removes files on its own time
	for len(segmentsOf(t, path)) >= many {
		if time.Now().After(deadline) {
			t.Fatalf("%d segments before and after", many)
		}
		time.Sleep(time.Millisecond)
	}
	mustClose(t, s)
	if s, err = openSmallWAL(path, Options{}); err != nil {
		t.Fatal(err)
	}
	wantRange(t, s, n-99, n)
	mustStore(t, s, run(n+1, 1)...)
	mustClose(t, s)
}
