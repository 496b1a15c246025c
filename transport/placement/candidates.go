package placement

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/treenode/treenode/fsm/candidates"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/health"
)

// Limits of an answer.
const (
	candidatesMax      = 1_000_000
	candidateBytesMax  = 256 << 20
	candidatesPerCheck = 256 // candidates between two looks at the clock
	searchWaitMax      = 2 * time.Second
	searchRetryAfter   = time.Second
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

// beginSearch waits until a search may run. Searches are what a request can cost
// most: beyond what the processors do at a time they only take each other's time and
// memory, and that of everything else.
func (c *call) beginSearch() *failure {
	select {
	case c.config.searches <- struct{}{}:
		return nil
	default:
	}
	wait := time.NewTimer(searchWaitMax)
	defer wait.Stop()
	select {
	case c.config.searches <- struct{}{}:
		return nil
	case <-c.ctx.Done():
	case <-wait.C:
	}
	f := fail(http.StatusServiceUnavailable, "%d searches for allocation candidates are running already. Try again.", cap(c.config.searches))
	f.retryAfter = searchRetryAfter
	return f
}

// endSearch lets the next search run, though somebody may take long to read the
// answer.
func (c *call) endSearch() { <-c.config.searches }

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
	if f := c.beginSearch(); f != nil {
		return f
	}
	defer c.endSearch()
	began := c.now()
	search, err := candidates.New(s, r, nil)
	if err != nil {
		c.searched(health.SearchRefused, 0, began)
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
			c.searched(health.SearchTime, answer.count, began)
			return unfinished(c.ctx, answer.count)
		case answer.count >= candidatesMax || len(answer.body) > candidateBytesMax:
			c.searched(health.SearchRefused, answer.count, began)
			return badRequest("More than %d allocation candidates were found. Ask for fewer with the limit parameter.", answer.count)
		}
	}
	c.searched(outcomeOf(search, r.Limit, answer.count), answer.count, began)
	if search.GaveUp() && answer.count == 0 {
		return fail(http.StatusServiceUnavailable, "The search was given up after %d steps, and had found no candidate.", search.Stats().Steps)
	}
	return nil
}

func outcomeOf(search *candidates.Search, limit, found int) health.Outcome {
	switch {
	case search.GaveUp():
		return health.SearchSteps
	case limit > 0 && found >= limit:
		return health.SearchLimit
	}
	return health.SearchComplete
}

// searched counts a search.
func (c *call) searched(outcome health.Outcome, found int, began time.Time) {
	if c.config.Metrics != nil {
		c.config.Metrics.Search(outcome, found, c.now().Sub(began))
	}
}

func unfinished(ctx context.Context, count int) *failure {
	return fail(http.StatusServiceUnavailable, "The search did not end in time (%v) and had found %d candidates. Ask for fewer with the limit parameter.", ctx.Err(), count)
}
