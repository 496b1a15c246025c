package main

import (
	"fmt"
	"time"
)

// bounds are how soon a cluster must be as before. A fault's row has those that
// the product promises something else for; zero is the usual one.
type bounds struct {
	// wrote is the longest time without an acknowledged write, from the fault
	// on, or from its healing where the quorum was lost.
	wrote time.Duration
	// well is how long after the healing all nodes must have caught up.
	well time.Duration
	// p50 and p99 are promised of the time without a write where the fault
	// struck often enough; zero for nothing.
	p50, p99 time.Duration
}

// usual is what is promised of every fault that has no bounds of its own.
var usual = bounds{wrote: 3 * time.Second, well: 5 * time.Second}

// Bounds of several faults.
var (
	// restarted is for nodes that a quorum needs and that all start anew: they
	// wait for each other before one can campaign.
	restarted = bounds{wrote: 5 * time.Second}
	// reopened is for a node whose disk failed: it sees each second whether it
	// takes a write again, reads its log anew, and gets what it missed, which is
	// a hundred megabytes where a client fills the disk.
	reopened = bounds{wrote: 5 * time.Second, well: 10 * time.Second}
	// rebuilt is for a node that lost what it kept and gets all of it from the
	// others.
	rebuilt = bounds{well: time.Minute}
)

// orUsual fills in what a row leaves out.
func (b bounds) orUsual() bounds {
	if b.wrote == 0 {
		b.wrote = usual.wrote
	}
	if b.well == 0 {
		b.well = usual.well
	}
	return b
}

// lateAllowed is how late the driver's own ticks may come at most while a bound
// is measured, a sixth of a short bound; later, the machine had no time for
// the cluster, either.
const lateAllowed = 500 * time.Millisecond

// excusedUpTo is how many times a bound a recovery may take and be put down to
// the machine. A driver that was late for a moment explains no more.
const excusedUpTo = 2

// lateAgainst is how late the driver may be to judge a bound.
func lateAgainst(most time.Duration) time.Duration { return min(lateAllowed, most/6) }

// boundsOf are the bounds of a fault by its name. One that is not in the table
// any more, as in an older campaign, has the usual ones.
func boundsOf(name string) bounds {
	for _, f := range faults() {
		if f.name == name {
			return f.bounds
		}
	}
	return bounds{}
}

// bound compares one measured time with its bound. A breach is a finding, or
// makes the run invalid where the machine was too busy to tell.
func (p *report) bound(b *band, what string, took, most time.Duration, never bool) {
	if took <= most && !never {
		return
	}
	text := fmt.Sprintf("%s (%s): %s %v, %v is promised", b.Fault, b.What, what, seconds(took), most)
	late := b.Late
	if !never && late > lateAgainst(most) && took <= excusedUpTo*most {
		p.Reasons = append(p.Reasons, fmt.Sprintf("%s; but the driver itself was late by %v", text, late.Round(time.Millisecond)))
		return
	}
	p.find("recovery takes too long", text)
}

// boundAll compares all that was measured.
func (p *report) boundAll(of func(fault string) bounds) {
	for _, b := range p.Bands {
		if b.Well == 0 {
			continue // a finding of its own: the cluster does not recover
		}
		most := of(b.Fault)
		if b.Refused {
			most.wrote = 0
		}
		most = most.orUsual()
		p.bound(b, "no write for", b.Gap, most.wrote, b.Wrote == 0)
		p.bound(b, "after the healing, all was well in", b.wellIn(), most.well, false)
	}
}

// end is when the band's last thing happened.
func (b *band) end() int64 { return max(b.Well, b.Healed, b.Wrote) }
