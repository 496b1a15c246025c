package main

import (
	"context"
	"sync"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/scripts/faults/fleet"
	"github.com/treenode/treenode/scripts/faults/load"
)

// watchInterval is how often every node is asked how it is.
const watchInterval = 100 * time.Millisecond

// look is what one node said at one time.
type look struct {
	At      int64  `json:"at"`
	Node    int    `json:"node"`
	State   string `json:"state"` // empty where it did not answer
	Term    uint64 `json:"term"`
	Applied uint64 `json:"applied"`
}

// watch asks all nodes again and again, each in its own rhythm.
type watch struct {
	fleet fleet.Fleet
	rec   *load.Recorder

	mu    sync.Mutex
	looks []look
}

func newWatch(f fleet.Fleet, rec *load.Recorder) *watch { return &watch{fleet: f, rec: rec} }

// run watches until the context ends.
func (w *watch) run(ctx context.Context) {
	var wait sync.WaitGroup
	for i := range w.fleet.Len() {
		wait.Go(func() { w.node(ctx, i) })
	}
	wait.Wait()
}

func (w *watch) node(ctx context.Context, i int) {
	c, err := client.New([]string{w.fleet.Endpoint(i)})
	if err != nil {
		return // an address that the run could not have begun with
	}
	defer c.Close()
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l := look{At: w.rec.Now(), Node: i}
		if w.fleet.Running(i) {
			asking, cancel := context.WithTimeout(ctx, 2*watchInterval)
			if told, err := c.Cluster(client.WithEndpoint(asking, w.fleet.Endpoint(i))); err == nil {
				l.State, l.Term, l.Applied = told.State, told.Term, told.Applied
			}
			cancel()
		}
		w.mu.Lock()
		w.looks = append(w.looks, l)
		w.mu.Unlock()
	}
}

func (w *watch) all() []look {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]look(nil), w.looks...)
}
