package logstore

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// counter is a state machine that counts its commands.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) Apply(l *raft.Log) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

func (c *counter) Snapshot() (raft.FSMSnapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return counted(c.n), nil
}

func (c *counter) Restore(r io.ReadCloser) error {
	defer r.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := fmt.Fscan(r, &c.n)
	return err
}

type counted int

func (c counted) Persist(sink raft.SnapshotSink) error {
	if _, err := fmt.Fprint(sink, int(c)); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

func (counted) Release() {}

// TestRaft runs a node over the store: start, apply, compact, restart.
func TestRaft(t *testing.T) { eachEngine(t, testRaft) }

func testRaft(t *testing.T, engine Engine) {
	dir := t.TempDir()
	path := filepath.Join(dir, "raft.db")
	config := raft.DefaultConfig()
	config.LocalID = "a"
	config.Logger = hclog.NewNullLogger()
	config.HeartbeatTimeout, config.ElectionTimeout, config.LeaderLeaseTimeout = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	config.TrailingLogs = 5
	const rounds, perRound = 3, 40
	for round := range rounds {
		s := mustOpen(t, path, Options{Engine: engine, OnFailure: func(err error) { t.Error(err) }})
		snapshots, err := raft.NewFileSnapshotStore(dir, 2, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		addr, transport := raft.NewInmemTransport("a")
		if round == 0 {
			if err := raft.BootstrapCluster(config, s, s, snapshots, transport, raft.Configuration{
				Servers: []raft.Server{{ID: "a", Address: addr}},
			}); err != nil {
				t.Fatal(err)
			}
		}
		fsm := &counter{}
		node, err := raft.NewRaft(config, fsm, s, s, snapshots, transport)
		if err != nil {
			t.Fatal(err)
		}
		for !<-node.LeaderCh() {
		}
		if err := node.Barrier(10 * time.Second).Error(); err != nil {
			t.Fatal(err)
		}
		for i := range perRound {
			f := node.Apply([]byte("x"), 10*time.Second)
			if err := f.Error(); err != nil {
				t.Fatal(err)
			}
			if got, want := f.Response(), round*perRound+i+1; got != want {
				t.Fatalf("round %d: command %d is number %v", round, want, got)
			}
		}
		if round < rounds-1 {
			if err := node.Snapshot().Error(); err != nil {
				t.Fatal(err)
			}
		}
		if first, last := s.Range(); round > 0 && (first < 2 || last-first > perRound+20) {
			t.Errorf("round %d: the log was not compacted: %d to %d", round, first, last)
		}
		if err := node.Shutdown().Error(); err != nil {
			t.Fatal(err)
		}
		if err := s.Scrub(t.Context(), nil); err != nil {
			t.Error(err)
		}
		mustClose(t, s)
	}
}

// TestRaftRecovery: rewriting the membership of a stopped node removes the
// whole log.
func TestRaftRecovery(t *testing.T) { eachEngine(t, testRaftRecovery) }

func testRaftRecovery(t *testing.T, engine Engine) {
	dir := t.TempDir()
	s := mustOpen(t, filepath.Join(dir, "raft.db"), Options{Engine: engine, OnFailure: func(err error) { t.Error(err) }})
	snapshots, err := raft.NewFileSnapshotStore(dir, 2, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	config := raft.DefaultConfig()
	config.LocalID = "a"
	config.Logger = hclog.NewNullLogger()
	addr, transport := raft.NewInmemTransport("a")
	servers := raft.Configuration{Servers: []raft.Server{{ID: "a", Address: addr}}}
	if err := raft.BootstrapCluster(config, s, s, snapshots, transport, servers); err != nil {
		t.Fatal(err)
	}
	mustStore(t, s, &raft.Log{Index: 2, Term: 1, Type: raft.LogCommand, Data: []byte("x")})
	if err := raft.RecoverCluster(config, &counter{}, s, s, snapshots, transport, servers); err != nil {
		t.Fatal(err)
	}
	wantRange(t, s, 0, 0)
	mustStore(t, s, run(3, 4)...)
	wantRange(t, s, 3, 6)
}
