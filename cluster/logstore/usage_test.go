package logstore

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/atrest"
)

// keys are named keys, the first of them active. The digits at the end of a name
// are its key.
func keys(t testing.TB, names ...string) *atrest.Keys {
	t.Helper()
	var text strings.Builder
	for _, name := range names {
		if name == "plain" {
			text.WriteString("plain\n")
			continue
		}
		secret := bytes.Repeat([]byte{name[len(name)-1]}, atrest.KeyLen)
		fmt.Fprintf(&text, "%s:%s\n", name, base64.StdEncoding.EncodeToString(secret))
	}
	k, err := atrest.Parse([]byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ring(t testing.TB, names ...string) *atrest.Ring {
	t.Helper()
	return atrest.NewRing(keys(t, names...))
}

// secrets returns n entries that must not be read on a disk.
func secrets(first uint64, n int) []*raft.Log {
	logs := run(first, n)
	for _, l := range logs {
		l.Data = fmt.Appendf(nil, "SECRET-%d", l.Index)
		l.Extensions = fmt.Appendf(nil, "SECRET-EXT-%d", l.Index)
		l.AppendedAt = time.Unix(1700000000, 5).UTC()
	}
	return logs
}

// onDisk reports whether a text is in any file below a path.
func onDisk(t *testing.T, path, text string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(path, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(file) //nolint:gosec // of this test
		found = found || bytes.Contains(b, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wantEntries(t *testing.T, s *Store, want []*raft.Log) {
	t.Helper()
	for _, w := range want {
		var l raft.Log
		if err := s.GetLog(w.Index, &l); err != nil {
			t.Fatal(err)
		}
		if l.Term != w.Term || l.Type != w.Type || !bytes.Equal(l.Data, w.Data) || !bytes.Equal(l.Extensions, w.Extensions) || !l.AppendedAt.Equal(w.AppendedAt) {
			t.Errorf("entry %d: %+v, not %+v", w.Index, l, *w)
		}
	}
}

func wantKeys(t *testing.T, s *Store, want ...string) {
	t.Helper()
	var got []string
	for _, r := range s.KeysInUse() {
		name := r.Name
		if r.IsPlain() {
			name = "plain"
		}
		got = append(got, name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("keys in use: %v, not %v", got, want)
	}
}

// A log goes from plain to a key, to another and back to plain; what it needs at
// each step is there or is asked for by name, and never called damage.
func TestKeysOfALog(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine Engine) {
		path := dbPath(t)
		var all []*raft.Log
		store := func(s *Store, n int) {
			t.Helper()
			more := secrets(uint64(len(all)+1), n)
			mustStore(t, s, more...)
			all = append(all, more...)
		}
		s := mustOpen(t, path, Options{Engine: engine})
		store(s, 3)
		wantKeys(t, s, "plain")
		if len(s.stableKeys()) != 0 {
			t.Error("a log without keys has a record of them")
		}
		mustClose(t, s)

		r := ring(t, "k1")
		s = mustOpen(t, path, Options{Engine: engine, Keys: r})
		store(s, 3)
		wantEntries(t, s, all)
		wantKeys(t, s, "k1", "plain")
		if !onDisk(t, filepath.Dir(path), "SECRET-2") || onDisk(t, filepath.Dir(path), "SECRET-5") || onDisk(t, filepath.Dir(path), "SECRET-EXT-5") {
			t.Error("entry 5 is not encrypted, or entry 2 is")
		}
		if err := r.Replace(keys(t, "k2", "k1")); err != nil {
			t.Fatal(err)
		}
		store(s, 3)
		wantKeys(t, s, "k1", "k2", "plain")
		if err := r.Replace(keys(t, "k2")); err == nil || !strings.Contains(err.Error(), `the log is encrypted with key "k1"`) {
			t.Errorf("k1 is dropped: %v", err)
		}
		mustClose(t, s)

		for name, r := range map[string]*atrest.Ring{"none": nil, "one": ring(t, "k2"), "wrong": ring(t, "k9", "k1", "k3")} {
			var f failures
			s, err := Open(path, Options{Engine: engine, Keys: r, OnFailure: f.add})
			if err == nil {
				mustClose(t, s)
			}
			var missing *atrest.MissingKeyError
			if !errors.As(err, &missing) || errors.As(err, new(*CorruptError)) || missing.Path != path || len(f.all()) > 0 {
				t.Errorf("with keys %s: %v", name, err)
			}
			if c, err := OpenCopy(path, engine, r.Keys()); !errors.As(err, &missing) || missing.Path != path {
				t.Errorf("a copy with keys %s: %v, %v", name, c, err)
			}
		}

		r = ring(t, "plain", "k1", "k2")
		s = mustOpen(t, path, Options{Engine: engine, Keys: r})
		store(s, 3)
		wantEntries(t, s, all)
		if !onDisk(t, filepath.Dir(path), "SECRET-11") {
			t.Error("entry 11 is encrypted")
		}
		if err := s.Scrub(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if err := s.DeleteRange(1, 7); err != nil {
			t.Fatal(err)
		}
		wantKeys(t, s, "k2", "plain")
		if err := r.Replace(keys(t, "plain", "k2")); err != nil {
			t.Errorf("nothing needs k1 any more: %v", err)
		}
		if err := s.DeleteRange(8, 9); err != nil {
			t.Fatal(err)
		}
		wantKeys(t, s, "plain")
		mustClose(t, s)
		s = mustOpen(t, path, Options{Engine: engine})
		store(s, 1)
		wantEntries(t, s, all[9:])
	})
}

// An entry that is encrypted opens at its own index, term and type only, although
// whoever moves it gives it a good checksum.
func TestEncryptedEntriesDoNotMove(t *testing.T) {
	k := keys(t, "k1")
	outer, err := sealLog(secrets(7, 1)[0], k.Active())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(o *raft.Log){
		"nothing":    func(*raft.Log) {},
		"index":      func(o *raft.Log) { o.Index = 8 },
		"term":       func(o *raft.Log) { o.Data[sealTerm]++ },
		"type":       func(o *raft.Log) { o.Data[sealType]++ },
		"time":       func(o *raft.Log) { o.Data[sealNanos]++ },
		"extensions": func(o *raft.Log) { o.Data[sealExtensions+3]++ },
		"flag":       func(o *raft.Log) { o.Data[sealFlags] &^= flagAppendedAt },
		"payload":    func(o *raft.Log) { o.Data[sealHeaderLen+atrest.Lead]++ },
	} {
		o := *outer
		o.Data = slices.Clone(outer.Data)
		change(&o)
		putChecksum(&o)
		var l raft.Log
		if reason := verifyLog(o.Index, &o); reason != "" {
			t.Fatal(reason)
		}
		reason, missing := openLog(&o, &l, k)
		if (reason == "") != (name == "nothing") || missing != (atrest.ID{}) {
			t.Errorf("%s: %q, %v", name, reason, missing)
		}
	}
}

func putChecksum(o *raft.Log) {
	sum := entryChecksum(o.Index, o.Data[sealFlags:])
	copy(o.Data, []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// Every byte of an encrypted entry counts, and damage is none of a missing key's.
func TestEveryByteOfAnEncryptedEntry(t *testing.T) {
	outer, err := sealLog(secrets(7, 1)[0], keys(t, "k1").Active())
	if err != nil {
		t.Fatal(err)
	}
	for at := range outer.Data {
		outer.Data[at] ^= 1
		if verifyLog(7, outer) == "" {
			t.Errorf("byte %d was changed", at)
		}
		outer.Data[at] ^= 1
	}
}

// Whatever is appended, cut off and compacted with whichever keys, no key is taken
// for unused that an entry has, and what is said is bounded.
func TestKeyUsage(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test
	set := keys(t, "k1", "k2", "k3")
	for range 300 {
		var u keyUsage
		entries := map[uint64]atrest.Ref{}
		var first, last uint64
		for range 60 {
			switch rnd.IntN(4) {
			case 0:
				if first == 0 {
					continue
				}
				cut := first + rnd.Uint64N(last-first+2) // removes [first, cut) or [cut, last]
				if rnd.IntN(2) == 0 {
					first = cut
				} else {
					last = cut - 1
				}
				if first > last {
					first, last = 0, 0
				}
			default:
				var key *atrest.Key
				ref := atrest.Ref{}
				if n := rnd.IntN(4); n > 0 {
					ref = set.Refs()[n-1]
					key = set.Find(ref.ID)
				}
				next := last + 1
				if first == 0 {
					next = 1 + rnd.Uint64N(50)
				}
				u, _ = u.begin(key, first, next)
				if again, changed := u.begin(key, first, next); changed {
					t.Fatalf("%v: a second time %v", u, again)
				}
				if first == 0 {
					first, last = next, next-1
				}
				for range 1 + rnd.IntN(3) {
					last++
					entries[last] = ref
				}
			}
			said := u.within(first, last)
			for i := first; i <= last && i > 0; i++ {
				if !slices.Contains(said, entries[i]) {
					t.Fatalf("entry %d of %d to %d has %v, said is %v: %v", i, first, last, entries[i], said, u)
				}
			}
			if len(u) > 4 {
				t.Fatalf("%d ranges: %v", len(u), u)
			}
			if back, reason := decodeUsage(u.encode()); reason != "" || !slices.Equal(back, u) {
				t.Fatalf("%v became %v: %s", u, back, reason)
			}
		}
	}
}

func FuzzDecodeUsage(f *testing.F) {
	f.Add(keyUsage{{from: 3, to: 9, ref: atrest.Ref{Name: "k1", ID: atrest.ID{1}}}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if u, reason := decodeUsage(b); reason == "" && !bytes.Equal(u.encode(), b) {
			t.Errorf("%x became %v", b, u)
		}
	})
}

func FuzzOpenLog(f *testing.F) {
	k := keys(f, "k1")
	for _, key := range []*atrest.Key{nil, k.Active()} {
		outer, err := sealLog(secrets(7, 1)[0], key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(outer.Data)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		outer, err := sealLog(run(7, 1)[0], nil)
		if err != nil {
			return
		}
		if outer.Data = b; len(b) > sealHeaderLen {
			putChecksum(outer)
		}
		if verifyLog(7, outer) == "" {
			openLog(outer, new(raft.Log), k) // whatever it is, this ends
		}
	})
}
