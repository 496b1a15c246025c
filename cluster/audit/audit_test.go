package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

const patience = 30 * time.Second

// made returns an entry with so many commands. Its contents follow from its index.
func made(t testing.TB, index uint64, commands int) Entry {
	t.Helper()
	e := Entry{Index: index, Term: 1 + index/10}
	var encoded [][]byte
	var origins []*fsm.Origin
	for i := range commands {
		id := tree.UUID{1, 2, 3, 4, 5, 6, 0x70, 8, byte(index), byte(i)}
		name := fmt.Sprintf("CUSTOM_%d_%d", index, i)
		b, err := fsm.Command{RequestID: id, Txn: tree.Txn{Ops: []tree.Op{tree.CreateTrait{Trait: name}}}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		encoded = append(encoded, b)
		origins = append(origins, &fsm.Origin{User: "user", Project: "project", Action: "action", Request: fmt.Sprint("req-", index, "-", i)})
		e.Results = append(e.Results, fsm.Result{Index: index})
	}
	e.Data = fsm.EncodeOrigins(tree.Time(index)*1e6, encoded, origins)
	return e
}

type testWriter struct {
	*Writer
	t testing.TB
}

func (w testWriter) add(from, to uint64, commands int) {
	w.t.Helper()
	for i := from; i <= to; i++ {
		if err := w.Add(made(w.t, i, commands)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w testWriter) close() {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func open(t testing.TB, dir string, adapt ...func(*Options)) testWriter {
	t.Helper()
	o := Options{
		Node: "n1", Cluster: func() string { return "c1" }, FileBytes: 1 << 20, Files: 100, Stall: patience,
		Failed: func(err error) { t.Errorf("the audit failed: %v", err) },
	}
	for _, f := range adapt {
		f(&o)
	}
	w, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return testWriter{w, t}
}

func small(o *Options) { o.FileBytes = 3000 }

// verified returns the report of a chain that must be whole.
func verified(t testing.TB, dir string) Report {
	t.Helper()
	r, err := Verify(dir)
	if err != nil || r.Broken != nil {
		t.Fatalf("broken %+v, error %v", r.Broken, err)
	}
	return r
}

// told lists the lines of a chain: of a change its index and command, of others
// their kind and index.
func told(t testing.TB, dir string) (all []string) {
	t.Helper()
	for l, err := range Lines(dir) {
		if err != nil {
			t.Fatal(err)
		}
		switch r := l.Record; r.Kind {
		case Change:
			all = append(all, fmt.Sprintf("%d.%d", r.Index, r.Command))
		case Gap:
			all = append(all, fmt.Sprintf("gap %d-%d", r.Gap[0], r.Gap[1]))
		default:
			all = append(all, fmt.Sprintf("%s %d", r.Kind, r.Index))
		}
	}
	return all
}

func wantTold(t testing.TB, dir string, want ...string) {
	t.Helper()
	if have := told(t, dir); !slices.Equal(have, want) {
		t.Errorf("the audit has %q\nwant %q", have, want)
	}
}

func TestLineSaysWhoDidWhat(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	e := made(t, 7, 3)
	e.Results[1] = fsm.Result{Index: 7, Refused: &tree.Error{Code: tree.CodeConflict}}
	e.Results[2] = fsm.Result{Index: 5, Replayed: true}
	if err := w.Add(e); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(Entry{Index: 8, Term: 1, Members: []string{"n1@a at h:1 voter"}, Time: time.Unix(9, 0).UTC()}); err != nil {
		t.Fatal(err)
	}
	w.close()
	var have []Record
	for l, err := range Lines(dir) {
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, l.Record)
	}
	if len(have) != 5 {
		t.Fatalf("%d lines", len(have))
	}
	want := Record{
		Kind: Change, Index: 7, Term: 1, Time: time.Unix(7, 0).UTC(), User: "user", Project: "project", Action: "action",
		APIRequest: "req-7-0", RequestID: "01020304-0506-7008-0700-000000000000", Ops: []string{"create_trait"},
		Targets: []string{"trait:CUSTOM_7_0"}, Outcome: Applied,
	}
	if !sameRecord(have[1], want) {
		t.Errorf("line %+v\nwant %+v", have[1], want)
	}
	if have[2].Outcome != tree.CodeConflict.String() || have[2].Replayed {
		t.Errorf("the refused one: %+v", have[2])
	}
	if have[3].Outcome != Applied || !have[3].Replayed || have[3].First != 5 {
		t.Errorf("the repeated one: %+v", have[3])
	}
	if have[4].Kind != Members || !slices.Equal(have[4].Targets, []string{"member:n1@a at h:1 voter"}) {
		t.Errorf("the members: %+v", have[4])
	}
}

// A change of a join token says who made it for whom, and nothing of its secret.
func TestJoinTokensAreTold(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	token := fsm.JoinToken{ID: "0123", Hash: [32]byte{1: 7}, Node: "n4", By: "ann"}
	for i, change := range []fsm.JoinTokenChange{
		{Op: fsm.JoinTokenMake, Token: token},
		{Op: fsm.JoinTokenUse, Token: fsm.JoinToken{ID: "0123", Hash: token.Hash, Node: "n4", UsedBy: "n4@a"}},
		{Op: fsm.JoinTokenRevoke, Token: fsm.JoinToken{ID: "0123", By: "bob"}},
	} {
		if err := w.Add(Entry{Index: uint64(7 + i), Term: 1, Data: fsm.EncodeJoinToken(1_000_000, change)}); err != nil { //nolint:gosec // three of them
			t.Fatal(err)
		}
	}
	w.close()
	// What is written already is not written again after a restart.
	w = open(t, dir)
	if err := w.Add(Entry{Index: 9, Term: 1, Data: fsm.EncodeJoinToken(1_000_000, fsm.JoinTokenChange{Op: fsm.JoinTokenRevoke, Token: token})}); err != nil {
		t.Fatal(err)
	}
	w.close()
	verified(t, dir)
	var have []string
	for l, err := range Lines(dir) {
		if err != nil {
			t.Fatal(err)
		}
		if r := l.Record; r.Kind == JoinToken {
			have = append(have, fmt.Sprint(r.Index, " ", r.User, " ", r.Ops, " ", r.Targets))
		}
	}
	if want := []string{
		"7 ann [make] [token:0123 node:n4]", "8  [use] [token:0123 node:n4 member:n4@a]", "9 bob [revoke] [token:0123]",
	}; !slices.Equal(have, want) {
		t.Errorf("the audit has %q\nwant %q", have, want)
	}
}

func sameRecord(a, b Record) bool {
	x, _, errX := appendLine(nil, link{}, &a)
	y, _, errY := appendLine(nil, link{}, &b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// Every kind of operation says what it is about, and a large one no more than a
// line holds.
func TestTargetsAreBounded(t *testing.T) {
	for _, op := range fsm.Ops() {
		var r Record
		r.about(op) // an empty one
	}
	var claim tree.Claim
	for i := range 100 {
		claim.Consumers = append(claim.Consumers, tree.ConsumerClaim{
			Consumer: tree.UUID{byte(i)}, Allocations: []tree.AllocationOf{{Provider: tree.ByName("p")}},
		})
	}
	var r Record
	r.about(claim)
	r.about(tree.RemoveProvider{Provider: tree.ByName(strings.Repeat("x", 1<<20))})
	line, _, err := appendLine(nil, link{}, &r)
	if err != nil || len(r.Targets) != targetsMax || r.More != 201-targetsMax || len(line) > lineMax/4 {
		t.Errorf("%d targets, %d more, %d bytes, error %v", len(r.Targets), r.More, len(line), err)
	}
}

// Entries that are applied again after a start are not written again, wherever
// between two lines the process ended.
func TestRestartWritesNothingTwice(t *testing.T) {
	whole := t.TempDir()
	w := open(t, whole)
	w.add(1, 4, 3)
	w.close()
	content, err := os.ReadFile(filepath.Join(whole, nameOf(1)))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(content, []byte("\n"))
	var want []string
	for i := 1; i <= 6; i++ {
		for c := range 3 {
			want = append(want, fmt.Sprintf("%d.%d", i, c))
		}
	}
	for end := 1; end < len(lines); end++ {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, nameOf(1)), bytes.Join(lines[:end], nil), 0o600); err != nil {
			t.Fatal(err)
		}
		again := open(t, dir)
		again.add(1, 6, 3)
		again.close()
		wantTold(t, dir, append([]string{"begin 0"}, want...)...)
		verified(t, dir)
	}
}

// Wherever a crash tears the last line, what is left of it is cut off, that is
// noted, and the line is written again.
func TestTornLine(t *testing.T) {
	whole := t.TempDir()
	w := open(t, whole)
	w.add(1, 3, 2)
	w.close()
	content, err := os.ReadFile(filepath.Join(whole, nameOf(1)))
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(content[:len(content)-1], '\n') + 1
	for _, torn := range []int{1, 2, 70, 100, len(content) - last - 1} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, nameOf(1)), content[:last+torn], 0o600); err != nil {
			t.Fatal(err)
		}
		if r := verified(t, dir); !r.Unfinished || r.Last != 3 {
			t.Errorf("before the start: %+v", r)
		}
		open(t, dir).close() // nothing is lost if it ends again
		again := open(t, dir)
		again.add(2, 4, 2)
		again.close()
		wantTold(t, dir, "begin 0", "1.0", "1.1", "2.0", "2.1", "3.0", "torn 3", "3.1", "4.0", "4.1")
		if r := verified(t, dir); r.Torn != 1 || r.Unfinished {
			t.Errorf("report %+v", r)
		}
	}
	// The first line of a file.
	begin := bytes.IndexByte(content, '\n')
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, nameOf(1)), content[:begin], 0o600); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	again.add(1, 1, 1)
	again.close()
	wantTold(t, dir, "begin 0", "torn 0", "1.0")
}

func TestFilesFollowEachOther(t *testing.T) {
	dir := t.TempDir()
	few := func(o *Options) { o.Files = 3 }
	w := open(t, dir, small, few)
	w.add(1, 30, 1)
	w.close()
	w = open(t, dir, small, few)
	w.add(25, 60, 1)
	w.close()
	r := verified(t, dir)
	if r.Files != 3 || r.Last != 60 || r.After == "" || r.First < 2 {
		t.Errorf("report %+v", r)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() > 5000 {
			t.Errorf("%s: %v, %d bytes, %v", f.Name(), info.Mode(), info.Size(), err)
		}
	}
}

// Nothing about any line can be changed, no line be taken out, doubled or moved, and
// no file removed, without Verify saying where.
func TestVerifyFindsTheFirstBrokenLine(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, small)
	w.add(1, 20, 1)
	w.close()
	r := verified(t, dir)
	if r.Files != 3 {
		t.Fatalf("%d files", r.Files)
	}
	for number := 1; number <= r.Files; number++ {
		path := filepath.Join(dir, nameOf(number))
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.SplitAfter(content, []byte("\n"))
		lines = lines[:len(lines)-1]
		try := func(what string, changed [][]byte, line int, file int) {
			t.Helper()
			if err := os.WriteFile(path, bytes.Join(changed, nil), 0o600); err != nil {
				t.Fatal(err)
			}
			have, err := Verify(dir)
			if err != nil || have.Broken == nil || have.Broken.File != nameOf(file) || have.Broken.Line != line {
				t.Errorf("%s: broken %+v, error %v; want %s, line %d", what, have.Broken, err, nameOf(file), line)
			}
		}
		for i, line := range lines {
			for _, at := range []int{0, 12, 90, len(line) / 2, len(line) - 20, len(line) - 2} {
				changed := slices.Clone(lines)
				changed[i] = bytes.Clone(line)
				changed[i][at] ^= 1
				try(fmt.Sprintf("file %d, line %d, byte %d", number, i+1, at), changed, i+1, number)
			}
			if i < len(lines)-1 {
				try(fmt.Sprintf("file %d without line %d", number, i+1), slices.Delete(slices.Clone(lines), i, i+1), i+1, number)
				moved := slices.Clone(lines)
				moved[i], moved[i+1] = moved[i+1], moved[i]
				try(fmt.Sprintf("file %d, line %d moved", number, i+1), moved, i+1, number)
			}
			try(fmt.Sprintf("file %d, line %d twice", number, i+1), slices.Insert(slices.Clone(lines), i, line), i+2, number)
		}
		if number < r.Files {
			try(fmt.Sprintf("file %d without its last line", number), lines[:len(lines)-1], 1, number+1)
			try(fmt.Sprintf("file %d torn", number), [][]byte{content[:len(content)-1]}, len(lines), number)
		}
		if number == 2 {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			have, err := Verify(dir)
			if err != nil || have.Broken == nil || have.Broken.File != nameOf(3) || have.Broken.Line != 1 {
				t.Errorf("without file 2: %+v, %v", have.Broken, err)
			}
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verified(t, dir)
}

// A line that was made by hand, with a sum of its own, still does not fit.
func TestVerifyFindsAForgedLine(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	w.add(1, 3, 1)
	w.close()
	path := filepath.Join(dir, nameOf(1))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(content, []byte("\n"))
	r, prev, _, err := parseLine(bytes.TrimSpace(lines[2]))
	if err != nil {
		t.Fatal(err)
	}
	r.User = "somebody-else"
	if lines[2], _, err = appendLine(nil, prev, &r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := Verify(dir)
	if err != nil || report.Broken == nil || report.Broken.Line != 4 || report.Broken.Reason != errPrev.Error() {
		t.Errorf("broken %+v, %v", report.Broken, err)
	}
	// Another node has what it was before.
	other := t.TempDir()
	w = open(t, other)
	w.add(1, 3, 1)
	w.close()
	all := []Record{}
	for l, err := range Lines(other) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l.Record)
	}
	all[2].User = "somebody-else"
	var rewritten []byte
	last := link{}
	for i := range all {
		if rewritten, last, err = appendLine(rewritten, last, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, rewritten, 0o600); err != nil {
		t.Fatal(err)
	}
	a, b := verified(t, dir), verified(t, other)
	c, err := Compare(a, b)
	if err != nil || c.Difference == nil || c.Difference.Index != 2 || c.Difference.A.User != "somebody-else" || c.Difference.B.User != "user" {
		t.Errorf("comparison %+v, %v", c, err)
	}
}

func TestGaps(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.Restored(10)) // it began its audit late
	w.add(11, 12, 1)
	must(w.Sync(15)) // 13 to 15 are entries without commands
	must(w.Restored(12))
	must(w.Restored(15)) // its own snapshot
	w.add(16, 16, 2)
	must(w.Sync(16))
	w.close()
	w = open(t, dir)
	must(w.Restored(16))
	w.add(17, 17, 1)
	must(w.Restored(30)) // one of the leader's
	w.add(31, 31, 1)
	w.close()
	wantTold(t, dir, "begin 0", "gap 1-10", "11.0", "12.0", "through 15", "16.0", "16.1", "through 16", "17.0", "gap 18-30", "31.0")
	if r := verified(t, dir); !slices.Equal(r.Gaps, [][2]uint64{{1, 10}, {18, 30}}) {
		t.Errorf("gaps %v", r.Gaps)
	}
}

// A log that goes on in another way, after a recovery, is written from there on; so is
// that of another cluster.
func TestOtherHistories(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	w.add(1, 8, 1)
	e := made(t, 6, 1)
	e.Term = 9
	if err := w.Add(e); err != nil {
		t.Fatal(err)
	}
	w.close()
	w = open(t, dir, func(o *Options) { o.Cluster = func() string { return "c2" } })
	w.add(1, 2, 1)
	w.close()
	wantTold(t, dir, "begin 0", "1.0", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0", "8.0", "rewound 5", "6.0", "begin 0", "1.0", "2.0")
	if r := verified(t, dir); r.Rewound != 1 || r.Cluster != "c2" || r.from != 1 {
		t.Errorf("report %+v", r)
	}
}

func TestDirectoryOfAnotherNodeIsRefused(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	w.add(1, 1, 1)
	w.close()
	_, err := Open(dir, Options{Node: "n2", Cluster: func() string { return "c1" }})
	if damage := new(DamageError); !errors.As(err, &damage) {
		t.Errorf("error %v", err)
	}
	path := filepath.Join(dir, nameOf(1))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-100] ^= 1 // of its last line
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir, Options{Node: "n1", Cluster: func() string { return "c1" }})
	if damage := new(DamageError); !errors.As(err, &damage) || damage.Path != path {
		t.Errorf("error %v, want one that names %s", err, path)
	}
}

// A disk that takes nothing is told once, and every call returns.
func TestFailure(t *testing.T) {
	dir := t.TempDir()
	failures := make(chan error, 2)
	w := open(t, dir, small, func(o *Options) { o.Failed = func(err error) { failures <- err } })
	if err := os.Mkdir(filepath.Join(dir, nameOf(2)), 0o700); err != nil { // in the way
		t.Fatal(err)
	}
	var err error
	for i := uint64(1); err == nil && i < 1000; i++ {
		if err = w.Add(made(t, i, 1)); err == nil {
			err = w.Sync(i)
		}
	}
	failed := new(WriteError)
	if !errors.As(err, &failed) || !errors.As(<-failures, &failed) {
		t.Errorf("error %v", err)
	}
	if err := w.Close(); !errors.As(err, &failed) {
		t.Errorf("Close returned %v", err)
	}
}

func TestHangingDiskEndsTheWait(t *testing.T) {
	failures, hang := make(chan error, 1), make(chan struct{})
	w := open(t, t.TempDir(), func(o *Options) {
		o.Stall = 20 * time.Millisecond
		o.Failed = func(err error) { failures <- err }
		o.Cluster = func() string { <-hang; return "c1" }
	})
	var err error
	for i := uint64(1); err == nil && i < 10*queueMax; i++ {
		err = w.Add(made(t, i, 1))
	}
	if !errors.Is(err, errStalled) || !errors.Is(<-failures, errStalled) {
		t.Errorf("error %v", err)
	}
	if err := w.Sync(1); !errors.Is(err, errStalled) {
		t.Errorf("Sync returned %v", err)
	}
	close(hang)
}

// FuzzLines gives the readers a file of anything: they end, and what they accept is
// what they would write.
func FuzzLines(f *testing.F) {
	dir := f.TempDir()
	w := open(f, dir)
	w.add(1, 2, 2)
	w.close()
	content, err := os.ReadFile(filepath.Join(dir, nameOf(1)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add(bytes.TrimSuffix(content, []byte("\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		walked := walker{dir: "dir"}
		_, broken := walked.read(nameOf(1), true, bytes.NewReader(b), func(Line) bool { return true })
		end, err := parseTail("file", bytes.NewReader(b), int64(len(b)))
		if broken == nil && err != nil {
			t.Errorf("a chain that is whole has no end: %v", err)
		}
		if broken == nil && walked.begun && (end.size+end.torn != int64(len(b)) || end.last != walked.last) {
			t.Errorf("the end is %+v, the chain's %+v", end, walked)
		}
	})
}

// FuzzLine holds that a line that is read was written by appendLine, but for fields
// that this program does not know.
func FuzzLine(f *testing.F) {
	line, _, err := appendLine(nil, link{1}, &Record{Kind: Gap, Index: 7, Gap: &[2]uint64{1, 7}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.TrimSpace(line))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, prev, content, err := parseLine(b)
		if err != nil {
			return
		}
		again, _, err := appendLine(nil, prev, &r)
		if err != nil {
			t.Fatal(err)
		}
		back, prevAgain, _, err := parseLine(bytes.TrimSpace(again))
		if err != nil || prev != prevAgain || !sameRecord(back, r) {
			t.Errorf("%s is read as %+v and written as %s", content, r, again)
		}
	})
}
