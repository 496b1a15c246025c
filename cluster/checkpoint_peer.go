package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// digestHold is how long a question for a digest is held before it is answered
// as pending.
const digestHold = 5 * time.Second

// digestQuestion is the body of VerbDigest.
type digestQuestion struct {
	Server string `json:"server"` // the one that is meant
	Marked uint64 `json:"marked"`
	// Halt, if not empty, has the voters' digests, which agree on nothing: the
	// server is to halt if its own is known and one of them is another.
	Halt map[string]Digest `json:"halt,omitempty"`
}

type digestAnswer struct {
	Pending bool   `json:"pending,omitempty"`
	Digest  Digest `json:"digest,omitzero"`
}

var errNoMark = errors.New("this node has no digest of that index")

// answerDigest answers VerbDigest.
func (n *Node) answerDigest(ctx context.Context, body []byte) ([]byte, error) {
	var q digestQuestion
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, &PeerError{Code: PeerBadRequest, Message: err.Error()}
	}
	if q.Server != n.raftID {
		return nil, &PeerError{Code: PeerRefused, Message: fmt.Sprintf("this is server %s, not %s", n.raftID, q.Server)}
	}
	if len(q.Halt) > 0 {
		return n.haltWith(q)
	}
	ctx, cancel := context.WithTimeout(ctx, digestHold)
	defer cancel()
	digest, err := n.ownDigest(ctx, q.Marked)
	switch {
	case errors.Is(err, errNoMark):
		return nil, &PeerError{Code: PeerRefused, Message: err.Error()}
	case errors.Is(err, errStopped):
		return nil, &PeerError{Code: PeerNotReady, Message: err.Error()}
	case err != nil:
		return json.Marshal(digestAnswer{Pending: true})
	}
	return json.Marshal(digestAnswer{Digest: digest})
}

// haltWith ends this node as one of several that differ without a majority.
func (n *Node) haltWith(q digestQuestion) ([]byte, error) {
	m := n.checkpoints.at(q.Marked)
	own, known := n.checkpoints.digestOf(m)
	if !known {
		return nil, &PeerError{Code: PeerRefused, Message: errNoMark.Error()}
	}
	votes := map[string]Digest{n.raftID: own}
	for server, digest := range q.Halt {
		if server != n.raftID {
			votes[server] = digest
		}
	}
	if !differ(votes) {
		return nil, &PeerError{Code: PeerRefused, Message: "no digest is another than this node's"}
	}
	d := &Divergence{Index: q.Marked, Own: own, Voters: votes}
	halt := n.machine.Stop(d.Index, d)
	go n.leave(halt, d) // which waits for the calls that are being answered, so for this one
	return json.Marshal(digestAnswer{Digest: own})
}

// ownDigest waits until the mark is applied here and its digest known.
func (n *Node) ownDigest(ctx context.Context, marked uint64) (Digest, error) {
	if err := n.progress.wait(ctx, marked, n.stopped); err != nil {
		return Digest{}, err
	}
	m := n.checkpoints.at(marked)
	if m == nil {
		return Digest{}, errNoMark
	}
	select {
	case <-m.done:
	case <-ctx.Done():
		return Digest{}, ctx.Err()
	case <-n.stopped:
		return Digest{}, errStopped
	}
	digest, known := n.checkpoints.digestOf(m)
	if !known {
		return Digest{}, errNoMark
	}
	return digest, nil
}

// digestOf returns a mark's digest if it is known. The mark may be nil.
func (c *checkpoints) digestOf(m *mark) (Digest, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m == nil || m.view != nil || m.skipped {
		return Digest{}, false
	}
	return m.digest, true
}
