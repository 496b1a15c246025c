package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/local"
	"github.com/treenode/treenode/transport/wire"
)

const (
	// patience bounds every wait for the cluster.
	patience = time.Minute
	// look is the pause between two looks at a condition.
	look = 20 * time.Millisecond
)

// round brings every node to a program.
type round struct {
	name, program string
	env           []string
}

// run is a cluster and what works on it.
type run struct {
	options
	nodes   *local.Cluster
	admin   *client.Client
	writers []*writer
	pulse   *pulse
}

// newRun lays out a cluster of a program and starts nothing.
func newRun(o options, program string) (*run, error) {
	nodes, err := local.New(local.Options{Binary: program, Dir: o.dir, Nodes: 3, Args: []string{"--checkpoint-interval", "1s"}})
	if err != nil {
		return nil, err
	}
	admin, err := client.New(nodes.Endpoints())
	if err != nil {
		return nil, err
	}
	r := &run{options: o, nodes: nodes, admin: admin, pulse: newPulse()}
	for i := range o.writers {
		w, err := newWriter(i, nodes.Endpoints(), r.pulse)
		if err != nil {
			return nil, err
		}
		r.writers = append(r.writers, w)
	}
	return r, nil
}

func (r *run) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return r.nodes.Stop(ctx)
}

func (r *run) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := errors.Join(r.nodes.Start(), r.nodes.WaitReady(ctx)); err != nil {
		return err
	}
	for _, w := range r.writers {
		if err := w.prepare(ctx); err != nil {
			return err
		}
	}
	return nil
}

// roll gives the nodes a program, one after the other, while the writers work, and
// then checks everything.
func (r *run) roll(ctx context.Context, to round) error {
	began, before := time.Now(), r.pulse.begin(to.name)
	working, end := context.WithCancel(ctx)
	defer end()
	done := make(chan error, len(r.writers))
	for _, w := range r.writers {
		go func() { done <- w.work(ctx, working.Done()) }()
	}
	err := r.each(ctx, to)
	end()
	for range r.writers {
		err = errors.Join(err, <-done)
	}
	if err != nil {
		return err
	}
	total, longest, where := r.pulse.end()
	fmt.Printf("%s: %d writes, longest gap %v (%s), %.1f s\n", to.name, total-before, longest.Round(time.Millisecond), where, time.Since(began).Seconds())
	if longest > r.gap {
		return fmt.Errorf("%v without an acknowledged write (%s), more than %v", longest, where, r.gap)
	}
	return errors.Join(r.verify(ctx), r.digests(ctx))
}

// each is what docs/operations.md tells people to do.
func (r *run) each(ctx context.Context, to round) error {
	for _, n := range r.nodes.Nodes {
		r.pulse.step(n.ID + " gives leadership away")
		if err := r.handOver(ctx, n.ID, false); err != nil {
			return err
		}
		r.pulse.step(n.ID + " is away")
		bounded, cancel := context.WithTimeout(ctx, patience)
		code, err := n.Terminate(bounded)
		if err == nil && code != 0 {
			err = fmt.Errorf("node %s ends with exit code %d; see %s", n.ID, code, n.LogPath())
		}
		if err == nil {
			n.Use(to.program, to.env...)
			err = n.Start()
		}
		if err == nil {
			err = n.WaitReady(bounded)
		}
		cancel()
		if err != nil {
			return err
		}
		if err := r.healthy(ctx); err != nil {
			return err
		}
		// Now one of this version leads the others.
		r.pulse.step(n.ID + " takes leadership")
		if err := r.handOver(ctx, n.ID, true); err != nil {
			return err
		}
		r.pulse.step(n.ID + " leads")
		if err := r.pulse.await(ctx, r.acks); err != nil {
			return err
		}
	}
	return r.healthy(ctx)
}

// handOver makes a node lead, or not lead.
func (r *run) handOver(ctx context.Context, id string, lead bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	to := ""
	if lead {
		to = id
	}
	return until(ctx, "leadership moves", func(ctx context.Context) error {
		s, err := r.admin.Cluster(ctx)
		if err != nil {
			return err
		}
		if s.LeaderID != "" && (s.LeaderID == id) == lead {
			return nil
		}
		if err := r.admin.TransferLeadership(ctx, to); err != nil {
			return err
		}
		return fmt.Errorf("%q leads", s.LeaderID)
	})
}

// healthy waits until every member answers, and no node has ended.
func (r *run) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return until(ctx, "all members are healthy", func(ctx context.Context) error {
		s, err := r.admin.Members(ctx)
		if err != nil {
			return err
		}
		for _, m := range s.Members {
			if !m.Healthy || m.Role != "voter" {
				return fmt.Errorf("%s (%s): %s", m.ID, m.Role, m.Error)
			}
		}
		for _, n := range r.nodes.Nodes {
			if !n.Running() {
				return fmt.Errorf("node %s has ended: %s; see %s", n.ID, n.Exit(), n.LogPath())
			}
		}
		return nil
	})
}

// digests waits until all nodes have the same index, and compares their states.
func (r *run) digests(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var all []wire.Digest
	if err := until(ctx, "all nodes have the same index", func(ctx context.Context) error {
		all = all[:0]
		for _, n := range r.nodes.Nodes {
			d, err := r.admin.Digest(client.WithEndpoint(ctx, n.API))
			if err != nil {
				return err
			}
			if all = append(all, d); d.Index != all[0].Index {
				return fmt.Errorf("%s is at %d, %s at %d", n.ID, d.Index, r.nodes.Nodes[0].ID, all[0].Index)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for i, d := range all {
		if d.Digest != all[0].Digest {
			return fmt.Errorf("the states differ at index %d: %s has %s, %s has %s",
				d.Index, r.nodes.Nodes[i].ID, d.Digest, r.nodes.Nodes[0].ID, all[0].Digest)
		}
	}
	fmt.Printf("  all nodes have digest %.12s at index %d, %d consumers\n", all[0].Digest, all[0].Index, all[0].Consumers)
	return nil
}

// directories reads what the nodes left on disk.
func (r *run) directories(ctx context.Context, program string) error {
	first := ""
	for _, n := range r.nodes.Nodes {
		cmd := exec.CommandContext(ctx, program, "inspect", n.Dir, "-o", "json") //nolint:gosec // our own binary
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		var found struct {
			State *struct {
				Digest, Violation string
			} `json:"state"`
			Contradictions, Damage []string
		}
		if told := json.Unmarshal(out.Bytes(), &found); err != nil || told != nil {
			return fmt.Errorf("treenode inspect %s: %w\n%s", n.Dir, errors.Join(err, told), errs.Bytes())
		}
		switch s := found.State; {
		case s == nil || s.Violation != "" || len(found.Contradictions)+len(found.Damage) > 0:
			return fmt.Errorf("the directory of %s is not whole: %s", n.ID, out.Bytes())
		case first == "":
			first = s.Digest
		case s.Digest != first:
			return fmt.Errorf("the directory of %s leads to digest %s, that of %s to %s", n.ID, s.Digest, r.nodes.Nodes[0].ID, first)
		}
	}
	return nil
}

// until asks again until there is no error, or the context ends.
func until(ctx context.Context, what string, met func(context.Context) error) error {
	for {
		err := met(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, err)
		case <-time.After(look):
		}
	}
}
