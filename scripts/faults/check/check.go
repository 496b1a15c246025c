package check

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// Rule names a promise.
type Rule string

// The promises that a history can break.
const (
	RuleLost          Rule = "acknowledged change lost"
	RuleTwice         Rule = "change done twice or by nobody"
	RuleStale         Rule = "stale linearizable answer"
	RuleSession       Rule = "session read older than asked for"
	RuleIndex         Rule = "index and revision contradict each other"
	RuleCapacity      Rule = "over capacity"
	RuleHalf          Rule = "half a transaction"
	RuleRefusal       Rule = "unforeseen refusal"
	RuleLinearizable  Rule = "not linearizable"
	findingsOfRuleMax      = 3
)

// Finding is a broken promise.
type Finding struct {
	Rule Rule   `json:"rule"`
	Text string `json:"text"`
}

// Verdict is what the check of one history came to.
type Verdict struct {
	Findings []Finding `json:"findings,omitempty"`
	// Undecided is set where the search for an order ran out of time: the
	// history then is neither good nor bad.
	Undecided bool `json:"undecided,omitempty"`
	// Operations is the number that took part, Unknown of them open for ever.
	Operations int `json:"operations"`
	Unknown    int `json:"unknown"`
	// Earlier is the number of stale and session reads that show a state from
	// before the history, of which nothing is known; they took no part.
	Earlier int           `json:"earlier"`
	Took    time.Duration `json:"took_nanos"`
}

// Good reports whether every promise was kept.
func (v *Verdict) Good() bool { return len(v.Findings) == 0 && !v.Undecided }

// Check looks at every promise. The search for an order takes the timeout at
// most; then the verdict is undecided.
func Check(h *History, timeout time.Duration) Verdict {
	begin := time.Now()
	c := &checking{found: map[Rule]int{}}
	h = c.within(h)
	c.h, c.owners = h, ownersOf(h)
	c.verdict.Operations = len(h.Ops)
	for _, o := range h.Ops {
		if o.Outcome == Unknown {
			c.verdict.Unknown++
		}
	}
	c.revisions()
	c.realTime()
	c.sessions()
	c.indexes()
	c.reads()
	c.refusals()
	switch result, text := linearizable(h, c.owners, timeout); result {
	case porcupine.Ok:
	case porcupine.Illegal:
		c.find(RuleLinearizable, "%s", text)
	case porcupine.Unknown:
		c.verdict.Undecided = true
	}
	c.verdict.Took = time.Since(begin)
	return c.verdict
}

// within leaves out the reads that show a state from before the history. Only
// stale and session reads may.
func (c *checking) within(h *History) *History {
	kept := &History{Initial: h.Initial}
	for _, o := range h.Ops {
		if o.Kind.Reads() && !floating(o) && o.Outcome == OK && o.Revision < h.Initial.Revision {
			c.verdict.Earlier++
			if o.Level == Linearizable {
				c.find(RuleStale, "a linearizable read shows revision %d, and the history began at %d:\n  %s", o.Revision, h.Initial.Revision, o)
			}
			if o.Level == Session && o.Index < o.MinIndex {
				c.find(RuleSession, "index %d was asked for:\n  %s", o.MinIndex, o)
			}
			continue
		}
		kept.Ops = append(kept.Ops, o)
	}
	return kept
}

type checking struct {
	h       *History
	owners  *owners
	found   map[Rule]int
	verdict Verdict
}

// find notes a finding, unless enough of the same rule are noted.
func (c *checking) find(rule Rule, format string, args ...any) {
	c.found[rule]++
	if c.found[rule] <= findingsOfRuleMax {
		c.verdict.Findings = append(c.verdict.Findings, Finding{rule, fmt.Sprintf(format, args...)})
	}
}
