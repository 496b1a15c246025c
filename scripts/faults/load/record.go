package load

import (
	"sync"
	"time"

	"github.com/treenode/treenode/scripts/faults/check"
)

// Recorder collects the operations of all clients.
type Recorder struct {
	begin time.Time

	mu         sync.Mutex
	ops        []*check.Op
	notApplied int
	internal   []string
	strange    []string
}

// NewRecorder begins a history.
func NewRecorder() *Recorder { return &Recorder{begin: time.Now()} }

// Now is the time since the history began, in nanoseconds.
func (r *Recorder) Now() int64 { return time.Since(r.begin).Nanoseconds() }

func (r *Recorder) add(o *check.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, o)
}

// keptMax bounds the answers that are kept word by word.
const keptMax = 20

func (r *Recorder) keep(list *[]string, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(*list) < keptMax {
		*list = append(*list, text)
	}
}

func (r *Recorder) skip() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notApplied++
}

// Ops returns what was recorded so far.
func (r *Recorder) Ops() []*check.Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*check.Op(nil), r.ops...)
}

// NotApplied counts the calls that certainly did not happen.
func (r *Recorder) NotApplied() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.notApplied
}

// Internal has answers by which a node says that it is damaged or has a bug.
func (r *Recorder) Internal() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.internal...)
}

// Strange has answers that show what nobody made, or that no client should get.
func (r *Recorder) Strange() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.strange...)
}

// WrittenAfter returns when the first write that was called after a time was
// answered; false if none was.
func (r *Recorder) WrittenAfter(at int64) (int64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first, ok := int64(0), false
	for i := len(r.ops) - 1; i >= 0; i-- {
		o := r.ops[i]
		if o.Return < at {
			break // they are in the order of their return, but for a hair
		}
		if o.Written() && o.Call >= at && (!ok || o.Return < first) {
			first, ok = o.Return, true
		}
	}
	return first, ok
}
