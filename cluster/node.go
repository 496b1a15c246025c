package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/audit"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
)

// What a data directory holds beside node.json.
const (
	boltFile    = "raft.db"
	walDir      = "raft-wal"
	snapshotDir = "snapshots"
)

// logCacheEntries is how many of the newest entries stay in memory, so that
// followers and the state machine seldom read the disk: twice what one message
// to a follower has. They take up to entryBytesMax each.
const logCacheEntries = 512

var (
	errRemoved = errors.New("this node was removed from the cluster")
	errClosed  = errors.New("the node was closed")

	errTransferHangs = errors.New("a hand-over of leadership hangs")
)

// Node is one node of a cluster. All methods may be called concurrently.
type Node struct {
	config Config
	raftID string
	log    hclog.Logger

	machine  *fsm.Machine
	audit    *audit.Writer // nil if none is kept
	raft     *raft.Raft
	store    *logstore.Store
	ahead    *logstore.Ahead
	progress progress

	checkpoints checkpoints
	levels      levels
	follows     follows
	proposing   atomic.Int64 // commands inside Propose
	held        allowance    // their bytes
	// entries are on their way into the log here, forwards to the leader.
	entries, forwards *gatherer

	leads         atomic.Pointer[leadership]
	time          atomic.Pointer[logTime] // nil before the first comparison of clocks
	leaderChanged broadcast
	leaderAPI     atomic.Pointer[leaderAPI]
	leaderLevel   atomic.Pointer[leaderLevel]
	readRounds    rounds
	terms         terms
	forming       atomic.Pointer[string] // why there is no configuration yet
	// logged counts the bytes of applied entries; captured is what it was when
	// the newest snapshot was begun.
	logged, captured atomic.Uint64

	identityMu sync.Mutex
	identity   identity

	changing sync.Mutex // one membership change at a time

	snapshots      *snapshots
	room           room
	membersChanged chan struct{}

	opened   chan struct{} // closed once every field above is set
	member   atomic.Bool   // seen in an applied configuration
	closing  atomic.Bool
	stopOnce sync.Once
	stopped  chan struct{}
	failed   chan struct{}
	cause    error // of stopped; set before it closes

	closeOnce sync.Once
	raftEnded chan struct{}  // closed once no goroutine of Raft is left
	writers   sync.WaitGroup // what writes into the data directory beside Raft
	gone      chan struct{}  // closed once nothing of it is left
	goneErr   error          // set before gone closes
}

// leaderAPI is where the API of a server is reached.
type leaderAPI struct{ raftID, url string }

// Open starts the node described and returns once it runs, which may be before
// it belongs to a cluster; see Ready. The node owns the network, also if Open
// fails. The error names the field or the file that is at fault.
func Open(config Config) (*Node, error) {
	if err := config.check(); err != nil {
		if config.Network != nil {
			err = errors.Join(err, config.Network.Close())
		}
		return nil, err
	}
	n, err := open(config)
	if err != nil {
		return nil, errors.Join(err, config.Network.Close())
	}
	return n, nil
}

func open(config Config) (_ *Node, err error) {
	marked, err := readMark(config.DataDir)
	if err != nil {
		return nil, fail(CodeInvalid, err, "data directory %s can't be read", config.DataDir)
	}
	if marked != nil {
		return nil, fail(CodeInvalid, marked.damage(), "data directory %s is not used while it has %s", config.DataDir, markFile)
	}
	if _, err := finishFounding(config.DataDir); err != nil {
		return nil, fail(CodeInvalid, err, "data directory %s: what was restored or recovered can't be moved to its place", config.DataDir)
	}
	id, err := openDataDir(config.DataDir, config.NodeID)
	if err != nil {
		return nil, err
	}
	if err := refuseDiverged(config.DataDir); err != nil {
		return nil, err
	}
	reached, err := readLevel(config.DataDir, id.ClusterID)
	if err != nil {
		config.Logger.Warn("which kinds of entries the log has will be asked for again", "error", err)
	}
	warnOfOthers(config.DataDir, config.Logger)
	if err := keepOwnPrivate(config.DataDir); err != nil {
		return nil, fail(CodeInvalid, err, "data directory %s", config.DataDir)
	}
	n := &Node{
		config: config, raftID: id.raftID(), identity: id,
		log:     config.Logger.With("node", config.NodeID),
		machine: fsm.New(config.StepHook),
		opened:  make(chan struct{}), stopped: make(chan struct{}), failed: make(chan struct{}), gone: make(chan struct{}),
		raftEnded:      make(chan struct{}),
		membersChanged: make(chan struct{}, 1),
	}
	n.levels.reached.Store(int64(reached))
	if namesPeers(config.Network) {
		n.config.Network = pinned{config.Network, n.memberAt}
	}
	n.readRounds.ask = n.askReadIndex
	n.terms.ask = n.askTerm
	path, engine, err := config.logAt()
	if err != nil {
		return nil, err
	}
	if err := checkLogIsThere(path, engine, id); err != nil {
		return nil, fail(CodeInvalid, err, "data directory %s", config.DataDir)
	}
	n.store, err = logstore.Open(path, logstore.Options{
		Engine:       engine,
		StallTimeout: config.Timing.Stall,
		OnFailure:    n.stop,
		Observe:      config.ObserveLog,
		Wrap:         config.WrapLog,
		Keys:         config.Keys,
	})
	if err != nil {
		return nil, n.openFailure(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.store.Close())
		}
	}()
	n.snapshots, err = openSnapshots(config.DataDir, n.log.Named("snapshot"), config.Keys, n.stop)
	if err == nil {
		err = n.snapshots.cover(n.store)
	}
	if err != nil {
		return nil, fail(CodeInvalid, err, "data directory %s", config.DataDir)
	}
	if err := n.openAudit(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.closeAudit())
		}
	}()
	cached, err := raft.NewLogCache(logCacheEntries, n.store)
	if err != nil {
		return nil, fail(CodeInternal, err, "log cache")
	}
	n.ahead = logstore.NewAhead(cached, n.leadsOthers)
	defer func() {
		if err != nil {
			n.ahead.Close()
		}
	}()
	known, err := raft.HasExistingState(n.store, n.store, n.snapshots)
	if err != nil {
		return nil, fail(CodeInvalid, err, "data directory %s", config.DataDir)
	}
	if id.ClusterID != "" {
		config.Network.SetClusterID(id.ClusterID)
	} else if known {
		return nil, fail(CodeInvalid, nil, "%s has a log but its %s names no cluster", config.DataDir, identityFile)
	}
	if format := config.identityFormat(); !n.identity.Logged || n.identity.Format != format {
		n.identity.Logged, n.identity.Format = true, format
		if err := n.identity.save(config.DataDir); err != nil {
			return nil, err
		}
	}
	config.Network.SetServer(n.raftID)
	notices := make(chan bool, 16)
	// The store and the snapshots tell the node of damage by themselves.
	logs := &raftStore{LogStore: n.ahead, stable: n.store, failed: n.stop, votes: n.mayVote}
	n.raft, err = startRaft(config.raft(n.raftID, notices), adapter{n}, logs, n.snapshots,
		newTransport(config.Network, config.Timing.Stall, n.log, hooks{n.ahead.Written, n.sendsTo, n.stopped, n.follows.answered}))
	if err == nil && n.failure() != nil { // Raft took an older snapshot instead
		err = errors.Join(errNoRaft, n.endRaft())
	}
	if err != nil {
		return nil, n.openFailure(err)
	}
	n.held.most = heldBytesMax
	n.entries = gather(batchesInFlight, n.stopped, n.proposeWithRoom)
	n.forwards = gather(forwardsInFlight, n.stopped, n.forward)
	n.observeLeader()
	go n.watchLeadership(notices)
	close(n.opened)
	config.Network.Serve(n)
	go n.scrub()
	n.writers.Go(n.keepPeers)
	go n.watchRoom()
	go n.tidy()
	go n.snapshotBySize()
	switch {
	case n.settled():
		n.settle()
		go n.announce()
	case len(config.Join) == 0 && !id.Joining:
		if err := n.bootstrapAlone(); err != nil {
			n.stop(errClosed)
			return nil, errors.Join(fail(CodeInternal, err, "the cluster does not begin"), n.endRaft())
		}
	default:
		go n.form()
	}
	return n, nil
}

// openFailure is why the node does not open: what it was stopped for meanwhile,
// if it was.
func (n *Node) openFailure(err error) error {
	if cause := n.failure(); cause != nil {
		err = cause
	}
	code := CodeInvalid
	if damageIn(err) == nil && errors.Is(err, errNoRaft) {
		code = CodeInternal
	}
	return fail(code, err, "data directory %s", n.config.DataDir)
}

// scrub reads node.json, the whole log and the snapshots once in a while, so that damage
// is found while the other copies are good.
func (n *Node) scrub() {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-n.stopped
		cancel()
	}()
	for ctx.Err() == nil {
		begun := time.Now()
		err := n.checkIdentity()
		if err == nil {
			err = n.store.Scrub(ctx, func(uint64) error { return nil })
		}
		if err == nil {
			err = n.snapshots.scrub(ctx)
		}
		if ctx.Err() == nil {
			n.config.observe(Event{Kind: EventScrub, Took: time.Since(begun), Err: err})
		}
		if err != nil && ctx.Err() == nil {
			n.stop(err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(n.config.Timing.Scrub):
		}
	}
}

// observeLeader wakes waiters at every change of leader and finds out where
// its API is.
func (n *Node) observeLeader() {
	changes := make(chan raft.Observation, 16)
	observer := raft.NewObserver(changes, false, func(o *raft.Observation) bool {
		now, ok := o.Data.(raft.LeaderObservation)
		if ok && now.LeaderID != "" { // here, where none is dropped
			n.config.observe(Event{Kind: EventLeader})
		}
		return ok
	})
	n.raft.RegisterObserver(observer)
	go func() {
		tick := time.NewTicker(helloTimeout)
		defer tick.Stop()
		for {
			select {
			case <-changes:
				n.leaderChanged.Broadcast()
			case <-tick.C: // an observation may be dropped, an inquiry fail
			case <-n.stopped:
				n.raft.DeregisterObserver(observer)
				return
			}
			n.findLeaderAPI()
		}
	}()
}

func (n *Node) findLeaderAPI() {
	address, id := n.raft.LeaderWithID()
	if known := n.leaderAPI.Load(); id == "" || known != nil && known.raftID == string(id) {
		return
	}
	if string(id) == n.raftID {
		n.leaderAPI.Store(&leaderAPI{n.raftID, n.config.APIURL})
		return
	}
	if h, err := n.greet(context.Background(), string(address)); err == nil && h.RaftID == string(id) {
		n.leaderAPI.Store(&leaderAPI{h.RaftID, h.API})
	}
}

// configurationApplied notices when this server is no longer a member.
func (n *Node) configurationApplied(c raft.Configuration) {
	select {
	case n.membersChanged <- struct{}{}:
	default: // it will look anyway
	}
	for _, s := range c.Servers {
		if string(s.ID) == n.raftID {
			n.member.Store(true)
			return
		}
	}
	if !n.member.Load() {
		return // from before it joined
	}
	go func() {
		<-n.opened
		if servers, err := n.servers(); err == nil {
			for _, s := range servers {
				if string(s.ID) == n.raftID {
					return // taken in again since
				}
			}
		}
		n.stop(errRemoved)
	}()
}

// stop ends the node for a cause. The peer port closes first: a node that
// can't go on must not hold on to leadership.
func (n *Node) stop(cause error) {
	n.stopOnce.Do(func() {
		n.cause = cause
		if err := n.config.Network.Close(); err != nil {
			n.log.Warn("closing the peer port", "error", err)
		}
		if d := damageIn(cause); d != nil {
			if err := leaveMark(n.config.DataDir, d); err != nil {
				n.log.Warn("the damage could not be noted for the next start", "error", err)
			}
		}
		if !errors.Is(cause, errClosed) {
			n.log.Error("the node has stopped", "cause", cause)
			close(n.failed)
		}
		close(n.stopped)
		n.leaderChanged.Broadcast()
	})
}

// Failed is closed when the node can't go on; see Failure. Close does not
// close it.
func (n *Node) Failed() <-chan struct{} { return n.failed }

// Failure is why the node stopped: a *fsm.Halt, an error of package logstore,
// a removal. It is nil while it runs and after Close.
func (n *Node) Failure() error { return n.failure() }

func (n *Node) failure() error {
	select {
	case <-n.failed:
		return n.cause
	default:
		return nil
	}
}

// usable returns why the node serves nothing, or nil.
func (n *Node) usable() error {
	if h := n.machine.Halted(); h != nil {
		return fail(CodeHalted, h, "the node has halted")
	}
	select {
	case <-n.stopped:
		return n.stoppedError()
	default:
		return nil
	}
}

func (n *Node) stoppedError() *Error {
	if cause := n.failure(); cause != nil {
		return fail(codeOfFailure(cause), cause, "the node has stopped")
	}
	return fail(CodeStopping, nil, "the node is stopping")
}

// codeOfFailure tells a node that must not go on from one that comes back, also
// after damage, from the other copies.
func codeOfFailure(cause error) Code {
	if halt := new(fsm.Halt); errors.As(cause, &halt) {
		return CodeHalted
	}
	return CodeNotReady
}

func (n *Node) clusterID() string {
	n.identityMu.Lock()
	defer n.identityMu.Unlock()
	return n.identity.ClusterID
}

// Status is what the node knows without asking anyone.
func (n *Node) Status() Status {
	s := Status{
		NodeID: n.config.NodeID, RaftID: n.raftID, ClusterID: n.clusterID(), State: stateName(n.raft.State()),
		Term: n.raft.CurrentTerm(), Commit: n.raft.CommitIndex(), Applied: n.machine.View().Index,
	}
	_, id := n.raft.LeaderWithID()
	s.LeaderID = nodeIDOf(string(id))
	if known := n.leaderAPI.Load(); known != nil && known.raftID == string(id) {
		s.LeaderAPI = known.url
	}
	if lack := n.room.lack.Load(); lack != nil {
		s.Trouble = lack.Error()
	}
	return s
}

func stateName(s raft.RaftState) string {
	switch s {
	case raft.Leader:
		return "leader"
	case raft.Candidate:
		return "candidate"
	case raft.Follower:
		return "follower"
	case raft.Shutdown:
	}
	return "shutdown"
}

// Ready returns nil when the node belongs to a cluster, knows a leader that a
// majority follows, and has applied everything acknowledged before the call.
func (n *Node) Ready(ctx context.Context) error {
	if err := n.usable(); err != nil {
		return err
	}
	if state := n.forming.Load(); state != nil && *state != "" && !n.settled() {
		return fail(CodeNotReady, nil, "%s", *state)
	}
	if n.closing.Load() {
		return fail(CodeStopping, nil, "the node is stopping")
	}
	_, err := n.Read(ctx, Linearizable, 0)
	return err
}

// Digest is the SHA-256 of the view's tree in its canonical form. It walks
// everything.
func (n *Node) Digest(_ context.Context, v *View) ([32]byte, error) { return v.Digest(), nil }

// Snapshot writes a snapshot now and drops the log entries it covers but for
// the trailing ones. It returns nil if there is nothing new to write.
func (n *Node) Snapshot() error {
	if err := n.raft.Snapshot().Error(); err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return fail(CodeInternal, err, "no snapshot was written")
	}
	return nil
}

// HandOver gives leadership to another voter, if this node leads and there is
// one. Call it before Close, while requests under way can still go on at the
// new leader. A hand-over that fails is an error, and no obstacle to Close.
func (n *Node) HandOver(ctx context.Context) error {
	n.closing.Store(true)
	servers, err := n.servers()
	if err != nil || n.usable() != nil || n.raft.State() != raft.Leader {
		return nil //nolint:nilerr // nothing to hand over
	}
	alone := true
	for _, s := range servers {
		alone = alone && (s.Suffrage != raft.Voter || string(s.ID) == n.raftID)
	}
	if alone {
		return nil
	}
	return wrap("hand leadership over", n.awaitTransfer(ctx, n.raft.LeadershipTransfer()))
}

// endRaft shuts Raft down, waits for its goroutines, and has the futures that it
// forgot end. It is called once: a second shutdown would not wait.
func (n *Node) endRaft() error {
	defer close(n.raftEnded)
	return n.raft.Shutdown().Error()
}

// Close stops the node: commands under way are answered, those that were not
// proposed as not applied. It takes Timing.Close at most; what hangs longer goes
// on in the background.
func (n *Node) Close() error {
	n.closing.Store(true)
	n.stop(errClosed)
	n.closeOnce.Do(func() {
		go func() {
			err := n.endRaft()
			n.levels.saving.Wait()
			n.writers.Wait()
			n.ahead.Close()
			n.goneErr = errors.Join(err, n.closeAudit(), n.store.Close())
			close(n.gone)
		}()
	})
	select {
	case <-n.gone:
		return n.goneErr
	case <-time.After(n.config.Timing.Close):
		return fmt.Errorf("the node did not stop within %v", n.config.Timing.Close)
	}
}
