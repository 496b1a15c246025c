package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm/tree"
)

// Entries that are committed wait behind a machine that is busy when the node
// closes. Raft forgets them; their callers have to be answered all the same, and
// nothing may be left that waits.
func TestCloseAnswersWhatRaftForgets(t *testing.T) {
	before := goroutines()
	reached, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	nodes := start(t, 1, func(c *cluster.Config) {
		c.CheckpointInterval = -1
		c.StepHook = func(int, string) error {
			once.Do(func() { close(reached) })
			<-release
			return nil
		}
	})
	node := nodes[0]
	// Far longer than this test waits.
	ctx, cancel := context.WithTimeout(context.Background(), 10*patience)
	defer cancel()
	const queued = 24
	answers := make(chan error, queued+3)
	propose := func(name string) {
		_, err := node.Propose(ctx, command(t, tree.CreateProvider{UUID: newID(t), Name: name}))
		answers <- err
	}
	go propose("held")
	<-reached
	go propose("behind")
	go func() {
		_, _ = node.Checkpoint(ctx) // of two entries: what it says depends on how far it got
		answers <- nil
	}()
	// One after the other, so that each has its own place in Raft's queue.
	committed := node.Status().Commit
	for i := range uint64(queued) {
		go func() { answers <- node.ApplyEntry() }()
		await(t, "the entry is committed", func(context.Context) error {
			if now := node.Status().Commit; now < committed+i+1 {
				return fmt.Errorf("committed up to %d", now)
			}
			return nil
		})
	}
	closed := make(chan error, 1)
	go func() { closed <- node.Close() }()
	await(t, "Raft shuts down", func(context.Context) error {
		if s := node.Status().State; s != "shutdown" {
			return errors.New(s)
		}
		return nil
	})
	close(release)
	late := time.After(patience)
	for i := range cap(answers) {
		select {
		case err := <-answers:
			// The machine may have got to some of them.
			if e := new(cluster.Error); errors.As(err, &e) && e.Code != cluster.CodeOutcomeUnknown {
				t.Errorf("answered with %v, want %s", err, cluster.CodeOutcomeUnknown)
			}
		case <-late:
			t.Fatalf("%d of %d callers wait for ever", cap(answers)-i, cap(answers))
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	await(t, "no goroutine of the node is left", func(context.Context) error {
		var left []string
		for id, stack := range goroutines() {
			if _, old := before[id]; !old && strings.Contains(stack, "treenode/cluster.(*") {
				left = append(left, stack)
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("%d are:\n%s", len(left), strings.Join(left, "\n\n"))
		}
		return nil
	})
}

// goroutines returns the stacks of all goroutines by their ids.
func goroutines() map[string]string {
	b := make([]byte, 16<<20)
	all := map[string]string{}
	for stack := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		id, _, _ := strings.Cut(strings.TrimPrefix(stack, "goroutine "), " ")
		all[id] = stack
	}
	return all
}
