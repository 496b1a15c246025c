package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/scripts/faults/check"
	"github.com/treenode/treenode/scripts/faults/load"
	"github.com/treenode/treenode/transport/wire"
)

// Outcomes of a run.
const (
	passed    = "passed"
	failed    = "FAILED"
	invalid   = "invalid"
	undecided = "undecided"
)

// rateLeast is how many operations a second make a run say something.
const rateLeast = 100

// finals reads everything once more from every node, as part of the history:
// what was acknowledged last would be seen by nobody else.
func (r *run) finals(ctx context.Context) error {
	for _, n := range r.members() {
		for _, kind := range []check.Kind{check.ReadProviders, check.ReadConsumers} {
			o := &check.Op{Client: r.clients() + n, Kind: kind, Level: check.Linearizable, Node: r.fleet.Endpoint(n)}
			asking, cancel := context.WithTimeout(client.WithEndpoint(ctx, o.Node), settleTimeout)
			load.Record(asking, r.admin, r.rec, o)
			cancel()
			if o.Outcome != check.OK {
				return fmt.Errorf("%s does not answer a last read", r.fleet.Name(n))
			}
		}
	}
	return nil
}

// digests compares what all members have at one index.
func (r *run) digests(ctx context.Context) error {
	return until(ctx, settleTimeout, func() error {
		var first wire.Digest
		for i, n := range r.members() {
			asking, cancel := context.WithTimeout(ctx, askTimeout)
			d, err := r.admin.Digest(client.WithConsistency(client.WithEndpoint(asking, r.fleet.Endpoint(n)), wire.Stale))
			cancel()
			switch {
			case err != nil:
				return fmt.Errorf("%s: %w", r.fleet.Name(n), err)
			case i == 0:
				first = d
			case d.Index != first.Index:
				return fmt.Errorf("%s is at index %d, another node at %d", r.fleet.Name(n), d.Index, first.Index)
			case d.Digest != first.Digest:
				return &diverged{fmt.Sprintf("at index %d %s has the digest %s, another node %s", d.Index, r.fleet.Name(n), d.Digest, first.Digest)}
			}
		}
		r.shown = first
		return nil
	})
}

// diverged is two nodes with different states at one index.
type diverged struct{ what string }

func (e *diverged) Error() string { return e.what }

// judge checks what was recorded and writes the report.
func (r *run) judge(ctx context.Context) (*report, error) {
	p := &report{Plan: r.plan, Bands: r.bands, Findings: r.broken, Warm: r.warm, Healed: r.healed, Done: r.done}
	if r.unwell != nil {
		p.find("cluster does not recover", r.unwell.Error())
	} else {
		for _, c := range []struct {
			rule string
			look func(context.Context) error
		}{
			{"cluster does not settle", func(ctx context.Context) error { return r.well(ctx, settleTimeout) }},
			{"node does not answer", r.finals},
			{"nodes differ", r.digests},
			{"directory can't be read", func(ctx context.Context) error { return r.directories(ctx, p) }},
		} {
			if err := c.look(ctx); err != nil {
				p.find(c.rule, err.Error())
			}
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	h := &check.History{Initial: r.initial, Ops: r.rec.Ops()}
	p.History = check.Check(h, r.checkTimeout)
	for _, s := range r.rec.Strange() {
		p.find("strange answer", s)
	}
	p.Internal = r.rec.Internal()
	p.NotApplied = r.rec.NotApplied()
	p.looks = r.watch.all()
	p.ops = h.Ops
	p.late = r.late
	p.measure()
	countDeposed(p.Bands, p.looks, p.ops, r.endpoints())
	p.boundAll(boundsOf)
	p.decide()
	return p, errors.Join(r.save("history.json", h), p.write())
}
