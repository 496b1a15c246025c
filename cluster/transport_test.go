package cluster

import (
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// streams is a Network for Raft alone.
type streams struct {
	Network
	raft layer
}

func (s streams) Raft() raft.StreamLayer { return s.raft }

type layer struct{ net.Listener }

func (layer) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", string(addr), timeout)
}

// A heartbeat comes out where Raft's own loop reads, like everything else, and
// not at the handler beside it.
func TestHeartbeatsTakeTheirTurn(t *testing.T) {
	open := func() peerTransport {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := newTransport(streams{raft: layer{l}}, 10*time.Second, hclog.NewNullLogger(), nil, nil)
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
