package raftnet

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster"
)

// raftDial is Dial with a plain address.
func (n *Net) raftDial(addr string, timeout time.Duration) (net.Conn, error) {
	return n.Raft().Dial(raft.ServerAddress(addr), timeout)
}

func newTransport(t *testing.T, n *Net) *raft.NetworkTransport {
	t.Helper()
	transport := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: n.Raft(), MaxPool: 3, Timeout: patience, Logger: hclog.NewNullLogger(),
	})
	t.Cleanup(func() { transport.Close() })
	return transport
}

// TestRaftTransport runs Raft's own transport over the port.
func TestRaftTransport(t *testing.T) {
	eachTransport(t, func(t *testing.T, secure func(*Config)) {
		noLeaks(t)
		a, b := listen(t, "c", secure), listen(t, "c", secure)
		from, to := newTransport(t, a), newTransport(t, b)
		if got := to.LocalAddr(); string(got) != b.Addr() {
			t.Errorf("local address is %s", got)
		}
		snapshot := bytes.Repeat([]byte("snapshot"), 200_000)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for rpc := range to.Consumer() {
				switch c := rpc.Command.(type) {
				case *raft.AppendEntriesRequest:
					last := uint64(0)
					if len(c.Entries) > 0 {
						last = c.Entries[len(c.Entries)-1].Index
					}
					rpc.Respond(&raft.AppendEntriesResponse{Term: c.Term, LastLog: last, Success: true}, nil)
				case *raft.InstallSnapshotRequest:
					got, err := io.ReadAll(rpc.Reader)
					rpc.Respond(&raft.InstallSnapshotResponse{Term: c.Term, Success: bytes.Equal(got, snapshot)}, err)
					return // the last of the test
				default:
					rpc.Respond(nil, errors.New("unexpected"))
				}
			}
		}()
		target := raft.ServerAddress(b.Addr())
		for i := range uint64(20) {
			request := &raft.AppendEntriesRequest{Term: 7, Entries: []*raft.Log{{Index: i, Term: 7, Data: bytes.Repeat([]byte("x"), 10_000)}}}
			var response raft.AppendEntriesResponse
			if err := from.AppendEntries("b", target, request, &response); err != nil {
				t.Fatal(err)
			}
			if !response.Success || response.LastLog != i || response.Term != 7 {
				t.Fatalf("%+v", response)
			}
		}
		pipeline, err := from.AppendEntriesPipeline("b", target)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for i := range uint64(50) {
				if _, err := pipeline.AppendEntries(&raft.AppendEntriesRequest{Entries: []*raft.Log{{Index: i}}}, &raft.AppendEntriesResponse{}); err != nil {
					t.Error(err)
				}
			}
		}()
		for i := range uint64(50) {
			f := <-pipeline.Consumer()
			if err := f.Error(); err != nil || f.Response().LastLog != i {
				t.Fatal(i, err, f.Response())
			}
		}
		if err := pipeline.Close(); err != nil {
			t.Error(err)
		}
		var response raft.InstallSnapshotResponse
		request := &raft.InstallSnapshotRequest{Size: int64(len(snapshot))}
		if err := from.InstallSnapshot("b", target, request, &response, bytes.NewReader(snapshot)); err != nil || !response.Success {
			t.Fatal(err, response)
		}
		take(t, done)
		if s := a.Stats(); s.Dialed < 2 || s.CallsMade != 0 {
			t.Errorf("%+v", s)
		}
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
}

func mustDial(t *testing.T, from, to *Net) (near, far net.Conn) {
	t.Helper()
	near, err := from.raftDial(to.Addr(), patience)
	if err != nil {
		t.Fatal(err)
	}
	far, err = to.Raft().Accept()
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

func wantEnded(t *testing.T, conns ...net.Conn) {
	t.Helper()
	for _, c := range conns {
		// A connection that this side closed refuses the deadline.
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		_, err := c.Read(make([]byte, 1))
		var timeout net.Error
		if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("the stream is open: %v", err)
		}
	}
}

func TestStream(t *testing.T) {
	eachTransport(t, func(t *testing.T, secure func(*Config)) {
		noLeaks(t)
		const handshake = 500 * time.Millisecond
		short := func(c *Config) { c.Limits.HandshakeTimeout = handshake }
		a, b := listen(t, "c", secure, short), listen(t, "c", secure, short)
		near, far := mustDial(t, a, b)
		exchange := func() {
			for _, ends := range [][2]net.Conn{{near, far}, {far, near}} {
				go ends[0].Write([]byte("hello"))
				got := make([]byte, 5)
				if _, err := io.ReadFull(ends[1], got); err != nil || string(got) != "hello" {
					t.Fatalf("%q, %v", got, err)
				}
			}
		}
		exchange()
		// Once the handshake's time is over, no deadline of it must be left.
		if err := near.SetReadDeadline(time.Now().Add(handshake)); err != nil {
			t.Fatal(err)
		}
		var timeout net.Error
		if _, err := near.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Error(err)
		}
		if err := near.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		exchange()
		if err := near.Close(); err != nil {
			t.Error(err)
		}
		wantEnded(t, far)
		if err := far.Close(); err != nil {
			t.Error(err)
		}
		if s := b.Stats(); s.RaftStreams != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestStreamLayerClose(t *testing.T) {
	noLeaks(t)
	a, b := listen(t, "c"), listen(t, "c")
	b.Serve(handlerFunc(echo))
	near, far := mustDial(t, a, b)
	accepting := make(chan error)
	go func() {
		_, err := b.Raft().Accept()
		accepting <- err
	}()
	for range 2 {
		if err := b.Raft().Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-accepting; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	wantEnded(t, near, far)
	_, err := a.raftDial(b.Addr(), patience)
	wantPeerError(t, err, cluster.PeerNotReady)
	_, err = b.raftDial(a.Addr(), patience)
	if failed := wantCallError(t, err, false); !errors.Is(failed, ErrClosed) {
		t.Error(err)
	}
	if _, err := a.Call(soon(t), b.Addr(), cluster.VerbHello, nil); err != nil {
		t.Errorf("calls must go on: %v", err)
	}
}

func TestStreamNobodyTakes(t *testing.T) {
	noLeaks(t)
	a := listen(t, "c")
	b := listen(t, "c", func(c *Config) { c.Limits.HandshakeTimeout = 300 * time.Millisecond })
	conn, err := a.raftDial(b.Addr(), patience)
	if err != nil {
		t.Fatal(err)
	}
	wantEnded(t, conn)
	eventually(t, "its place is free", func() bool { return b.Stats().RaftStreams == 0 })
}

func TestCloseEndsStreams(t *testing.T) {
	noLeaks(t)
	a, b := listen(t, "c"), listen(t, "c")
	near, far := mustDial(t, a, b)
	back, forth := mustDial(t, b, a)
	waiting, err := a.raftDial(b.Addr(), patience) // never accepted
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	wantEnded(t, near, far, back, forth, waiting)
}

func TestRaftStreamsMax(t *testing.T) {
	noLeaks(t)
	a := listen(t, "c")
	b := listen(t, "c", func(c *Config) { c.Limits.RaftStreamsMax, c.Limits.CallConnsMax = 2, 1 })
	b.Serve(handlerFunc(echo))
	near, _ := mustDial(t, a, b)
	mustDial(t, a, b)
	_, err := a.raftDial(b.Addr(), patience)
	wantPeerError(t, err, cluster.PeerBusy)
	if _, err := a.Call(soon(t), b.Addr(), cluster.VerbHello, nil); err != nil {
		t.Errorf("streams must not take the places of calls: %v", err)
	}
	other := listen(t, "c")
	_, err = other.Call(soon(t), b.Addr(), cluster.VerbHello, nil)
	wantPeerError(t, err, cluster.PeerBusy)
	if s := b.Stats(); s.Full != 2 || s.RaftStreams != 2 || s.CallConns != 1 {
		t.Errorf("%+v", s)
	}
	near.Close()
	// The far end notices when Raft reads; here it is closed by hand.
	b.closeLinks(func(l *link) bool { return l.kind == kindRaft })
	mustDial(t, a, b)
}
