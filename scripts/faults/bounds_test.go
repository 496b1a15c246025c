package main

import (
	"testing"
	"time"
)

// banded is a run of one fault that took so long to write and to be well again.
func banded(wrote, well time.Duration, ticks ...late) *report {
	b := &band{Fault: "any", What: "n1", Begin: 10e9, Struck: 10e9, Healed: 12e9, Wrote: 10e9 + wrote.Nanoseconds(), Gap: wrote}
	b.Well = b.Healed + well.Nanoseconds()
	b.Late = (&lateness{ticks: ticks}).within(b.Begin, b.end())
	return &report{RateBefore: 300, RateDuring: 300, RateAfter: 300, Bands: []*band{b}}
}

func TestBounds(t *testing.T) {
	const ms = time.Millisecond
	during := late{At: 11e9, By: 600 * ms}
	for _, c := range []struct {
		name string
		p    *report
		of   bounds
		want string
	}{
		{"as usual", banded(3000*ms, 5000*ms), bounds{}, passed},
		{"late write", banded(3001*ms, 100*ms), bounds{}, failed},
		{"late to be well", banded(100*ms, 5001*ms), bounds{}, failed},
		{"own bounds, wider", banded(4900*ms, 59_000*ms), bounds{wrote: 5 * time.Second, well: time.Minute}, passed},
		{"own bound, narrower", banded(301*ms, 100*ms), bounds{wrote: 300 * ms}, failed},
		{"the machine was busy", banded(3500*ms, 100*ms, during), bounds{}, invalid},
		{"busy, but well in time", banded(3000*ms, 5000*ms, during), bounds{}, passed},
		{"busy at another time", banded(3500*ms, 100*ms, late{At: 9e9, By: 600 * ms}), bounds{}, failed},
		{"busy, as machines are", banded(3500*ms, 100*ms, late{At: 11e9, By: 500 * ms}), bounds{}, failed},
		{"that busy explains no such recovery", banded(6001*ms, 100*ms, during), bounds{}, failed},
		{"a short bound is disturbed by less", banded(350*ms, 100*ms, late{At: 11e9, By: 60 * ms}), bounds{wrote: 300 * ms}, invalid},
	} {
		c.p.boundAll(func(string) bounds { return c.of })
		if c.p.decide(); c.p.Outcome != c.want {
			t.Errorf("%s: %s, want %s: %v %v", c.name, c.p.Outcome, c.want, c.p.Findings, c.p.Reasons)
		}
	}
	p := banded(900*ms, 100*ms)
	p.Bands[0].Refused = true
	p.boundAll(func(string) bounds { return bounds{wrote: 300 * ms} })
	if p.decide(); p.Outcome != passed {
		t.Errorf("a refused transfer, which is no planned one: %s", p.Outcome)
	}
	p = banded(100*ms, 100*ms, during)
	p.Bands[0].Wrote = 0
	p.boundAll(func(string) bounds { return bounds{} })
	if p.decide(); p.Outcome != failed {
		t.Errorf("without any write: %s", p.Outcome)
	}
}

// A tick counts where the time it came too late by touches the fault.
func TestLatenessWithin(t *testing.T) {
	l := &lateness{ticks: []late{{At: 10e9, By: 2 * time.Second}, {At: 20e9, By: time.Second}}}
	for _, c := range []struct {
		begin, end int64
		want       time.Duration
	}{{0, 7e9, 0}, {0, 8e9, 2 * time.Second}, {9e9, 9.5e9, 2 * time.Second}, {10e9, 30e9, 2 * time.Second}, {11e9, 30e9, time.Second}, {21e9, 30e9, 0}} {
		if got := l.within(c.begin, c.end); got != c.want {
			t.Errorf("%d to %d: %v, want %v", c.begin, c.end, got, c.want)
		}
	}
}
