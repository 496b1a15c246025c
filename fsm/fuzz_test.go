package fsm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every decoder takes any bytes without a panic and without much memory, and
// what it accepts has one encoding: that from which it came.

// goldenSeeds are the golden bytes whose names start like that.
func goldenSeeds(f *testing.F, prefix string) [][]byte {
	f.Helper()
	paths, err := filepath.Glob(filepath.Join(goldenDir, prefix+"*.hex"))
	if err != nil || len(paths) == 0 {
		f.Fatalf("golden files %s*: %d, %v", prefix, len(paths), err)
	}
	var seeds [][]byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, b)
	}
	return seeds
}

// bounded runs a decoder and complains about its memory. The base is for what
// does not depend on the input.
func bounded(t *testing.T, input []byte, base uint64, decode func()) {
	t.Helper()
	if allocated := allocatedBy(decode); allocated > base+allocationFactor*uint64(len(input)) {
		t.Errorf("%d bytes were allocated for an input of %d", allocated, len(input))
	}
}

func FuzzDecodeCommand(f *testing.F) {
	id := requestID(start, 1)
	for _, op := range goldenSeeds(f, "op_") {
		f.Add(append(append(id[:], 0, 1), op...))
	}
	for _, p := range goldenSeeds(f, "precondition_") {
		f.Add(append(append(append(id[:], 1), p...), 0))
	}
	all, err := fullCommand(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, b []byte) {
		var cmd Command
		var err error
		bounded(t, b, 64<<10, func() { cmd, err = DecodeCommand(b) })
		if err != nil {
			return
		}
		if again, err := cmd.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is read, but written as %x, %v", b, again, err)
		}
	})
}

// encodeEntry writes what DecodeEntry read.
func encodeEntry(e Entry) []byte {
	switch e.Kind {
	case KindMark:
		return EncodeMark(e.At)
	case KindCheckpoint:
		return EncodeCheckpoint(e.At, e.Marked, e.Digest)
	case KindOrigins, KindJoinToken, KindLevel:
		c := &codec{}
		c.entry(&e)
		return c.buf
	case KindBatch:
	}
	return EncodeBatch(e.At, e.Commands)
}

func FuzzDecodeEntry(f *testing.F) {
	for _, b := range goldenSeeds(f, "entry_") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded(t, b, 64<<10, func() {
			e, err := DecodeEntry(b)
			if err != nil {
				return
			}
			if again := encodeEntry(e); !bytes.Equal(again, b) {
				t.Errorf("%x is read, but written as %x", b, again)
			}
		})
	})
}

// FuzzApply feeds any entry to a machine: it is applied or halts the machine,
// and never panics. What it covers depends on map seeds, so that minimising an
// input rarely ends: use -fuzzminimizetime 10x.
func FuzzApply(f *testing.F) {
	for _, b := range goldenSeeds(f, "entry_") {
		f.Add(b)
	}
	for _, op := range goldenSeeds(f, "op_") {
		id := requestID(start, 1)
		f.Add(EncodeBatch(start, [][]byte{append(append(id[:], 0, 1), op...)}))
	}
	j := newJournal(f, nil)
	j.furnish()
	base := snapshot(f, j.m.View())
	f.Fuzz(func(t *testing.T, b []byte) {
		m := New(nil)
		if err := m.Restore(bytes.NewReader(base)); err != nil {
			t.Fatal(err)
		}
		before := m.View()
		results, err := m.Apply(before.Index+1, b)
		switch {
		case err != nil && (m.Halted() == nil || m.View() != before || results != nil):
			t.Errorf("error %v, but halted %v", err, m.Halted())
		case err != nil && strings.HasPrefix(m.Halted().Cause, "panic"):
			t.Errorf("%v\n%s", err, m.Halted().Stack)
		case err == nil:
			if err := m.View().Tree.Check(); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzDecodeResult(f *testing.F) {
	for _, b := range goldenSeeds(f, "result") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Result
		var err error
		bounded(t, b, 64<<10, func() { r, err = DecodeResult(b) })
		if err != nil {
			return
		}
		if again := r.Encode(); !bytes.Equal(again, b) {
			t.Errorf("%x is read, but written as %x", b, again)
		}
	})
}

// FuzzReadSnapshot puts the right sum behind every input, or nothing would get
// past it.
func FuzzReadSnapshot(f *testing.F) {
	for _, b := range goldenSeeds(f, "snapshot") {
		f.Add(b[:len(b)-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v *View
		var err error
		b = sealed(b)
		bounded(t, b, 4*recordRoom, func() { v, err = ReadSnapshot(bytes.NewReader(b)) })
		if err != nil {
			return
		}
		if again := snapshot(t, v); !bytes.Equal(again, b) {
			t.Errorf("%x is read, but written as %x", b, again)
		}
		if v.requests.bytes < 0 || v.requests.byID.Len()*answerOverhead > v.requests.bytes {
			t.Errorf("%d answers of %d bytes", v.requests.byID.Len(), v.requests.bytes)
		}
	})
}

// sealed is a snapshot's records with their sum behind them.
func sealed(records []byte) []byte {
	sum := sha256.Sum256(records)
	return append(bytes.Clone(records), sum[:]...)
}
