package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/archive"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

const (
	before, after = "before", "after" // the two clusters

	writesBefore = 200 // acknowledged when the archive is taken
	writesAfter  = 100 // and more, which are lost

	exitUsage, exitDamaged = 2, 3
)

// past is what is known of the first cluster when it is gone.
type past struct {
	archive    archive.Content
	view       *fsm.View
	path       string
	writes     []acknowledged
	requestID  string // of a change that the archive has
	generation uint64 // of the provider watched, as a client knew it at the end
}

// watched is the provider that a client keeps in mind.
const watched = "watched"

func (d *drill) play(ctx context.Context) error {
	if err := d.takePorts(); err != nil {
		return err
	}
	c, err := client.New(d.api[:])
	if err != nil {
		return err
	}
	defer c.Close()
	p, err := d.lose(ctx, c)
	if err != nil {
		return err
	}
	if err := d.refusals(ctx, p); err != nil {
		return err
	}
	founded, err := d.restore(ctx, c, p)
	if err != nil {
		return err
	}
	return d.check(ctx, c, p, founded)
}

// lose runs the first cluster to its end.
func (d *drill) lose(ctx context.Context, c *client.Client) (p past, err error) {
	for i := range size {
		if err := d.start(before, i); err != nil {
			return p, err
		}
	}
	if err := d.awaitVoters(ctx, c); err != nil {
		return p, err
	}
	if p.requestID, err = client.NewRequestID(); err != nil {
		return p, err
	}
	if _, err := c.CreateProvider(client.WithRequestID(ctx, p.requestID), wire.CreateProvider{Name: watched}); err != nil {
		return p, err
	}
	d.say("three nodes take writes")
	l := startLoad(c)
	stopped := false
	defer func() {
		if !stopped {
			l.stop()
		}
	}()
	newest, err := l.until(ctx, writesBefore)
	if err != nil {
		return p, err
	}
	p.path = filepath.Join(d.dir, "state.archive")
	if err := d.commandJSON(ctx, &p.archive, "backup", p.path); err != nil {
		return p, err
	}
	if p.archive.Index < newest {
		return p, fmt.Errorf("the archive is of index %d, but index %d was acknowledged before it was asked for", p.archive.Index, newest)
	}
	d.say("an archive of index %d, %d providers, %d consumers, %d bytes, taken while writes go on",
		p.archive.Index, p.archive.Providers, p.archive.Consumers, p.archive.Bytes)
	if newest, err = l.until(ctx, l.writes.Load()+writesAfter); err != nil {
		return p, err
	}
	if newest <= p.archive.Index {
		return p, fmt.Errorf("nothing was written after the archive of index %d", p.archive.Index)
	}
	if _, err := c.SetTraits(ctx, watched, []string{"HW_CPU_X86_AVX"}); err != nil {
		return p, err
	}
	known, err := c.Provider(ctx, watched)
	if err != nil {
		return p, err
	}
	p.generation = known.Generation
	stopped = true
	p.writes = l.stop()
	d.killAll()
	d.say("all three are killed, %d writes were acknowledged", len(p.writes))
	p.archive, p.view, err = readArchive(p.path)
	return p, err
}

func readArchive(path string) (archive.Content, *fsm.View, error) {
	f, err := os.Open(path)
	if err != nil {
		return archive.Content{}, nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	return archive.Read(f)
}

// refusals are what a restore does not take.
func (d *drill) refusals(ctx context.Context, p past) error {
	b, err := os.ReadFile(p.path)
	if err != nil {
		return err
	}
	b[len(b)/2] ^= 1
	harmed := filepath.Join(d.dir, "harmed.archive")
	if err := os.WriteFile(harmed, b, 0o600); err != nil { //nolint:gosec // in a directory of our own
		return err
	}
	to := d.data(after, 0)
	if _, errs, code := d.command(ctx, "restore", harmed, "--node-id", nodeID(0), "--data-dir", to); code != exitDamaged || !strings.Contains(errs, "damaged") {
		return fmt.Errorf("an archive with one bit changed: exit code %d, %s", code, errs)
	}
	if _, _, code := d.command(ctx, "inspect", harmed); code != exitDamaged {
		return fmt.Errorf("inspect of an archive with one bit changed: exit code %d", code)
	}
	if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("what was refused left %s", to)
	}
	if _, errs, code := d.command(ctx, "restore", p.path, "--node-id", nodeID(0), "--data-dir", d.data(before, 0)); code != exitUsage || !strings.Contains(errs, "not empty") {
		return fmt.Errorf("a directory that is not empty: exit code %d, %s", code, errs)
	}
	d.say("an archive with one bit changed and a directory that is not empty are refused")
	return nil
}

// restore makes the second cluster: one node, and two that join it.
func (d *drill) restore(ctx context.Context, c *client.Client, p past) (cluster.Founded, error) {
	var made struct {
		Cluster cluster.Founded `json:"cluster"`
	}
	if err := d.commandJSON(ctx, &made, "restore", p.path, "--node-id", nodeID(0), "--data-dir", d.data(after, 0)); err != nil {
		return made.Cluster, err
	}
	for i := range size {
		if err := d.start(after, i); err != nil {
			return made.Cluster, err
		}
	}
	if err := d.awaitVoters(ctx, c); err != nil {
		return made.Cluster, err
	}
	d.say("a new cluster of three has begun with it, generations raised by %d", made.Cluster.RaisedBy.Generations)
	return made.Cluster, nil
}

// check compares the second cluster with what was archived of the first.
func (d *drill) check(ctx context.Context, c *client.Client, p past, founded cluster.Founded) error {
	var digests struct {
		Equal   bool `json:"equal"`
		Members []struct {
			Digest string `json:"digest"`
		} `json:"members"`
	}
	if err := d.commandJSON(ctx, &digests, "cluster", "digest"); err != nil {
		return err
	}
	for _, m := range digests.Members {
		if !digests.Equal || len(digests.Members) != size || m.Digest != founded.Digest.String() {
			return fmt.Errorf("the nodes have %+v, and %v was restored", digests, founded.Digest)
		}
	}
	path := filepath.Join(d.dir, "restored.archive")
	if err := d.commandJSON(ctx, &struct{}{}, "backup", path); err != nil {
		return err
	}
	now, view, err := readArchive(path)
	if err != nil {
		return err
	}
	digest, err := lowered(view, founded.RaisedBy)
	switch {
	case err != nil:
		return err
	case now.ClusterID == p.archive.ClusterID:
		return errors.New("the new cluster has the id of the old one")
	case now.Providers != p.archive.Providers || now.Consumers != p.archive.Consumers:
		return fmt.Errorf("%d providers and %d consumers were restored of %d and %d", now.Providers, now.Consumers, p.archive.Providers, p.archive.Consumers)
	case digest.String() != p.archive.Digest:
		return fmt.Errorf("with the numbers lowered again the digest is %v, the archive's is %s", digest, p.archive.Digest)
	}
	d.say("all three have the archive's state, but for the numbers raised")
	if err := d.checkWrites(view, p); err != nil {
		return err
	}
	return d.checkClients(ctx, c, p)
}

// checkWrites looks for every write that was acknowledged before the archive was
// taken.
func (d *drill) checkWrites(view *fsm.View, p past) error {
	there := 0
	for _, w := range p.writes {
		if w.index > p.archive.Index {
			continue
		}
		there++
		if err := find(view, w); err != nil {
			return err
		}
	}
	if there < writesBefore {
		return fmt.Errorf("only %d writes were acknowledged before the archive", there)
	}
	d.say("each of the %d writes acknowledged up to index %d is there, %d that came later are lost", there, p.archive.Index, len(p.writes)-there)
	return nil
}

// checkClients does what clients of the first cluster do that know of nothing.
func (d *drill) checkClients(ctx context.Context, c *client.Client, p past) error {
	switch _, err := c.SetTraits(ctx, watched, []string{"HW_CPU_X86_AVX2"}, client.IfGeneration(p.generation)); {
	case err == nil:
		return fmt.Errorf("a write by generation %d, from before, was done", p.generation)
	case !isConflict(err):
		return fmt.Errorf("a write by generation %d, from before, is no conflict: %w", p.generation, err)
	}
	known, err := c.Provider(ctx, watched)
	if err != nil {
		return err
	}
	if _, err := c.SetTraits(ctx, watched, []string{"HW_CPU_X86_AVX2"}, client.IfGeneration(known.Generation)); err != nil {
		return err
	}
	again, err := c.CreateProvider(client.WithRequestID(ctx, p.requestID), wire.CreateProvider{Name: watched})
	switch {
	case err != nil:
		return fmt.Errorf("a request that the archive knows: %w", err)
	case !again.Replayed:
		return fmt.Errorf("a request that the archive knows was executed again: %+v", again)
	}
	d.say("generation %d from before gives a conflict, a request from before its first answer", p.generation)
	return nil
}

// find looks for what a write made.
func find(v *fsm.View, w acknowledged) error {
	if w.provider != "" {
		if _, ok := v.Tree.Find(tree.ByName(w.provider)); !ok {
			return fmt.Errorf("provider %s, acknowledged at index %d, is lost", w.provider, w.index)
		}
		return nil
	}
	id, ok := tree.ParseUUID(w.consumer)
	if ok {
		_, ok = v.Tree.FindConsumer(id)
	}
	if !ok {
		return fmt.Errorf("consumer %s, acknowledged at index %d, is lost", w.consumer, w.index)
	}
	return nil
}

// lowered is the digest of a state with the numbers that it had before they were raised.
func lowered(v *fsm.View, by cluster.Raised) (cluster.Digest, error) {
	meta := v.Tree.Meta()
	meta.Revision -= by.Revision
	b := tree.NewBuilder(meta)
	for r := range v.Tree.ClassRecords() {
		b.AddClass(r)
	}
	for r := range v.Tree.TraitRecords() {
		b.AddTrait(r)
	}
	for r := range v.Tree.ProviderRecords() {
		r.Generation -= by.Generations
		b.AddProvider(r)
	}
	for r := range v.Tree.ConsumerRecords() {
		r.Generation -= by.Generations
		b.AddConsumer(r)
	}
	s, err := b.Build()
	if err != nil {
		return cluster.Digest{}, err
	}
	return (&fsm.View{Tree: s}).Digest(), nil
}
