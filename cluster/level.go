package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// A program halts at a kind of entry that it does not know (see fsm.Level). So
// before an entry above the first level is proposed, every member has to say
// that it reads that level; once there is one in the log, only such members are
// taken in. A member that does not answer may have an older program by now, or
// be given one: it counts as one that does not know.
//
// So an entry of a level in the log says for good that all members read it: whoever
// has applied one asks nobody any more (reads).

const (
	levelFile   = "level.json"
	levelFormat = 1

	// raiseTimeout bounds one attempt to bring a level into the log, and
	// raisePause is the pause after one that failed, doubled up to raisePauseMax.
	raiseTimeout  = 2 * helloTimeout
	raisePause    = time.Second
	raisePauseMax = 15 * time.Second
)

// levelOf is the level that a node says it reads. Programs from before there
// were levels say nothing.
func levelOf(h hello) int { return max(h.Level, fsm.LevelFirst) }

// levels is what a node knows of the levels in its log.
type levels struct {
	reached atomic.Int64
	writing sync.Mutex // of level.json
	saving  sync.WaitGroup

	mu sync.Mutex
	// The newest attempt of a leader to bring a level into the log.
	term  uint64
	level int
	done  chan struct{}
	next  time.Time     // no other one before
	pause time.Duration // after it
}

// levelReached is the highest level of an entry that was applied to this
// directory.
func (n *Node) levelReached() int { return int(n.levels.reached.Load()) }

// reachLevel notes that an entry of a level was applied. It is called from the
// goroutine that applies.
func (n *Node) reachLevel(level int) {
	if level <= n.levelReached() {
		return
	}
	n.levels.reached.Store(int64(level))
	// A snapshot may take the entry out of the log. Nothing waits for the disk: a
	// node that forgets asks the others again.
	record := levelRecord{ClusterID: n.clusterID(), Level: level}
	n.levels.saving.Go(func() {
		n.levels.writing.Lock()
		defer n.levels.writing.Unlock()
		if record.Level < n.levelReached() {
			return // another one is on its way
		}
		if err := record.save(n.config.DataDir); err != nil {
			n.log.Warn("which kinds of entries the log has can't be noted", "error", err)
		}
	})
}

// levelRecord is level.json: the highest level of an entry in the log that a
// directory has, or had before a snapshot.
type levelRecord struct {
	Format    int    `json:"format"`
	ClusterID string `json:"cluster_id"`
	Level     int    `json:"level"`
	Sum       string `json:"sum"`
}

func (r levelRecord) save(dir string) error {
	r.Format, r.Sum = levelFormat, ""
	return saveSummed(filepath.Join(dir, levelFile), r, func(sum string) any { r.Sum = sum; return r })
}

// readLevel returns what the file says of the cluster's log; 0 if it says nothing.
func readLevel(dir, clusterID string) (int, error) {
	b, err := os.ReadFile(filepath.Join(dir, levelFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	var r levelRecord
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return 0, err
	}
	sum := r.Sum
	if r.Sum = ""; r.Format != levelFormat || sum != sumOf(r) {
		return 0, errors.New(levelFile + " does not have its checksum")
	}
	if clusterID == "" || r.ClusterID != clusterID {
		return 0, nil
	}
	return r.Level, nil
}

// reads reports whether every member reads entries up to a level, for a leader that
// is about to propose one. It brings the level into the log by the entry given,
// which changes nothing. The first time in a term that takes as long as the
// members need to answer; later attempts go on beside, with growing pauses.
//
// The error says that this node does not lead, or not yet surely.
func (n *Node) reads(level int, entry func(tree.Time) []byte) (bool, error) {
	if n.levelReached() >= level {
		return true, nil
	}
	if n.config.Level < level {
		return false, nil
	}
	l := n.leads.Load()
	if l == nil {
		return false, fail(CodeNoLeader, errNotLeader, "whether all members read this is not known yet")
	}
	v := &n.levels
	v.mu.Lock()
	first := v.term != l.term || v.level != level
	if first {
		v.term, v.level, v.done, v.next, v.pause = l.term, level, nil, time.Time{}, raisePause
	}
	if v.done == nil || closed(v.done) && time.Now().After(v.next) {
		v.done = make(chan struct{})
		go n.raise(level, entry, v.done)
	}
	done := v.done
	v.mu.Unlock()
	if first {
		select {
		case <-done:
		case <-n.stopped:
		case <-time.After(raiseTimeout):
		}
	}
	return n.levelReached() >= level, nil
}

// raise is one attempt.
func (n *Node) raise(level int, entry func(tree.Time) []byte, done chan<- struct{}) {
	defer close(done)
	ctx, cancel := context.WithTimeout(context.Background(), raiseTimeout)
	defer cancel()
	_, err := n.propose(ctx, level, entry)
	n.levels.mu.Lock()
	defer n.levels.mu.Unlock()
	if err != nil {
		n.log.Info("the log keeps to the kinds of entries that all members read", "level", level, "reason", err, "again", n.levels.pause)
		n.levels.next = time.Now().Add(n.levels.pause)
		n.levels.pause = min(2*n.levels.pause, raisePauseMax)
	}
}

// commandRead returns nil if every member reads what the command has in it, for a
// leader that is about to propose it. Where it is the first of its level, a note of
// the level comes into the log before it: nobody has to look into batches.
func (n *Node) commandRead(ctx context.Context, cmd fsm.Command) error {
	level := cmd.Level()
	if level == fsm.LevelFirst || n.levelReached() >= level {
		return nil
	}
	_, err := n.propose(ctx, level, func(at tree.Time) []byte { return fsm.EncodeLevel(at, level) })
	var e *Error
	if errors.As(err, &e) && e.Code == CodeOutcomeUnknown {
		// Of the note, not of the command, which was not proposed.
		return fail(CodeNoLeader, e, "whether all members read this is not known yet")
	}
	return err
}

// notRead is a leader's answer to a node that forwards a command which not all
// members read. To be "not ready" would mean to that node that another one leads.
func notRead(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Code == CodeNotReady {
		return &PeerError{Code: PeerNotRead, Message: e.text()}
	}
	return err
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// allRead returns nil if every member reads entries up to the level. Whoever
// proposes on the strength of it holds n.changing meanwhile, so that no member
// is taken in between.
func (n *Node) allRead(ctx context.Context, level int) error {
	if n.levelReached() >= level {
		return nil
	}
	if n.config.Level < level {
		return fail(CodeNotReady, nil, "this node is told not to use entries of level %d", level)
	}
	servers, err := n.servers()
	if err != nil {
		return err
	}
	errs := make([]error, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		if string(s.ID) == n.raftID {
			continue
		}
		wg.Go(func() {
			h, err := n.greet(ctx, string(s.Address))
			switch {
			case err != nil:
				errs[i] = fail(CodeNotReady, err, "whether member %s reads entries of level %d is not known", s.ID, level)
			case h.RaftID != string(s.ID):
				errs[i] = fail(CodeNotReady, nil, "server %s answers at the address of member %s", h.RaftID, s.ID)
			case levelOf(h) < level:
				errs[i] = fail(CodeNotReady, nil, "member %s (version %s) does not read entries of level %d", s.ID, h.Version, level)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
