package fsm

import (
	"bytes"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/fsm/tree/persistent"
)

// Bounds of the memory of answers. They decide what is refused as expired, so
// they are part of the replicated behaviour: every node has the same.
const (
	requestsMax      = 1 << 18
	requestsBytesMax = 64 << 20
	// requestWindow is how long an answer is remembered at most.
	requestWindow tree.Time = 3600 * 1e6
	// requestFuture is how far a caller's clock may run ahead.
	requestFuture tree.Time = 300 * 1e6
	// answerOverhead is what an answer costs beside its outcome, in bytes.
	answerOverhead = 96
)

// answer is what became of one request id. It is never changed once it is
// remembered.
type answer struct {
	id       tree.UUID
	print    fingerprint
	index    uint64
	revision uint64
	outcome  []byte
}

// result is the answer as it is given again.
func (a *answer) result() (Result, error) {
	r := Result{Index: a.index, Revision: a.revision, Replayed: true}
	c := &codec{buf: a.outcome, decoding: true}
	c.outcome(&r.Effect, &r.Refused)
	return r, c.end()
}

// requests remembers the answers of executed request ids.
//
// Ids carry their caller's time and are forgotten in their order, the order of
// that time, whatever the order of execution was. floor is the greatest id
// forgotten: an id at or below it that is not in memory may have been executed
// and is refused as expired. An id above it that is not in memory has certainly
// not been executed. So forgetting never lets anything run twice.
type requests struct {
	byID  persistent.Map[tree.UUID, *answer]
	mark  *persistent.Edit // of the entry that is being applied
	bytes int
	floor tree.UUID
}

func newRequests() requests {
	return requests{byID: persistent.New[tree.UUID, *answer](tree.SearchUUID), mark: &persistent.Edit{}}
}

// edit returns requests that may be changed while r stays.
func (r requests) edit() requests {
	r.mark = &persistent.Edit{}
	return r
}

// timeOf is the time inside a version 7 UUID.
func timeOf(id tree.UUID) tree.Time {
	millis := int64(0)
	for _, b := range id[:6] {
		millis = millis<<8 | int64(b)
	}
	return tree.Time(millis * 1000)
}

// find returns the answer to a repeated id, or a refusal, or neither for an id
// that is to be executed.
func (r *requests) find(id tree.UUID, print fingerprint, now tree.Time) (*answer, bool, *tree.Error) {
	if a, ok := r.byID.Get(id); ok {
		if a.print != print {
			return nil, false, refusal(tree.CodeRequestIDReused, "request id %s was used for another request", id)
		}
		return a, true, nil
	}
	switch made := timeOf(id); {
	case id[6]>>4 != 7:
		return nil, false, refusal(tree.CodeInvalid, "request id %s is not a UUID of version 7", id)
	case bytes.Compare(id[:], r.floor[:]) <= 0 || made < now-requestWindow:
		return nil, false, refusal(tree.CodeRequestIDExpired,
			"request id %s is older than the answers that are remembered; whether it was executed is not known", id)
	case made > now+requestFuture:
		return nil, false, refusal(tree.CodeRequestIDInFuture, "request id %s comes from a clock more than 5 minutes ahead", id)
	}
	return nil, false, nil
}

// remember adds an answer and forgets the oldest ids over the bounds.
func (r *requests) remember(a answer, now tree.Time) {
	r.byID.Set(r.mark, a.id, &a)
	r.bytes += len(a.outcome) + answerOverhead
	for {
		oldest, ok := r.byID.Min()
		if !ok || r.byID.Len() <= requestsMax && r.bytes <= requestsBytesMax && timeOf(oldest.Key) >= now-requestWindow {
			return
		}
		r.byID.Delete(r.mark, oldest.Key)
		r.bytes -= len(oldest.Value.outcome) + answerOverhead
		r.floor = oldest.Key
	}
}
