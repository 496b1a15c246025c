package cluster

import (
	"errors"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// A version of hashicorp/raft whose futures can't be ended would leave callers
// waiting when a node closes, and nothing else would say so.
func TestFuturesCanBeEnded(t *testing.T) {
	config := raft.DefaultConfig()
	config.LocalID, config.Logger = "a", hclog.NewNullLogger()
	config.BatchApplyCh = true
	store := raft.NewInmemStore()
	addr, transport := raft.NewInmemTransport("")
	r, err := raft.NewRaft(config, nil, store, store, raft.NewDiscardSnapshotStore(), transport)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Shutdown().Error() }()
	end := make(chan struct{})
	for name, future := range map[string]raft.Future{
		"Apply":                      r.Apply(nil, 0),
		"AddVoter":                   r.AddVoter("b", addr, 0, 0),
		"RemoveServer":               r.RemoveServer("b", 0, 0),
		"LeadershipTransferToServer": r.LeadershipTransferToServer("b", addr),
		"BootstrapCluster":           r.BootstrapCluster(raft.Configuration{}),
	} {
		if !endWith(future, end) {
			t.Errorf("the future of %s (%T) has no field ShutdownCh any more", name, future)
		}
		if err := future.Error(); err == nil || errors.Is(err, raft.ErrRaftShutdown) {
			t.Errorf("%s: %v, want Raft's own answer while it runs", name, err)
		}
	}
	future := r.Apply(nil, 0)
	if err := r.Shutdown().Error(); err != nil {
		t.Fatal(err)
	}
	close(end)
	// Either it was refused before the shutdown or it was forgotten: what counts is
	// that this returns.
	if err := answered(future, end).Error(); err == nil {
		t.Error("a server alone has applied an entry without a leader")
	}
	if err := answered(r.Apply(nil, 0), end).Error(); !errors.Is(err, raft.ErrRaftShutdown) {
		t.Errorf("an entry after the shutdown: %v", err)
	}
}
