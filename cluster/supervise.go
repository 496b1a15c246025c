package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
)

// askSpareEvery is how often a node with a damaged directory asks the others
// whether they can rebuild it.
const askSpareEvery = time.Second

// Supervised is a node that is opened again when it fails. What it answers is
// the node's; while there is none, it says why:
//
//   - Damage to the data directory: the directory is set aside and the node is
//     rebuilt from the others, as a new server, as soon as a leader confirms
//     that a majority goes on without it. Until then, and for good if all copies
//     are bad, the node stays down and names the file and the index.
//   - A disk that is full, read-only or hangs: the node opens again when the disk
//     takes writes. Stale reads, and session reads that it has, go on meanwhile.
//   - Anything else: it opens again after a pause that doubles with each failure
//     until the node has been ready for a while. The count outlives the process.
//   - Its removal from the cluster, and a state that differs from the others': it
//     stays down, and Failed closes.
//
// All methods may be called concurrently.
type Supervised struct {
	config Config
	listen func() (Network, error)

	node    atomic.Pointer[Node] // the one that serves; nil while there is none
	last    atomic.Pointer[Node] // the one before, for reads while a disk is full
	trouble atomic.Pointer[Trouble]
	past    starts // by the goroutine of run

	closing chan struct{}
	done    chan struct{} // run has returned
	close   sync.Once
	failed  chan struct{}
	cause   error // set before failed closes
}

// Trouble is why a supervised node does not serve, or what went wrong last.
type Trouble struct {
	// Cause is the failure, and State what is done about it; empty once the
	// node is up again.
	Cause, State string
	// Failures in a row.
	Failures int
	Since    time.Time
	err      error
}

// Supervise opens a node and keeps it open until Close. The network of config
// is not used: listen opens the peer port, for each start anew. lastCrash says
// how the process before this one ended, if that is known.
//
// An error means that the node can't start for a reason that is not in the
// state of its disk: a wrong configuration, a directory in use.
func Supervise(config Config, listen func() (Network, error), lastCrash string) (*Supervised, error) {
	network, err := listen()
	if err != nil {
		return nil, err
	}
	config.Network = network
	if err := config.check(); err != nil {
		return nil, errors.Join(err, network.Close())
	}
	s := &Supervised{
		config: config, listen: listen,
		closing: make(chan struct{}), done: make(chan struct{}), failed: make(chan struct{}),
	}
	used := config.isUsed()
	pause := s.recall(lastCrash)
	var node *Node
	if pause > 0 {
		err = errors.Join(errors.New(s.past.Cause), network.Close())
	} else if node, err = Open(config); err != nil && damageIn(err) == nil && !(used && ofDisk(err)) {
		return nil, err
	}
	if node != nil {
		s.adopt(node)
	}
	go s.run(node, err, pause)
	return s, nil
}

// isUsed reports whether the directory has been a node's: a first start on a disk
// that takes nothing is for its operator to see.
func (c *Config) isUsed() bool {
	_, err := os.Stat(c.path(identityFile))
	return err == nil
}

// recall reads how the last starts ended, and counts one that left no word.
func (s *Supervised) recall(lastCrash string) (pause time.Duration) {
	past, err := readStarts(s.config.DataDir)
	if err != nil {
		s.config.Logger.Warn("how the last starts ended is not known", "error", err)
	}
	s.past = past
	if past.Running {
		cause := lastCrash
		if cause == "" {
			cause = causeUnknown
		}
		s.past.fail(cause, lastCrash != "", time.Now())
		s.remember(false)
	}
	if s.past.Failures == 0 {
		return 0
	}
	pause = s.past.pause(s.config.Timing.Restart) - max(0, time.Since(s.past.At))
	s.config.Logger.Warn("the last starts on this directory ended early", "times", s.past.Failures, "cause", s.past.Cause, "pause", max(0, pause))
	return pause
}

// run opens the node whenever there is none.
func (s *Supervised) run(node *Node, err error, pause time.Duration) {
	defer close(s.done)
	for {
		if node != nil {
			if err = s.watch(node); err == nil {
				return // closing
			}
		}
		cause := err
		s.say(cause, "")
		s.observeFailure(cause)
		if node != nil && !s.leave(node, cause) {
			return
		}
		if d := new(Divergence); errors.Is(cause, errRemoved) || errors.As(cause, &d) {
			s.cause = cause
			close(s.failed)
			return
		}
		if pause == 0 { // else it was counted by the process before
			s.count(cause)
			pause = s.past.pause(s.config.Timing.Restart)
		}
		if node, err = s.reopen(cause, pause); err == nil && node == nil {
			return // closing
		}
		if node != nil {
			s.adopt(node)
		}
		pause = 0
	}
}

// adopt makes an open node the one that serves.
func (s *Supervised) adopt(node *Node) {
	s.remember(true)
	s.node.Store(node)
	s.last.Store(nil)
	s.up()
}

// watch serves with a node until it fails, and returns why, or nil when it is
// closed.
func (s *Supervised) watch(node *Node) error {
	steady, withdrawn := make(chan struct{}), make(chan struct{})
	go s.awaitSteady(node, steady)
	go s.withdraw(node, withdrawn)
	for {
		select {
		case <-steady:
			s.past = starts{}
			s.remember(false)
			s.trouble.Store(nil)
			steady = nil
		case <-node.Failed():
			<-withdrawn
			return node.Failure()
		case <-s.closing:
			return nil
		}
	}
}

// withdraw takes a node that fails out of service. It waits for no disk: what a
// start came to is noted on one that may hang.
func (s *Supervised) withdraw(node *Node, done chan<- struct{}) {
	defer close(done)
	<-node.stopped
	if cause := node.Failure(); cause != nil {
		if ofDisk(cause) {
			s.last.Store(node)
		}
		s.node.Store(nil)
	}
}

// awaitSteady tells when the node was ready, and still was a while later.
func (s *Supervised) awaitSteady(node *Node, steady chan<- struct{}) {
	var since time.Time
	for {
		ctx, cancel := context.WithTimeout(context.Background(), helloTimeout)
		ready := node.Ready(ctx) == nil
		cancel()
		switch {
		case !ready:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) >= steadyAfter:
			close(steady)
			return
		}
		select {
		case <-node.stopped:
			return
		case <-time.After(steadyAfter / 10):
		}
	}
}

// leave waits until nothing of a failed node is left, above all no call that
// hangs in its disk. It returns false when the supervision is closed meanwhile.
func (s *Supervised) leave(node *Node, cause error) bool {
	for waited := false; ; waited = true {
		err := node.Close()
		select {
		case <-node.gone:
			if waited {
				s.say(cause, "")
			}
			if err != nil {
				s.config.Logger.Debug("closing the failed node", "error", err)
			}
			return true
		case <-s.closing:
			return false
		default: // Close has waited
			if waited && damageIn(cause) != nil {
				// The library may have met the damage with a lock held. What is
				// left of the node has no network, and files that are moved away.
				s.config.Logger.Warn("the failed node does not end; going on without")
				return true
			}
			s.say(cause, "waiting for a call that hangs in the disk")
		}
	}
}

// observeFailure tells of a failure, and of the damage that it comes from.
func (s *Supervised) observeFailure(cause error) {
	s.config.observe(Event{Kind: EventFailure, Err: cause})
	if damage := damageIn(cause); damage != nil {
		s.config.observe(Event{Kind: EventDamage, Err: damage})
	}
}

// count notes a failure for the next process as well.
func (s *Supervised) count(cause error) {
	if damage := damageIn(cause); damage != nil {
		cause = damage
	}
	s.past.fail(cause.Error(), true, time.Now())
	s.remember(false)
}

func (s *Supervised) remember(running bool) {
	s.past.Running = running
	if err := s.past.save(s.config.DataDir); err != nil {
		s.config.Logger.Debug("how this start goes can't be noted", "error", err)
	}
}

// reopen removes the cause, waits, and opens the node. It returns nothing when
// the supervision is closed meanwhile.
func (s *Supervised) reopen(cause error, pause time.Duration) (*Node, error) {
	if pause > 0 {
		s.say(cause, fmt.Sprintf("the next start is in %v, after %d failures", pause.Round(time.Millisecond), s.past.Failures))
		if !s.wait(pause) {
			return nil, nil
		}
	}
	for {
		err, every := s.remove(cause), askSpareEvery
		if err == nil {
			break
		}
		s.say(cause, err.Error())
		if !s.wait(every) {
			return nil, nil
		}
	}
	s.say(cause, "starting")
	network, err := s.listen()
	if err != nil {
		return nil, err
	}
	config := s.config
	config.Network = network
	return Open(config)
}

// remove does away with a cause, or says what is in the way.
func (s *Supervised) remove(cause error) error {
	if damage := damageIn(cause); damage != nil {
		if err := leaveMark(s.config.DataDir, damage); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*configTimeout)
		defer cancel()
		err := s.config.setAside(ctx, s.listen)
		if err == nil {
			s.config.observe(Event{Kind: EventAside, Err: damage})
		}
		return err
	}
	if ofDisk(cause) {
		if err := s.config.tryDisk(); err != nil {
			return err
		}
		// What a failed flush left in memory must not pass for what is on disk.
		return logstore.DropCache(s.config.path(walDir), s.config.path(boltFile))
	}
	return nil
}

// wait returns false when the supervision is closed meanwhile.
func (s *Supervised) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.closing:
		return false
	}
}

// say makes the state known: to whoever asks, and to the log if it is new.
func (s *Supervised) say(cause error, state string) {
	was := s.trouble.Load()
	if damage := damageIn(cause); damage != nil {
		cause = damage // which file, and where in it
	}
	now := &Trouble{Cause: cause.Error(), State: state, Failures: s.past.Failures, Since: time.Now(), err: cause}
	if was != nil && was.Cause == now.Cause && was.State != "" {
		now.Since = was.Since
		if was.State == now.State {
			return
		}
	}
	s.trouble.Store(now)
	if state != "" {
		s.config.Logger.Warn("the node does not serve", "cause", now.Cause, "state", state)
	}
}

// up notes that there is a node again.
func (s *Supervised) up() {
	if was := s.trouble.Load(); was != nil {
		now := *was
		now.State = ""
		s.trouble.Store(&now)
		s.config.Logger.Info("the node is open again", "after", was.Cause)
	}
}

// Trouble is why the node does not serve, or what went wrong not long ago, or
// nil.
func (s *Supervised) Trouble() *Trouble { return s.trouble.Load() }

// serving returns the node, or why there is none.
func (s *Supervised) serving() (*Node, error) {
	if n := s.node.Load(); n != nil {
		return n, nil
	}
	select {
	case <-s.closing:
		return nil, fail(CodeStopping, nil, "the node is stopping")
	default:
	}
	t := s.trouble.Load()
	switch {
	case t == nil:
		return nil, fail(CodeNotReady, nil, "the node is starting")
	case t.State == "":
		return nil, fail(CodeNotReady, t.err, "the node is down")
	}
	return nil, fail(CodeNotReady, t.err, "the node is down (%s)", t.State)
}

// Node is the node that serves now, or nil.
func (s *Supervised) Node() *Node { return s.node.Load() }

// Propose is Node.Propose.
func (s *Supervised) Propose(ctx context.Context, c fsm.Command) (fsm.Result, error) {
	n, err := s.serving()
	if err != nil {
		return fsm.Result{}, err
	}
	return n.Propose(ctx, c)
}

// Read is Node.Read.
func (s *Supervised) Read(ctx context.Context, level Level, index uint64) (*View, error) {
	n, err := s.serving()
	if err == nil {
		return n.Read(ctx, level, index)
	}
	if last := s.last.Load(); last != nil && level != Linearizable {
		if v := last.machine.View(); level == Stale || v.Index >= index {
			return v, nil
		}
	}
	return nil, err
}

// Status is Node.Status, and why there is no node.
func (s *Supervised) Status() Status {
	n, t := s.node.Load(), s.trouble.Load()
	status := Status{NodeID: s.config.NodeID, State: "down"}
	if n != nil {
		status = n.Status()
	}
	status.Encryption = s.config.encryption()
	if t != nil && status.Trouble == "" {
		status.Trouble = t.Cause
		if t.State != "" {
			status.Trouble += " (" + t.State + ")"
		}
	}
	if t != nil {
		status.Failures = t.Failures
	}
	return status
}

// Members is Node.Members.
func (s *Supervised) Members(ctx context.Context) ([]Member, error) {
	n, err := s.serving()
	if err != nil {
		return nil, err
	}
	return n.Members(ctx)
}

// AddMember is Node.AddMember.
func (s *Supervised) AddMember(ctx context.Context, raftID, peer string, voter bool) error {
	n, err := s.serving()
	if err != nil {
		return err
	}
	return n.AddMember(ctx, raftID, peer, voter)
}

// RemoveMember is Node.RemoveMember.
func (s *Supervised) RemoveMember(ctx context.Context, id string) error {
	n, err := s.serving()
	if err != nil {
		return err
	}
	return n.RemoveMember(ctx, id)
}

// MakeJoinToken is Node.MakeJoinToken.
func (s *Supervised) MakeJoinToken(ctx context.Context, node string, life time.Duration) (JoinToken, string, error) {
	n, err := s.serving()
	if err != nil {
		return JoinToken{}, "", err
	}
	return n.MakeJoinToken(ctx, node, life)
}

// RevokeJoinToken is Node.RevokeJoinToken.
func (s *Supervised) RevokeJoinToken(ctx context.Context, id string) error {
	n, err := s.serving()
	if err != nil {
		return err
	}
	return n.RevokeJoinToken(ctx, id)
}

// JoinTokens is Node.JoinTokens.
func (s *Supervised) JoinTokens(ctx context.Context) ([]JoinToken, error) {
	n, err := s.serving()
	if err != nil {
		return nil, err
	}
	return n.JoinTokens(ctx)
}

// TransferLeadership is Node.TransferLeadership.
func (s *Supervised) TransferLeadership(ctx context.Context, id string) error {
	n, err := s.serving()
	if err != nil {
		return err
	}
	return n.TransferLeadership(ctx, id)
}

// Ready is Node.Ready.
func (s *Supervised) Ready(ctx context.Context) error {
	n, err := s.serving()
	if err != nil {
		return err
	}
	return n.Ready(ctx)
}

// Digest is Node.Digest.
func (s *Supervised) Digest(_ context.Context, v *View) ([32]byte, error) { return v.Digest(), nil }

// HandOver is Node.HandOver.
func (s *Supervised) HandOver(ctx context.Context) error {
	if n := s.node.Load(); n != nil {
		return n.HandOver(ctx)
	}
	return nil
}

// Failed is closed when the node is not started again; Failure then says why.
func (s *Supervised) Failed() <-chan struct{} { return s.failed }

// Failure is why the node is not started again, or nil.
func (s *Supervised) Failure() error {
	select {
	case <-s.failed:
		return s.cause
	default:
		return nil
	}
}

// Close ends the supervision and closes the node; see Node.Close.
func (s *Supervised) Close() error {
	s.close.Do(func() { close(s.closing) })
	var err error
	if n := s.node.Load(); n != nil {
		err = n.Close()
	}
	select {
	case <-s.done:
	case <-time.After(s.config.Timing.Close):
		return errors.Join(err, fmt.Errorf("the supervision did not end within %v", s.config.Timing.Close))
	}
	if n := s.node.Load(); n != nil { // opened meanwhile
		err = n.Close()
	}
	s.past = starts{}
	s.remember(false)
	return err
}
