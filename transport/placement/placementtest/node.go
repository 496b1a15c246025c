package placementtest

import (
	"context"
	"sync"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// Node is the real state machine, without Raft. Its methods may be called
// concurrently; set the fields before use.
type Node struct {
	// Fail, where not nil, is what every method returns.
	Fail *cluster.Error
	// Before, where not nil, runs before each command is applied.
	Before func(fsm.Command)
	// Behind is by how many commands a stale read is behind.
	Behind int

	mu      sync.Mutex
	machine *fsm.Machine
	index   uint64
	views   []*fsm.View // the newest ones, as many as Behind needs
}

// NewNode starts an empty store.
func NewNode() *Node { return &Node{machine: fsm.New(nil)} }

// Propose implements placement.Node.
func (n *Node) Propose(_ context.Context, c fsm.Command) (fsm.Result, error) {
	if n.Fail != nil {
		return fsm.Result{}, n.Fail
	}
	if before := n.Before; before != nil {
		n.Before = nil
		before(c)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.keepView()
	command, err := c.Encode()
	if err != nil {
		return fsm.Result{}, &cluster.Error{Code: cluster.CodeInvalid, Message: err.Error()}
	}
	n.index++
	results, err := n.machine.Apply(n.index, fsm.EncodeBatch(tree.Time(time.Now().UnixMicro()), [][]byte{command}))
	if err != nil {
		return fsm.Result{}, &cluster.Error{Code: cluster.CodeHalted, Message: "halted", Err: err}
	}
	return results[0], nil
}

// keepView needs the lock.
func (n *Node) keepView() {
	if n.views = append(n.views, n.machine.View()); len(n.views) > n.Behind {
		n.views = n.views[len(n.views)-max(n.Behind, 1):]
	}
}

// Read implements placement.Node.
func (n *Node) Read(_ context.Context, level cluster.Level, _ uint64) (*fsm.View, error) {
	if n.Fail != nil {
		return nil, n.Fail
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if level == cluster.Stale && n.Behind > 0 && len(n.views) > 0 {
		return n.views[0], nil
	}
	return n.machine.View(), nil
}

// Ready implements placement.Node.
func (n *Node) Ready(context.Context) error {
	if n.Fail != nil {
		return n.Fail
	}
	return nil
}
