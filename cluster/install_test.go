package cluster

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
)

// recorder is a state machine that notes what is applied.
type recorder struct {
	mu      sync.Mutex
	applied []uint64
}

func (r *recorder) Apply(l *raft.Log) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applied = append(r.applied, l.Index)
	return nil
}

func (*recorder) Snapshot() (raft.FSMSnapshot, error) { return nil, errors.New("not here") }
func (*recorder) Restore(r io.ReadCloser) error       { return r.Close() }

func (r *recorder) seen() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.applied)
}

// lone is a server that follows a leader which is this test.
type lone struct {
	t       *testing.T
	machine recorder
	store   *logstore.Store
	snaps   raftSnapshots
	addr    raft.ServerAddress
	leader  *raft.InmemTransport
	failed  chan error
}

func follow(t *testing.T) *lone {
	t.Helper()
	dir := t.TempDir()
	f := &lone{t: t, failed: make(chan error, 8)}
	fail := func(err error) { f.failed <- err }
	var err error
	if f.store, err = logstore.Open(filepath.Join(dir, walDir), logstore.Options{OnFailure: fail}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.store.Close() })
	snaps, err := openSnapshots(dir, hclog.NewNullLogger(), nil, fail)
	if err != nil {
		t.Fatal(err)
	}
	_, f.leader = raft.NewInmemTransportWithTimeout("leader", time.Minute)
	addr, own := raft.NewInmemTransportWithTimeout("follower", time.Minute)
	f.addr = addr
	f.leader.Connect(addr, own)
	config := raft.DefaultConfig()
	config.LocalID, config.Logger = "f", hclog.NewNullLogger()
	config.HeartbeatTimeout, config.ElectionTimeout, config.LeaderLeaseTimeout = time.Hour, time.Hour, time.Hour
	logs := &raftStore{LogStore: f.store, stable: f.store, failed: fail, votes: func() bool { return true }}
	f.snaps = raftSnapshots{snaps, logs}
	r, err := startRaft(config, &f.machine, logs, snaps, own)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Shutdown().Error() })
	return f
}

func header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("leader"), Addr: []byte("leader")}
}

// send sends the entries from first to last, all of one term, behind an entry of
// another one, and says how far is committed.
func (f *lone) send(term, prevTerm, first, last, commit uint64) bool {
	f.t.Helper()
	request := &raft.AppendEntriesRequest{RPCHeader: header(), Term: 9, PrevLogEntry: first - 1, PrevLogTerm: prevTerm, LeaderCommitIndex: commit}
	for i := first; i <= last; i++ {
		request.Entries = append(request.Entries, &raft.Log{Index: i, Term: term, Data: []byte{byte(i)}})
	}
	var answer raft.AppendEntriesResponse
	if err := f.leader.AppendEntries("f", f.addr, request, &answer); err != nil {
		f.t.Fatal(err)
	}
	return answer.Success
}

func emptyState(t *testing.T) *bytes.Buffer {
	t.Helper()
	var state bytes.Buffer
	if err := fsm.New(nil).View().WriteSnapshot(&state); err != nil {
		t.Fatal(err)
	}
	return &state
}

func (f *lone) install(index, term uint64) error {
	f.t.Helper()
	state := emptyState(f.t)
	request := &raft.InstallSnapshotRequest{
		RPCHeader: header(), SnapshotVersion: raft.SnapshotVersionMax, Term: 9, LastLogIndex: index, LastLogTerm: term,
		ConfigurationIndex: 1, Size: int64(state.Len()),
		Configuration: raft.EncodeConfiguration(raft.Configuration{Servers: []raft.Server{
			{ID: "f", Address: f.addr}, {ID: "leader", Address: "leader"},
		}}),
	}
	var answer raft.InstallSnapshotResponse
	err := f.leader.InstallSnapshot("f", f.addr, request, &answer, state)
	if err == nil && !answer.Success {
		err = errors.New("refused")
	}
	return err
}

func (f *lone) wantLog(first, last uint64) {
	f.t.Helper()
	if a, b := f.store.Range(); a != first || b != last {
		f.t.Errorf("the log has %d to %d, want %d to %d", a, b, first, last)
	}
}

func (f *lone) wantApplied(want ...uint64) {
	f.t.Helper()
	for range 1000 {
		if slices.Equal(f.machine.seen(), want) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	f.t.Errorf("applied %v, want %v", f.machine.seen(), want)
}

// What a follower has acknowledged stays when a snapshot of an earlier state
// comes, and is applied once it is committed.
func TestSnapshotKeepsWhatFollowsIt(t *testing.T) {
	f := follow(t)
	if !f.send(1, 0, 1, 8, 3) {
		t.Fatal("refused")
	}
	f.wantApplied(1, 2, 3)
	if err := f.install(5, 1); err != nil {
		t.Fatal(err)
	}
	f.wantLog(1, 8)
	if !f.send(1, 1, 9, 9, 9) {
		t.Fatal("refused")
	}
	f.wantApplied(1, 2, 3, 6, 7, 8, 9)
}

// A leader that did not hear of the entries behind a snapshot sends them again,
// not the snapshot.
func TestEntriesBehindASnapshotComeTwice(t *testing.T) {
	f := follow(t)
	if err := f.install(5, 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if !f.send(2, 1, 6, 8, 5) {
			t.Fatal("refused")
		}
	}
	if err := f.install(5, 1); err != nil { // the answer to the first was lost
		t.Fatal(err)
	}
	f.wantLog(6, 8)
	if !f.send(2, 1, 6, 9, 9) {
		t.Fatal("refused")
	}
	f.wantApplied(6, 7, 8, 9)
	if f.send(2, 3, 6, 9, 9) {
		t.Error("it takes a snapshot of another term for its own")
	}
}

// A log that differs from the snapshot goes, and Raft begins anew.
func TestSnapshotReplacesAnotherLog(t *testing.T) {
	f := follow(t)
	if !f.send(1, 0, 1, 8, 3) {
		t.Fatal("refused")
	}
	if err := f.install(5, 2); err == nil {
		t.Error("the leader is told that all is well")
	}
	if err := <-f.failed; !errors.Is(err, errLogReplaced) {
		t.Errorf("the node is stopped for %v", err)
	}
	f.wantLog(0, 0)
}

// A snapshot that would leave a hole before the log is refused.
func TestSnapshotBeforeTheLogIsRefused(t *testing.T) {
	f := follow(t)
	if err := f.install(8, 1); err != nil {
		t.Fatal(err)
	}
	if !f.send(2, 1, 9, 10, 9) {
		t.Fatal("refused")
	}
	if err := f.install(5, 1); err == nil {
		t.Error("it is installed")
	}
	if !f.send(2, 2, 11, 11, 11) {
		t.Fatal("refused")
	}
	f.wantLog(9, 11)
	f.wantApplied(9, 10, 11)
}

// A snapshot of this server's own that one from the leader overtook is not kept.
func TestOvertakenSnapshotIsDropped(t *testing.T) {
	f := follow(t)
	var own []raft.SnapshotSink
	for _, index := range []uint64{4, 6} {
		sink, err := f.snaps.Create(raft.SnapshotVersionMax, index, 1, raft.Configuration{}, 1, f.leader)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sink.Write(emptyState(t).Bytes()); err != nil {
			t.Fatal(err)
		}
		own = append(own, sink)
	}
	if err := f.install(5, 1); err != nil {
		t.Fatal(err)
	}
	if err := own[0].Close(); err == nil {
		t.Error("the older one is kept")
	}
	if err := own[1].Close(); err != nil {
		t.Error(err)
	}
	kept, err := f.snaps.List()
	if err != nil || len(kept) != 2 || kept[0].Index != 6 || kept[1].Index != 5 {
		t.Errorf("kept are %v, %v", kept, err)
	}
}

// A follower commits what the request shows to be the leader's, not the rest of
// its log.
func TestNoMoreIsCommittedThanWasCompared(t *testing.T) {
	for _, c := range []struct{ prev, entries, commit, want uint64 }{
		{10, 0, 50, 10}, {10, 5, 50, 15}, {10, 5, 12, 12}, {0, 0, 0, 0},
	} {
		args := &raft.AppendEntriesRequest{PrevLogEntry: c.prev, Entries: make([]*raft.Log, c.entries), LeaderCommitIndex: c.commit}
		if boundCommit(args); args.LeaderCommitIndex != c.want {
			t.Errorf("%+v: %d", c, args.LeaderCommitIndex)
		}
	}
}
