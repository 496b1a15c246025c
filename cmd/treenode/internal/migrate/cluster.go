package migrate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

const (
	// readsMax is how often a cluster is read again because it changed.
	readsMax  = 10
	readPause = 50 * time.Millisecond
)

// At names the state of a cluster that was read.
type At struct {
	Index    uint64 `json:"index"`
	Revision uint64 `json:"revision"`
	// Digest is that of the cluster's state (GET /v1/digest).
	Digest string `json:"digest"`
}

// Known are the names that a service knows, standard ones included.
type Known struct{ ResourceClasses, Traits []string }

// MovedError says that a cluster changed each time while it was read.
type MovedError struct{ From, To uint64 }

// Error implements error.
func (e *MovedError) Error() string {
	return fmt.Sprintf("the cluster changes while it is read (revision %d became %d, %d times in a row): try again when less is written",
		e.From, e.To, readsMax)
}

// ReadCluster reads everything of a cluster as it is at one revision. A list
// comes in pages, each a read of its own; if the revision moved between two of
// them, all is read again, and a *MovedError returned if that does not help.
// Other errors are the client's.
func ReadCluster(ctx context.Context, c *client.Client, progress func(string)) (*Contents, Known, At, error) {
	for try := 1; ; try++ {
		r := &clusterReader{c: c, progress: progress}
		err := r.read(ctx)
		switch {
		case err != nil:
			return nil, Known{}, At{}, err
		case r.moved == nil:
			return r.contents, r.known, r.at, r.contents.arrange()
		case try == readsMax:
			return nil, Known{}, At{}, r.moved
		}
		progress("the cluster changed meanwhile: reading it again")
		select {
		case <-ctx.Done():
			return nil, Known{}, At{}, ctx.Err()
		case <-time.After(readPause):
		}
	}
}

// clusterReader is one attempt.
type clusterReader struct {
	c        *client.Client
	progress func(string)
	contents *Contents
	known    Known
	began    bool
	at       At
	moved    *MovedError
}

// sees takes the state that an answer shows, and reports whether it is the one
// that the answers before showed.
func (r *clusterReader) sees(s wire.State) bool {
	if !r.began {
		r.began, r.at.Revision = true, s.Revision
	}
	r.at.Index = max(r.at.Index, s.Index)
	if s.Revision != r.at.Revision {
		r.moved = &MovedError{r.at.Revision, s.Revision}
	}
	return r.moved == nil
}

func (r *clusterReader) read(ctx context.Context) error {
	r.contents = &Contents{}
	// The digest covers the whole state, so reading begins and ends with it:
	// names have no state of their own.
	before, err := r.c.Digest(ctx)
	if err != nil || !r.sees(before.State) {
		return err
	}
	r.at.Digest = before.Digest
	if r.known.ResourceClasses, err = r.c.ResourceClasses(ctx); err != nil {
		return err
	}
	if r.known.Traits, err = r.c.Traits(ctx); err != nil {
		return err
	}
	r.contents.ResourceClasses, r.contents.Traits = customOnly(r.known.ResourceClasses), customOnly(r.known.Traits)
	if err := r.providers(ctx); err != nil || r.moved != nil {
		return err
	}
	if err := r.consumers(ctx); err != nil || r.moved != nil {
		return err
	}
	after, err := r.c.Digest(ctx)
	if err == nil {
		r.sees(after.State)
	}
	return err
}

func (r *clusterReader) providers(ctx context.Context) error {
	for after := ""; ; {
		page, err := r.c.ProvidersPage(ctx, client.ProviderFilter{}, 0, after)
		if err != nil || !r.sees(page.State) {
			return err
		}
		for _, p := range page.Providers {
			r.contents.Providers = append(r.contents.Providers, providerOf(p))
		}
		r.progress(fmt.Sprintf("reading the cluster: %s", plural(len(r.contents.Providers), "provider")))
		if after = page.Next; after == "" {
			return nil
		}
	}
}

func (r *clusterReader) consumers(ctx context.Context) error {
	for after := ""; ; {
		page, err := r.c.ConsumersPage(ctx, 0, after)
		if err != nil || !r.sees(page.State) {
			return err
		}
		for _, c := range page.Consumers {
			r.contents.Consumers = append(r.contents.Consumers, consumerOf(c))
		}
		r.progress(fmt.Sprintf("reading the cluster: %s", plural(len(r.contents.Consumers), "consumer")))
		if after = page.Next; after == "" {
			return nil
		}
	}
}

func providerOf(p wire.Provider) Provider {
	made := Provider{
		UUID: p.UUID, Name: p.Name, Parent: p.Parent, Generation: p.Generation, Inventories: map[string]Inventory{},
		Traits: p.Traits, Aggregates: p.Aggregates, Resources: p.Resources, Used: map[string]int64{},
	}
	for class, i := range p.Inventories {
		made.Inventories[class] = Inventory{i.Total, i.Reserved, i.MinUnit, i.MaxUnit, i.StepSize, i.AllocationRatio}
		if i.Used != 0 {
			made.Used[class] = i.Used
		}
	}
	return made
}

// consumerOf tells what was given from what is shown in its place.
func consumerOf(c wire.Consumer) Consumer {
	made := Consumer{
		UUID: c.UUID, Project: c.Project, User: c.User, Type: c.Type, Generation: c.Generation, Allocations: c.Allocations,
	}
	for _, part := range []struct {
		name  string
		value *string
	}{{wire.UnsetProject, &made.Project}, {wire.UnsetUser, &made.User}, {wire.UnsetType, &made.Type}} {
		if slices.Contains(c.Unset, part.name) {
			*part.value = ""
		}
	}
	return made
}
