package raftnet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster"
)

// TestWhoMayCallWhat goes through every pair of cluster ids and every verb.
func TestWhoMayCallWhat(t *testing.T) {
	noLeaks(t)
	for _, own := range []string{"", "c", "d"} {
		for _, theirs := range []string{"", "c", "d"} {
			t.Run(fmt.Sprintf("%q to %q", theirs, own), func(t *testing.T) {
				a, b := listen(t, theirs), listen(t, own)
				b.Serve(handlerFunc(echo))
				other := own != "" && theirs != "" && own != theirs
				for verb := cluster.Verb(1); verb <= 8; verb++ {
					early := verb == cluster.VerbHello || verb == cluster.VerbPledge || verb == cluster.VerbJoin
					var want cluster.PeerCode
					switch {
					case other:
						want = cluster.PeerOtherCluster
					case early:
					case own == "":
						want = cluster.PeerNotReady
					case theirs == "":
						want = cluster.PeerRefused
					}
					_, err := a.Call(soon(t), b.Addr(), verb, []byte("x"))
					if want != 0 {
						wantPeerError(t, err, want)
					} else if err != nil {
						t.Errorf("verb %d: %v", verb, err)
					}
				}
				var want cluster.PeerCode
				switch {
				case other:
					want = cluster.PeerOtherCluster
				case own == "":
					want = cluster.PeerNotReady
				case theirs == "":
					want = cluster.PeerRefused
				}
				conn, err := a.raftDial(b.Addr(), patience)
				if want != 0 {
					wantPeerError(t, err, want)
				} else if err != nil {
					t.Error(err)
				} else {
					conn.Close()
				}
				if other {
					eventually(t, "all are counted", func() bool { return b.Stats().OtherCluster == 9 })
				}
			})
		}
	}
}

func TestOtherClusterNamesBoth(t *testing.T) {
	noLeaks(t)
	var log buffer
	a, b := listen(t, "green"), listen(t, "blue", log.logger)
	b.Serve(handlerFunc(echo))
	for range 5 {
		_, err := a.Call(soon(t), b.Addr(), cluster.VerbJoin, nil)
		if m := wantPeerError(t, err, cluster.PeerOtherCluster).Message; !strings.Contains(m, `"green"`) || !strings.Contains(m, `"blue"`) {
			t.Errorf("%q", m)
		}
	}
	eventually(t, "all are counted", func() bool { return b.Stats().OtherCluster == 5 })
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "green") || !strings.Contains(got, "127.0.0.1") {
		t.Errorf("log: %s", got)
	}
}

// TestIdsAreSetLater: what connections that exist already may do.
func TestIdsAreSetLater(t *testing.T) {
	noLeaks(t)
	a, b := listen(t, ""), listen(t, "")
	b.Serve(handlerFunc(echo))
	call := func(verb cluster.Verb) error {
		_, err := a.Call(soon(t), b.Addr(), verb, nil)
		return err
	}
	if err := call(cluster.VerbPledge); err != nil {
		t.Fatal(err)
	}
	wantPeerError(t, call(cluster.VerbForward), cluster.PeerNotReady)
	b.SetClusterID("c")
	wantPeerError(t, call(cluster.VerbForward), cluster.PeerRefused)
	if err := call(cluster.VerbHello); err != nil {
		t.Fatal(err)
	}
	if got := a.Stats().Dialed; got != 1 {
		t.Errorf("%d connections", got)
	}
	a.SetClusterID("c") // the connection of the time without an id is not used any more
	if err := call(cluster.VerbForward); err != nil {
		t.Fatal(err)
	}
	if got := a.Stats().Dialed; got != 2 {
		t.Errorf("%d connections", got)
	}
	// The peer moves on, on its own: the connection is good, the call is not.
	b.SetClusterID("d")
	wantPeerError(t, call(cluster.VerbHello), cluster.PeerOtherCluster)
	if got := a.Stats().Dialed; got != 2 {
		t.Errorf("%d connections", got)
	}
	a.SetClusterID("d")
	if err := call(cluster.VerbForward); err != nil {
		t.Fatal(err)
	}
}

func TestChangingTheClusterEndsStreams(t *testing.T) {
	noLeaks(t)
	a, b := listen(t, "c"), listen(t, "c")
	near, far := mustDial(t, a, b)
	b.SetClusterID("c") // no change
	go near.Write([]byte("x"))
	if _, err := far.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	b.SetClusterID("d")
	wantEnded(t, near, far)
	near, far = mustDial(t, listen(t, "d"), b)
	b.SetClusterID("e")
	wantEnded(t, near, far)
}

// TestSetInsideACall: a pledge sets the id while the call that asked for it is
// being answered.
func TestSetInsideACall(t *testing.T) {
	noLeaks(t)
	a, b := listen(t, "c"), listen(t, "")
	b.Serve(echoAnd(func() { b.SetClusterID("c") }))
	for _, verb := range []cluster.Verb{cluster.VerbPledge, cluster.VerbForward} {
		if _, err := a.Call(soon(t), b.Addr(), verb, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.Stats().Dialed; got != 1 {
		t.Errorf("%d connections", got)
	}
}

func TestLongClusterID(t *testing.T) {
	noLeaks(t)
	long := strings.Repeat("x", clusterIDLenMax)
	a, b := listen(t, long), listen(t, long+"cut off")
	b.Serve(handlerFunc(echo))
	if _, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, nil); err != nil {
		t.Fatal(err)
	}
}

// A node without its old directory has the address of the server it was, and
// must not be taken for it.
func TestStreamsReachTheServerTheyAreMeantFor(t *testing.T) {
	a, b := listen(t, "c"), listen(t, "c")
	a.SetServer("a@1")
	b.SetServer("b@2")
	dial := func(id raft.ServerID) error {
		conn, err := a.Raft().Dial(cluster.StreamTarget(id, raft.ServerAddress(b.Addr())), 5*time.Second)
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	for _, other := range []raft.ServerID{"", "b@1"} {
		err := dial(other)
		wantPeerError(t, err, cluster.PeerRefused)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf(`"b@2", not %q`, other)) {
			t.Errorf("the refusal does not name both: %v", err)
		}
	}
	if err := dial("b@2"); err != nil {
		t.Error(err)
	}
}
