package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// A leader that gets nothing onto its disk takes no more commands than it may hold,
// and refuses further ones at once, as busy. Once their callers have given up it holds
// none, and goes on.
func TestHeldLeaderIsBusy(t *testing.T) {
	slow := &disk{}
	node := start(t, 1, func(c *cluster.Config) {
		c.Timing.Stall = 5 * time.Minute
		c.WrapLog = func(inner logstore.Inner) logstore.Inner { return brokenLog{inner, slow} }
	})[0]
	node.propose(createRoot(t, "first"))
	devices := make([]tree.Device, 110)
	for i := range devices {
		devices[i] = tree.Device{Class: "VGPU", Identifier: fmt.Sprint(i), Metadata: strings.Repeat("x", 4000)}
	}
	large := func() fsm.Command {
		return command(t, tree.ChangeResources{Provider: tree.ByName("host"), Devices: devices})
	}
	encoded, err := large().Encode()
	if err != nil {
		t.Fatal(err)
	}

	hang := make(chan struct{})
	slow.hangs.Store(&hang)
	release := sync.OnceFunc(func() { slow.hangs.Store(nil); close(hang) })
	t.Cleanup(release)
	ctx, giveUp := context.WithTimeout(t.Context(), 10*patience)
	defer giveUp()
	fit := cluster.HeldBytesMax / len(encoded)
	var callers sync.WaitGroup
	var refused atomic.Int64
	for range fit {
		cmd := large()
		callers.Go(func() {
			var e *cluster.Error
			if _, err := node.Propose(ctx, cmd); errors.As(err, &e) && e.Code == cluster.CodeBusy && ctx.Err() == nil {
				refused.Add(1)
			}
		})
	}
	await(t, "all that fit are on their way, and the queue is full", func(context.Context) error {
		s := node.Stats()
		if room := s.QueueBytesMax - s.QueuedBytes; s.ProposingBytes != int64(fit*len(encoded)) || room < 0 || room >= int64(len(encoded)) {
			return fmt.Errorf("%d bytes are proposed, %d wait", s.ProposingBytes, s.QueuedBytes)
		}
		return nil
	})
	// With that context it would wait much longer than the test, if it did.
	_, err = node.Propose(ctx, large())
	expectCode(t, err, cluster.CodeBusy)
	if n := refused.Load(); n > 0 {
		t.Errorf("%d that had their place were refused", n)
	}
	giveUp()
	callers.Wait()
	if s := node.Stats(); s.ProposingBytes != 0 || s.QueuedBytes != 0 || s.ForwardingBytes != 0 {
		t.Errorf("nobody waits, and %d, %d and %d bytes are held", s.ProposingBytes, s.QueuedBytes, s.ForwardingBytes)
	}
	release()
	node.propose(createRoot(t, "second"))
}
