package placement

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"

	"github.com/treenode/treenode/fsm/candidates"
	"github.com/treenode/treenode/fsm/tree"
)

// Limits of an answer.
const (
	candidatesMax      = 1_000_000
	candidateBytesMax  = 256 << 20
	candidatesPerCheck = 256 // candidates between two looks at the clock
)

func listCandidates(c *call) *failure {
	q, f := c.candidateQuery()
	if f != nil {
		return f
	}
	s, f := c.view()
	if f != nil {
		return f
	}
	if f := q.unknownNames(s); f != nil {
		return f
	}
	answer := newCandidateAnswer(s, c.version, q)
	defer answer.free()
	if f := c.search(s, q, answer); f != nil {
		return f
	}
	c.modified(0)
	c.send(http.StatusOK, mediaJSON, answer.finish())
	return nil
}

// search adds all candidates to the answer.
func (c *call) search(s *tree.State, q *candidateQuery, answer *candidateAnswer) *failure {
	o := c.config.Candidates
	if o.Random {
		o.Seed = rand.Uint64() //nolint:gosec // a choice among equals
	}
	r, possible := q.request(c.version >= 29, o)
	if !possible {
		return nil
	}
	search, err := candidates.New(s, r, nil)
	if err != nil {
		var e *candidates.Error
		if errors.As(err, &e) {
			return badRequest("%s", e.Error())
		}
		return fail(http.StatusInternalServerError, "%v", err)
	}
	var found candidates.Candidate
	for search.Into(&found) {
		answer.add(&found)
		switch {
		case answer.count%candidatesPerCheck != 0:
		case c.ctx.Err() != nil:
			return unfinished(c.ctx, answer.count)
		case answer.count >= candidatesMax || len(answer.body) > candidateBytesMax:
			return badRequest("More than %d allocation candidates were found. Ask for fewer with the limit parameter.", answer.count)
		}
	}
	if search.GaveUp() && answer.count == 0 {
		return fail(http.StatusServiceUnavailable, "The search was given up after %d steps, and had found no candidate.", search.Stats().Steps)
	}
	return nil
}

func unfinished(ctx context.Context, count int) *failure {
	return fail(http.StatusServiceUnavailable, "The search did not end in time (%v) and had found %d candidates. Ask for fewer with the limit parameter.", ctx.Err(), count)
}
