package fsm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// wantDamage restores from the bytes and checks that they are refused by the
// typed error, with the machine as it was. Want is a part of the error's text.
func wantDamage(t *testing.T, m *Machine, b []byte, want string) {
	t.Helper()
	before := m.View()
	err := m.Restore(bytes.NewReader(b))
	if !errors.Is(err, ErrSnapshot) || !strings.Contains(err.Error(), want) {
		t.Fatalf("error %v, want ErrSnapshot with %q", err, want)
	}
	if m.View() != before || m.Halted() != nil {
		t.Fatal("the machine has changed")
	}
}

// TestDamagedBits flips each bit of a snapshot, each byte as a whole, and
// cuts it at every length.
func TestDamagedBits(t *testing.T) {
	m := New(nil)
	digest := m.View().Digest()
	good := snapshot(t, smallView(t))
	for i := range good {
		for _, flip := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 255} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			wantDamage(t, m, bad, "")
		}
		wantDamage(t, m, good[:i], "")
	}
	if m.View().Digest() != digest {
		t.Error("the state has changed")
	}
	if err := m.Restore(bytes.NewReader(good)); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestAppendedBytes(t *testing.T) {
	good := snapshot(t, smallView(t))
	m := New(nil)
	wantDamage(t, m, append(bytes.Clone(good), 0), "bytes follow")
	wantDamage(t, m, append(bytes.Clone(good), good...), "bytes follow")
}

// record is one record of a snapshot.
type record struct {
	kind uint8
	body []byte
}

// take splits a snapshot into records.
func take(t *testing.T, b []byte) []record {
	t.Helper()
	b = b[len(snapshotMagic)+1 : len(b)-sha256.Size]
	var all []record
	for len(b) > 0 {
		size, n := binary.Uvarint(b[1:])
		if n <= 0 {
			t.Fatal("not a record")
		}
		all = append(all, record{b[0], b[1+n : 1+n+int(size)]}) //nolint:gosec // small
		b = b[1+n+int(size):]                                   //nolint:gosec // small
	}
	return all
}

// join is the reverse of take, with a right sum.
func join(all []record) []byte {
	b := append([]byte(snapshotMagic), snapshotVersion)
	for _, r := range all {
		b = binary.AppendUvarint(append(b, r.kind), uint64(len(r.body)))
		b = append(b, r.body...)
	}
	return sealed(b)
}

// recount gives the footer the right counts.
func recount(all []record) []record {
	var counts [recordFooter]uint64
	for _, r := range all {
		if r.kind < recordFooter {
			counts[r.kind]++
		}
	}
	all = slices.Clone(all)
	all[len(all)-1] = record{recordFooter, bytesOf(counts, (*codec).counts)}
	return all
}

func bytesOf[T any](v T, fields func(*codec, *T)) []byte {
	c := &codec{}
	fields(c, &v)
	return c.buf
}

// edit decodes a record, changes it, and encodes it again.
func edit[T any](t *testing.T, r *record, fields func(*codec, *T), change func(*T)) {
	t.Helper()
	var v T
	if err := decodeAll(r.body, &v, fields); err != nil {
		t.Fatal(err)
	}
	change(&v)
	r.body = bytesOf(v, fields)
}

// TestWrongRecords has snapshots with a right sum that are wrong all the same,
// as a bug would make them.
func TestWrongRecords(t *testing.T) {
	good := snapshot(t, smallView(t))
	if !bytes.Equal(join(recount(take(t, good))), good) {
		t.Fatal("a snapshot taken apart and joined is another")
	}
	// at is where the n-th record of a kind stands.
	at := func(all []record, kind uint8, n int) int {
		for i, r := range all {
			if r.kind == kind {
				if n == 0 {
					return i
				}
				n--
			}
		}
		t.Fatalf("no such record of kind %d", kind)
		return 0
	}
	swapped := func(i, j func([]record) int) func([]record) []record {
		return func(all []record) []record {
			a, b := i(all), j(all)
			all[a], all[b] = all[b], all[a]
			return all
		}
	}
	nth := func(kind uint8, n int) func([]record) int {
		return func(all []record) int { return at(all, kind, n) }
	}
	twice := func(kind uint8) func([]record) []record {
		return func(all []record) []record {
			i := at(all, kind, 0)
			return recount(slices.Insert(all, i, all[i]))
		}
	}
	without := func(kind uint8, n int) func([]record) []record {
		return func(all []record) []record {
			i := at(all, kind, n)
			return recount(slices.Delete(all, i, i+1))
		}
	}
	type change struct {
		name   string
		change func([]record) []record
		want   string
	}
	changes := []change{
		{"classes swapped", swapped(nth(recordClass, 0), nth(recordClass, 1)), "after"},
		{"traits swapped", swapped(nth(recordTrait, 0), nth(recordTrait, 1)), "after"},
		{"providers swapped", swapped(nth(recordProvider, 0), nth(recordProvider, 1)), "after"},
		{"consumers swapped", swapped(nth(recordConsumer, 0), nth(recordConsumer, 1)), "after"},
		{"answers swapped", swapped(nth(recordAnswer, 0), nth(recordAnswer, 1)), "after"},
		{"class after traits", swapped(nth(recordClass, 1), nth(recordTrait, 0)), "record kind 2 after 3"},
		{"answer before consumers", swapped(nth(recordConsumer, 1), nth(recordAnswer, 0)), "record kind 5 after 6"},
		{"header is not first", swapped(nth(recordHeader, 0), nth(recordClass, 0)), "record kind 2 where 1 belongs"},
		{"no header", func(all []record) []record { return all[1:] }, "record kind 2 where 1 belongs"},
		{"no footer", func(all []record) []record { return all[:len(all)-1] }, ""},
		{"only a header", func(all []record) []record { return all[:1] }, ""},
		{"class twice", twice(recordClass), "after"},
		{"trait twice", twice(recordTrait), "after"},
		{"provider twice", twice(recordProvider), "after"},
		{"consumer twice", twice(recordConsumer), "after"},
		{"answer twice", twice(recordAnswer), "after"},
		{"header twice", twice(recordHeader), "unknown record kind 1"},
		{"footer twice", func(all []record) []record { return append(all, all[len(all)-1]) }, ""},
		{"kind 0", func(all []record) []record { return slices.Insert(all, 1, record{0, nil}) }, "record kind 0 after 1"},
		{"kind from the future", func(all []record) []record { return slices.Insert(all, len(all)-1, record{8, []byte("new")}) }, "unknown record kind 8"},
		{"kind 255", func(all []record) []record { return slices.Insert(all, len(all)-1, record{255, nil}) }, "unknown record kind 255"},
		{"class that is used is missing", without(recordClass, 0), "unknown class"},
		{"trait that is used is missing", without(recordTrait, 0), "unknown trait"},
		{"parent is missing", without(recordProvider, 0), "hang below a root"},
		{"provider in use is missing", without(recordProvider, 1), "no inventory"},
		{"consumer is missing", without(recordConsumer, 0), "as used"},
		{"parent is itself", func(all []record) []record {
			edit(t, &all[at(all, recordProvider, 0)], (*codec).provider, func(p *tree.ProviderRecord) { p.Parent = 1 })
			return all
		}, "hang below a root"},
		// Given a second time with another parent, it would be its own ancestor.
		{"two parents", func(all []record) []record {
			i := at(all, recordProvider, 0)
			other := all[i]
			edit(t, &other, (*codec).provider, func(p *tree.ProviderRecord) { p.Parent = 1 })
			return recount(slices.Insert(all, i+1, other))
		}, "after"},
		{"amount over 32 bits", func(all []record) []record {
			// Cut to 32 bits it would be 5.
			i := at(all, recordProvider, 1)
			edit(t, &all[i], (*codec).provider, func(p *tree.ProviderRecord) { p.Inventories[0].MaxUnit = 1<<31 - 1 })
			all[i].body = bytes.Replace(all[i].body, bytesOf(int64(1<<31-1), (*codec).int64), bytesOf(int64(1<<32+5), (*codec).int64), 1)
			return all
		}, "max_unit is 4294967301"},
		{"answer that can't be read", func(all []record) []record {
			edit(t, &all[at(all, recordAnswer, 1)], (*codec).answer, func(a *answer) { a.outcome = append(a.outcome, 0) })
			return all
		}, "answer to"},
		{"answer below the floor", func(all []record) []record {
			edit(t, &all[0], (*codec).header, func(h *snapshotHeader) { h.floor = requestID(start, 0) })
			return all
		}, "forgotten"},
		{"byte behind a record", func(all []record) []record {
			i := at(all, recordTrait, 0)
			all[i].body = append(bytes.Clone(all[i].body), 0)
			return all
		}, "after the last field"},
		{"record cut", func(all []record) []record {
			i := at(all, recordConsumer, 0)
			all[i].body = all[i].body[:len(all[i].body)-1]
			return all
		}, "end early"},
		{"empty record", func(all []record) []record { return slices.Insert(all, 1, record{recordClass, nil}) }, "end early"},
		{"revision wider than 64 bits", func(all []record) []record {
			all[0].body = append(bytes.Repeat([]byte{0xff}, 9), 2)
			return all
		}, "64 bits"},
	}
	for kind := range uint8(recordFooter) {
		for _, by := range []uint64{1, ^uint64(0)} {
			changes = append(changes, change{"wrong count", func(all []record) []record {
				edit(t, &all[len(all)-1], (*codec).counts, func(v *[recordFooter]uint64) { v[kind] += by })
				return all
			}, "counts records"})
		}
	}
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			wantDamage(t, New(nil), join(c.change(take(t, good))), c.want)
		})
	}
}

// TestSealedDamage flips each byte and puts the right sum behind it, so that
// what is behind the sum gets to see it: no panic, and what is accepted is
// what was written.
func TestSealedDamage(t *testing.T) {
	good := snapshot(t, smallView(t))
	records := good[:len(good)-sha256.Size]
	accepted := 0
	for i := range records {
		for _, flip := range []byte{1, 2, 4, 8, 16, 32, 64, 128} {
			bad := bytes.Clone(records)
			bad[i] ^= flip
			b := sealed(bad)
			v, err := ReadSnapshot(bytes.NewReader(b))
			if err != nil {
				if !errors.Is(err, ErrSnapshot) {
					t.Fatalf("byte %d: error %v", i, err)
				}
				continue
			}
			accepted++
			if !bytes.Equal(snapshot(t, v), b) {
				t.Fatalf("byte %d flipped by %d: written differently after it was read", i, flip)
			}
		}
	}
	t.Logf("%d of %d changes made another good snapshot", accepted, 8*len(records))
}

func TestNotASnapshot(t *testing.T) {
	m := New(nil)
	good := snapshot(t, smallView(t))
	version := bytes.Clone(good[:len(good)-sha256.Size])
	version[len(snapshotMagic)] = snapshotTokens + 1
	wantDamage(t, m, sealed(version), "it has format version 3, this program reads up to 2")
	version[len(snapshotMagic)] = 0
	wantDamage(t, m, sealed(version), "format version 0")
	wantDamage(t, m, nil, "")
	wantDamage(t, m, sealed(nil), "does not begin")
	wantDamage(t, m, bytes.Repeat([]byte("something else entirely "), 10), "does not begin")
	wantDamage(t, m, sealed(good[:len(snapshotMagic)+1]), "")
}

// TestRecordLengths has lengths that promise far more than follows, or that
// are written in more bytes than they need.
func TestRecordLengths(t *testing.T) {
	prefix := append([]byte(snapshotMagic), snapshotVersion, recordHeader)
	for _, c := range []struct {
		name   string
		length []byte
		want   string
	}{
		{"huge", binary.AppendUvarint(nil, 1<<40), "unexpected EOF"},
		{"the greatest", binary.AppendUvarint(nil, 1<<64-1), "unexpected EOF"},
		{"wider than 64 bits", append(bytes.Repeat([]byte{0xff}, 9), 2), "64 bits"},
		{"without an end", bytes.Repeat([]byte{0xff}, 20), "64 bits"},
		{"padded", []byte{0x81, 0x80, 0}, "shortest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := sealed(append(append(bytes.Clone(prefix), c.length...), make([]byte, 100)...))
			m := New(nil)
			if allocated := allocatedBy(func() { wantDamage(t, m, b, c.want) }); allocated > 4*recordRoom {
				t.Errorf("%d bytes were allocated", allocated)
			}
		})
	}
}
