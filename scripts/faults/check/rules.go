package check

import (
	"cmp"
	"slices"
)

// revisions: every acknowledged change has a revision of its own, and every
// revision is some operation's.
func (c *checking) revisions() {
	for _, pair := range c.owners.twice {
		c.find(RuleLost, "two acknowledged changes have one revision:\n  %s\n  %s", pair[0], pair[1])
	}
	unknown := 0
	for _, o := range c.h.Ops {
		switch {
		case o.Kind.Reads():
		case o.Outcome == Unknown:
			unknown++
		case o.Outcome == OK && o.Revision < c.owners.first:
			c.find(RuleLost, "an acknowledged change has a revision from before the history:\n  %s", o)
		}
	}
	if gaps := c.owners.gaps(); gaps > unknown {
		c.find(RuleTwice, "%d revisions were made by no acknowledged change, and only %d outcomes are unknown", gaps, unknown)
	}
}

// realTime: what returned before a call is part of what the call's answer
// shows.
func (c *checking) realTime() {
	var calls, returns []*Op
	for _, o := range c.h.Ops {
		if o.Outcome != OK || o.Revision == 0 {
			continue
		}
		returns = append(returns, o)
		if o.Level == "" || o.Level == Linearizable {
			calls = append(calls, o)
		}
	}
	slices.SortFunc(calls, func(a, b *Op) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortFunc(returns, func(a, b *Op) int { return cmp.Compare(a.Return, b.Return) })
	var newest *Op
	for _, o := range calls {
		for len(returns) > 0 && returns[0].Return < o.Call {
			if newest == nil || returns[0].Revision > newest.Revision {
				newest = returns[0]
			}
			returns = returns[1:]
		}
		switch {
		case newest == nil:
		case o.Kind.Reads() && o.Revision < newest.Revision:
			c.find(RuleStale, "a linearizable read shows less than was known before it was called:\n  known %s\n  read  %s", newest, o)
		case !o.Kind.Reads() && o.Revision <= newest.Revision && newest != o:
			c.find(RuleLost, "a change has a revision that was known before it was called:\n  known  %s\n  change %s", newest, o)
		}
	}
}

// sessions: a session read shows at least the index it asked for.
func (c *checking) sessions() {
	for _, o := range c.h.Ops {
		if o.Level == Session && o.Outcome == OK && o.Index < o.MinIndex {
			c.find(RuleSession, "index %d was asked for:\n  %s", o.MinIndex, o)
		}
	}
}

// indexes: a greater index never shows an older revision, and all reads at one
// index show one.
func (c *checking) indexes() {
	var all []*Op
	for _, o := range c.h.Ops {
		if o.Outcome == OK && o.Index != 0 && o.Revision != 0 {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *Op) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Revision, b.Revision))
	})
	var newest *Op
	for i, o := range all {
		switch {
		case newest != nil && o.Index > newest.Index && o.Revision < newest.Revision:
			c.find(RuleIndex, "a greater index shows an older revision:\n  %s\n  %s", newest, o)
		case i > 0 && all[i-1].Index == o.Index && all[i-1].Kind.Reads() && all[i-1].Revision != o.Revision:
			// A write's answer may be from the middle of its log entry; a
			// read sees whole ones.
			c.find(RuleIndex, "one index shows two revisions:\n  %s\n  %s", all[i-1], o)
		}
		if newest == nil || o.Revision > newest.Revision {
			newest = o
		}
	}
}

// reads: at whatever level, nothing is over capacity and no transaction shows
// one half.
func (c *checking) reads() {
	for _, o := range c.h.Ops {
		if o.Providers == nil {
			continue
		}
		for p, at := range o.Providers {
			if IsFixed(p) && at.Exists && at.Used > FixedTotal {
				c.find(RuleCapacity, "%s has %d, and %d are in use:\n  %s", ProviderName(p), at.Total, at.Used, o)
			}
		}
		if left, right := o.Providers[PairLeft], o.Providers[PairRight]; left.Total != right.Total || left.Exists != right.Exists {
			c.find(RuleHalf, "the halves of the pair are %d and %d:\n  %s", left.Total, right.Total, o)
		}
	}
}

// refusals: the model knows every code that clients are to see.
func (c *checking) refusals() {
	for _, o := range c.h.Ops {
		if o.Outcome == Rejected && !foreseen[o.Code] {
			c.find(RuleRefusal, "%s", o)
		}
	}
}
