package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

const (
	registers = 3
	clients   = 7
	writers   = 4 // of the clients, the first; they read as well
	// chaos is how long faults are injected.
	chaos = time.Minute
	// patience bounds what must happen in a healed cluster. Virtual time.
	patience = time.Minute
	// traceMax bounds the lines that a failure shows.
	traceMax = 500
)

// history is one simulated cluster and what happens to it.
type history struct {
	t       *testing.T
	seed    uint64
	network *network
	nodes   []*simulated
	record  record
	began   time.Time
	healing atomic.Bool // no client begins anything new

	mu      sync.Mutex
	trace   []string
	leaders map[uint64]string // by term

	// By the goroutine that injects faults: what it did, and how often it saw two
	// nodes at once that took themselves for the leader.
	faults map[string]int
	rivals int
}

// simulated is a node, or a place for one while it is down.
type simulated struct {
	h      *history
	config cluster.Config
	node   atomic.Pointer[cluster.Node]
}

// Accept implements hclog.SinkAdapter: the program's log is part of the trace.
func (s *simulated) Accept(name string, level hclog.Level, msg string, args ...any) {
	if level < hclog.Info {
		return
	}
	s.h.say("%s %s %s: %s %v", s.config.NodeID, level, name, msg, args)
	if msg == "leading" {
		s.h.lead(s.config.NodeID, args)
	}
}

// lead notes who leads a term.
func (h *history) lead(node string, args []any) {
	i := slices.Index(args, any("term"))
	if i < 0 || i+1 == len(args) {
		h.t.Errorf("the log line of a new leader has no term: %v", args)
		return
	}
	term, _ := args[i+1].(uint64)
	h.mu.Lock()
	defer h.mu.Unlock()
	if other, ok := h.leaders[term]; ok && other != node {
		h.t.Errorf("term %d has two leaders, %s and %s", term, other, node)
	}
	h.leaders[term] = node
}

func (h *history) say(format string, args ...any) {
	line := fmt.Sprintf("%9.3fs ", time.Since(h.began).Seconds()) + fmt.Sprintf(format, args...)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.trace = append(h.trace, line); len(h.trace) > 2*traceMax {
		h.trace = slices.Delete(h.trace, 0, traceMax)
	}
}

func (h *history) lastLines() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.trace[max(0, len(h.trace)-traceMax):])
}

func (h *history) random(stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(h.seed, stream)) //nolint:gosec // a simulation is repeatable
}

// newHistory prepares the nodes that the seed asks for.
func newHistory(t *testing.T, seed uint64, dir string) *history {
	h := &history{
		t: t, seed: seed, network: newNetwork(seed), began: time.Now(),
		leaders: map[uint64]string{}, faults: map[string]int{},
	}
	random := h.random(2)
	size := 3 + 2*random.IntN(2)
	engine := logstore.EngineBolt
	if random.IntN(8) == 0 { // seldom: it reserves and reads 32 MiB at each start
		engine = logstore.EngineWAL
	}
	for i := range size {
		s := &simulated{h: h}
		logger := hclog.NewInterceptLogger(&hclog.LoggerOptions{Level: hclog.Off})
		logger.RegisterSink(s)
		s.config = cluster.Config{
			NodeID: fmt.Sprintf("n%d", i+1), DataDir: filepath.Join(dir, fmt.Sprintf("n%d", i+1)),
			BootstrapExpect: size, Version: "simulated", Logger: logger, RaftLog: engine,
			SnapshotThreshold: 64, TrailingLogs: 32, CheckpointInterval: 3 * time.Second,
			DiskReserve: 1,
		}
		h.nodes = append(h.nodes, s)
	}
	for _, s := range h.nodes {
		s.config.Join = h.addresses()
	}
	h.say("%d nodes, log %s", size, engine)
	return h
}

func (s *simulated) addr() string { return s.config.NodeID + ":1" }

func (h *history) addresses() []string {
	all := make([]string, len(h.nodes))
	for i, s := range h.nodes {
		all[i] = s.addr()
	}
	return all
}

func (s *simulated) open() {
	config := s.config
	config.Network = s.h.network.listen(s.addr())
	node, err := cluster.Open(config)
	if err != nil {
		s.h.t.Errorf("%s does not open: %v", s.config.NodeID, err)
		return
	}
	s.node.Store(node)
}

func (s *simulated) close() {
	node := s.node.Swap(nil)
	if node == nil {
		return
	}
	select {
	case <-node.Failed():
		s.h.t.Errorf("%s has failed: %v", s.config.NodeID, node.Failure())
	default:
	}
	if err := node.Close(); err != nil {
		s.h.t.Errorf("%s does not close: %v", s.config.NodeID, err)
	}
}

// await calls f until it returns nil, or fails the history.
func (h *history) await(what string, f func(context.Context) error) bool {
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := f(ctx)
		cancel()
		switch {
		case err == nil:
			return true
		case time.Now().After(deadline):
			h.t.Errorf("waiting until %s: %v", what, err)
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (h *history) awaitReady() bool {
	for _, s := range h.nodes {
		if node := s.node.Load(); node == nil || !h.await(s.config.NodeID+" is ready", node.Ready) {
			return false
		}
	}
	return true
}

// requestID makes a UUID of version 7 for this moment.
func requestID(random *rand.Rand) tree.UUID {
	var id tree.UUID
	for i := range id {
		id[i] = byte(random.Uint32())
	}
	millis := time.Now().UnixMilli()
	for i := 5; i >= 0; i-- {
		id[i] = byte(millis)
		millis >>= 8
	}
	id[6], id[8] = 0x70|id[6]&0xf, 0x80|id[8]&0x3f
	return id
}

// begin opens the nodes and makes the registers.
func (h *history) begin() (*cluster.View, bool) {
	for _, s := range h.nodes {
		s.open()
	}
	if !h.awaitReady() {
		return nil, false
	}
	random := h.random(3)
	cmd := fsm.Command{RequestID: requestID(random)}
	for i := range registers {
		id := requestID(random)
		cmd.Txn.Ops = append(cmd.Txn.Ops, tree.CreateProvider{UUID: id, Name: registerName(i)},
			tree.SetInventories{Provider: tree.ByUUID(id), Inventories: total(firstTotal)})
	}
	var first *cluster.View
	ok := h.await("the registers are there", func(ctx context.Context) error {
		node := h.nodes[0].node.Load()
		result, err := node.Propose(ctx, cmd)
		if err == nil && result.Refused != nil {
			err = result.Refused
		}
		if err == nil {
			first, err = node.Read(ctx, cluster.Linearizable, 0)
		}
		return err
	})
	return first, ok
}

// end heals everything, learns every outcome and compares the nodes.
func (h *history) end(first *cluster.View) {
	random := h.random(4)
	h.network.relink(nil, nil)
	h.network.setWeather(weather{})
	for _, s := range h.nodes {
		if s.node.Load() == nil {
			s.open()
		}
	}
	h.say("healed")
	if !h.awaitReady() {
		return
	}
	for _, w := range h.record.open() {
		if !h.await(w.String()+" has an outcome", func(ctx context.Context) error { return h.try(ctx, random, w) }) {
			return
		}
	}
	var index uint64
	for _, s := range h.nodes {
		index = max(index, s.node.Load().Status().Applied)
	}
	views := make([]*cluster.View, len(h.nodes))
	for i, s := range h.nodes {
		ok := h.await(s.config.NodeID+" has applied all", func(ctx context.Context) (err error) {
			views[i], err = s.node.Load().Read(ctx, cluster.Session, index)
			return err
		})
		if !ok {
			return
		}
		if err := views[i].Tree.Check(); err != nil {
			h.t.Errorf("%s: %v", s.config.NodeID, err)
		}
		if views[i].Digest() != views[0].Digest() {
			h.t.Errorf("%s and %s differ", s.config.NodeID, h.nodes[0].config.NodeID)
		}
	}
	h.record.check(h.t, first, views[0], registers)
}

// run is the whole history. It returns what it was made of.
func (h *history) run() (s sums) {
	defer func() {
		for _, s := range h.nodes {
			s.close()
		}
		if h.t.Failed() {
			h.t.Logf("seed %d; the last of what happened, in virtual time:\n%s", h.seed, strings.Join(h.lastLines(), "\n"))
		}
		// What is still under way ends by then. The bubble fails for goroutines
		// that do not.
		time.Sleep(patience)
	}()
	first, ok := h.begin()
	if !ok {
		return s
	}
	var working sync.WaitGroup
	for i := range clients {
		working.Go(func() { h.client(i, first) })
	}
	h.inject()
	h.healing.Store(true)
	h.network.relink(nil, nil)
	working.Wait()
	h.end(first)
	s.histories, s.writes, s.reads = 1, len(h.record.writes), len(h.record.reads)
	s.elections, s.virtual, s.faults, s.rivals = len(h.leaders), time.Since(h.began), h.faults, h.rivals
	s.calls, s.lost, s.duplicated, s.reset = h.network.counts.calls, h.network.counts.lost, h.network.counts.duplicated, h.network.counts.reset
	for _, n := range h.nodes {
		if node := n.node.Load(); node != nil {
			s.terms = max(s.terms, int(node.Status().Term)) //nolint:gosec // small
		}
	}
	for _, w := range h.record.writes {
		if w.tries > 1 {
			s.retried++
		}
	}
	return s
}

// directory is where the nodes keep their data: in memory if it can be.
func directory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "simulation")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
