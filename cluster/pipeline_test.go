package cluster

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// Raft takes no more answers from a pipeline after the first that is not a
// success, and goes on sending if it was about to. It must not wait for ever then:
// it would send that follower nothing any more, and not shut down either.
func TestSendingEndsWithTheAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  raft.AppendEntriesResponse
		written error
		told    bool
	}{
		{"refused", raft.AppendEntriesResponse{Term: 1}, nil, true},
		{"a later term", raft.AppendEntriesResponse{Term: 2, Success: true}, nil, true},
		{"not on this disk", raft.AppendEntriesResponse{Term: 1, Success: true}, errors.New("the disk failed"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			open := func() peerTransport {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				written := func(uint64, <-chan struct{}) error { return c.written }
				p := newTransport(streams{raft: layer{Listener: l}}, time.Minute, hclog.NewNullLogger(), hooks{written: written})
				t.Cleanup(func() { _ = p.Close() })
				return p
			}
			follower, leader := open(), open()
			done := make(chan struct{})
			defer close(done)
			go func() {
				for {
					select {
					case r := <-follower.Consumer():
						r.Respond(&c.answer, nil)
					case <-done:
						return
					}
				}
			}()
			pipeline, err := leader.AppendEntriesPipeline("follower", follower.LocalAddr())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = pipeline.Close() }()
			ended := make(chan error, 1)
			go func() {
				for {
					_, err := pipeline.AppendEntries(&raft.AppendEntriesRequest{
						Term: 1, Entries: []*raft.Log{{Index: 1, Term: 1}},
						RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("leader"), Addr: []byte(leader.LocalAddr())},
					}, &raft.AppendEntriesResponse{})
					if err != nil {
						ended <- err
						return
					}
				}
			}()
			if c.told {
				f := <-pipeline.Consumer()
				if f.Error() != nil || f.Response().Term != c.answer.Term {
					t.Errorf("the answer is %+v, %v", f.Response(), f.Error())
				}
			}
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Error("it goes on sending, or waits")
			}
			select {
			case f := <-pipeline.Consumer():
				t.Errorf("another answer came: %+v", f.Response())
			default:
			}
		})
	}
}
