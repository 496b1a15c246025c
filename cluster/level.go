package cluster

import (
	"context"
	"sync"

	"github.com/treenode/treenode/fsm"
)

// A program halts at a kind of entry that it does not know (see fsm.Level). So
// before an entry above the first level is proposed, every member has to say
// that it reads that level; once there is one in the log, only such members are
// taken in. A member that does not answer may have an older program by now, or
// be given one: it counts as one that does not know.

// levelOf is the level that a node says it reads. Programs from before there
// were levels say nothing.
func levelOf(h hello) int { return max(h.Level, fsm.LevelFirst) }

func (c *checkpoints) reachLevel(level int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.level = max(c.level, level)
}

// levelReached is the highest level of an entry that this process has applied.
func (n *Node) levelReached() int {
	n.checkpoints.mu.Lock()
	defer n.checkpoints.mu.Unlock()
	return n.checkpoints.level
}

// allRead returns nil if every member reads entries up to the level. Whoever
// proposes on the strength of it holds n.changing meanwhile, so that no member
// is taken in between.
func (n *Node) allRead(ctx context.Context, level int) error {
	if n.levelReached() >= level {
		return nil
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
