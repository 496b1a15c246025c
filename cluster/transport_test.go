package cluster

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/clustertest"
)

// streams is a Network for Raft alone.
type streams struct {
	Network
	raft layer
}

func (s streams) Raft() raft.StreamLayer { return s.raft }

type layer struct {
	net.Listener
	dialed chan<- string // the servers, if anybody wants to know
}

func (l layer) Dial(target raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	addr, server := SplitStreamTarget(target)
	if l.dialed != nil {
		l.dialed <- server
	}
	return net.DialTimeout("tcp", addr, timeout)
}

// A heartbeat comes out where Raft's own loop reads, like everything else, and
// not at the handler beside it.
func TestHeartbeatsTakeTheirTurn(t *testing.T) {
	open := func() peerTransport {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := newTransport(streams{raft: layer{Listener: l}}, 10*time.Second, hclog.NewNullLogger(), hooks{})
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	follower, leader := open(), open()
	beside := make(chan raft.RPC, 1)
	follower.SetHeartbeatHandler(func(r raft.RPC) {
		beside <- r
		r.Respond(&raft.AppendEntriesResponse{}, nil)
	})
	heartbeat := &raft.AppendEntriesRequest{Term: 1, RPCHeader: raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("leader"), Addr: []byte(leader.LocalAddr()),
	}}
	sent := make(chan error, 1)
	go func() {
		sent <- leader.AppendEntries("follower", follower.LocalAddr(), heartbeat, &raft.AppendEntriesResponse{})
	}()
	select {
	case r := <-follower.Consumer():
		r.Respond(&raft.AppendEntriesResponse{}, nil)
	case r := <-beside:
		t.Errorf("the handler got %+v", r.Command)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// A connection to a server is not used for another one at its address, which a
// node without its old directory is: what is meant for the old one would reach it.
func TestConnectionsAreKeptByServer(t *testing.T) {
	open := func(dialed chan<- string) peerTransport {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := newTransport(streams{raft: layer{l, dialed}}, 10*time.Second, hclog.NewNullLogger(), hooks{})
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	dialed := make(chan string, 8)
	follower, leader := open(nil), open(dialed)
	go func() {
		for r := range follower.Consumer() {
			switch r.Command.(type) {
			case *raft.RequestVoteRequest:
				r.Respond(&raft.RequestVoteResponse{}, nil)
			case *raft.AppendEntriesRequest:
				r.Respond(&raft.AppendEntriesResponse{}, nil)
			case *raft.TimeoutNowRequest:
				r.Respond(&raft.TimeoutNowResponse{}, nil)
			case *raft.InstallSnapshotRequest:
				r.Respond(&raft.InstallSnapshotResponse{}, nil)
			}
		}
	}()
	head := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("leader"), Addr: []byte(leader.LocalAddr())}
	at := follower.LocalAddr()
	for _, id := range []raft.ServerID{"n2@1", "n2@2"} {
		err := errors.Join(
			leader.AppendEntries(id, at, &raft.AppendEntriesRequest{RPCHeader: head}, &raft.AppendEntriesResponse{}),
			leader.RequestVote(id, at, &raft.RequestVoteRequest{RPCHeader: head}, &raft.RequestVoteResponse{}),
			leader.InstallSnapshot(id, at, &raft.InstallSnapshotRequest{RPCHeader: head}, &raft.InstallSnapshotResponse{}, strings.NewReader("")),
			leader.TimeoutNow(id, at, &raft.TimeoutNowRequest{RPCHeader: head}, &raft.TimeoutNowResponse{}),
		)
		if err != nil {
			t.Fatal(err)
		}
		if len(dialed) == 0 {
			t.Errorf("%s was sent to over a connection to another server", id)
		}
		for len(dialed) > 0 {
			if got := <-dialed; got != string(id) {
				t.Errorf("a connection to %q was opened for %s", got, id)
			}
		}
	}
}

// A follower that was away gets entries as soon as it is back, however long it was
// away; a leader that is none any more, and heartbeats, do not wait for it.
func TestEntriesWaitForTheFollower(t *testing.T) {
	addr := clustertest.FreeAddr(t)
	leads := make(chan bool) // one for each time that it is asked
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	leader := newTransport(streams{raft: layer{Listener: l}}, 10*time.Second, hclog.NewNullLogger(), hooks{
		written: func(uint64, <-chan struct{}) error { return nil },
		sends:   func(uint64, raft.ServerID, raft.ServerAddress) bool { return <-leads },
	})
	t.Cleanup(func() { _ = leader.Close() })
	head := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("leader"), Addr: []byte(leader.LocalAddr())}
	send := func(entries ...*raft.Log) <-chan error {
		sent := make(chan error, 1)
		go func() {
			sent <- leader.AppendEntries("f", raft.ServerAddress(addr),
				&raft.AppendEntriesRequest{RPCHeader: head, Term: 1, Entries: entries}, &raft.AppendEntriesResponse{})
		}()
		return sent
	}
	if err := <-send(); err == nil {
		t.Error("a heartbeat that nobody answers succeeds")
	}
	sent := send(&raft.Log{Index: 1, Term: 1})
	leads <- true
	leads <- false
	if err := <-sent; err == nil {
		t.Error("entries that nobody takes are taken")
	}
	sent = send(&raft.Log{Index: 1, Term: 1})
	leads <- true
	back, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	follower := newTransport(streams{raft: layer{Listener: back}}, 10*time.Second, hclog.NewNullLogger(), hooks{})
	t.Cleanup(func() { _ = follower.Close() })
	for {
		select {
		case leads <- true: // it was about to try when the follower came back
		case r := <-follower.Consumer():
			r.Respond(&raft.AppendEntriesResponse{Success: true}, nil)
		case err := <-sent:
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}
