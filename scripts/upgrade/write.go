package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

const (
	class = "VCPU"
	// callTimeout bounds one call; its request id is then sent again.
	callTimeout = 3 * time.Second
	// claimsKept is how many claims a writer holds before it releases some.
	claimsKept = 40
)

// writer is a client with providers of its own, that knows what they have to be.
type writer struct {
	client    *client.Client
	endpoints []string
	pulse     *pulse

	host, counter, child string // provider names
	parents              [2]string

	counted    int64  // total of the counter's inventory
	generation uint64 // of the counter
	under      int    // which parent the child has
	claims     map[string]claimed
	order      []string // of the claims, oldest first
	again      func(context.Context) (wire.Result, error)
	reads      int
}

// claimed is a claim that was acknowledged.
type claimed struct {
	amount     int64
	generation uint64
}

func newWriter(i int, endpoints []string, p *pulse) (*writer, error) {
	// Each prefers another node.
	own := append(append([]string{}, endpoints[i%len(endpoints):]...), endpoints[:i%len(endpoints)]...)
	c, err := client.New(own, client.WithAttemptTimeout(callTimeout))
	name := func(what string) string { return fmt.Sprintf("upgrade-%d-%s", i, what) }
	return &writer{
		client: c, endpoints: endpoints, pulse: p, host: name("host"), counter: name("counter"), child: name("child"),
		parents: [2]string{name("left"), name("right")}, claims: map[string]claimed{},
	}, err
}

// prepare makes the writer's providers.
func (w *writer) prepare(ctx context.Context) error {
	for _, p := range []wire.CreateProvider{
		{Name: w.host},
		{Name: w.counter},
		{Name: w.parents[0]},
		{Name: w.parents[1]},
		{Name: w.child, Parent: w.parents[0]},
	} {
		if _, err := w.client.CreateProvider(ctx, p); err != nil {
			return err
		}
	}
	_, err := w.client.SetInventories(ctx, w.host, map[string]wire.Inventory{class: {Total: 1_000_000}})
	if err != nil {
		return err
	}
	return w.count(ctx)
}

// work writes and reads until the end, and finishes what it has begun.
func (w *writer) work(ctx context.Context, end <-chan struct{}) error {
	steps := []func(context.Context) error{w.claim, w.count, w.move, w.read, w.claim, w.count, w.repeat, w.read, w.release}
	for i := 0; ; i++ {
		select {
		case <-end:
			return nil
		default:
		}
		if err := steps[i%len(steps)](ctx); err != nil {
			return err
		}
	}
}

// acknowledged sends a write under one request id until it is acknowledged. Any
// refusal is an error: nobody else touches what is written.
func (w *writer) acknowledged(ctx context.Context, write func(context.Context) (wire.Result, error)) (wire.Result, error) {
	id, err := client.NewRequestID()
	if err != nil {
		return wire.Result{}, err
	}
	named := func(ctx context.Context) (wire.Result, error) {
		ctx, cancel := context.WithTimeout(client.WithRequestID(ctx, id), callTimeout)
		defer cancel()
		return write(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		result, err := named(ctx)
		if err == nil {
			w.pulse.beat()
			w.again = named
			return result, nil
		}
		if ctx.Err() != nil || !client.IsUnknown(err) && !client.IsNotApplied(err) {
			return wire.Result{}, fmt.Errorf("write %s: %w", id, err)
		}
	}
}

func (w *writer) claim(ctx context.Context) error {
	consumer, amount := uuid.NewString(), 1+rand.Int64N(3) //nolint:gosec // any will do
	result, err := w.acknowledged(ctx, func(ctx context.Context) (wire.Result, error) {
		return w.client.Claim(ctx, wire.ConsumerClaim{UUID: consumer, Project: "upgrade", User: "upgrade",
			Allocations: []wire.Allocation{{Provider: w.host, Resources: map[string]int64{class: amount}}}})
	})
	if err != nil {
		return err
	}
	if len(result.Consumers) != 1 {
		return fmt.Errorf("the claim of one consumer touched %d", len(result.Consumers))
	}
	w.claims[consumer] = claimed{amount, result.Consumers[0].Generation}
	w.order = append(w.order, consumer)
	return nil
}

// release gives the oldest claims back.
func (w *writer) release(ctx context.Context) error {
	if len(w.order) < claimsKept {
		return nil
	}
	oldest := w.order[:2]
	if _, err := w.acknowledged(ctx, func(ctx context.Context) (wire.Result, error) {
		return w.client.Release(ctx, oldest...)
	}); err != nil {
		return err
	}
	for _, consumer := range oldest {
		delete(w.claims, consumer)
	}
	w.order = w.order[2:]
	return nil
}

// count sets the counter to one more. Each time raises its generation by one.
func (w *writer) count(ctx context.Context) error {
	next := w.counted + 1
	result, err := w.acknowledged(ctx, func(ctx context.Context) (wire.Result, error) {
		return w.client.SetInventories(ctx, w.counter, map[string]wire.Inventory{class: {Total: next}})
	})
	if err != nil {
		return err
	}
	if len(result.Providers) != 1 {
		return fmt.Errorf("the change of one provider touched %d", len(result.Providers))
	}
	generation := result.Providers[0].Generation
	if w.counted > 0 && generation != w.generation+1 {
		return fmt.Errorf("%s has generation %d after %d: a write happened twice or was lost", w.counter, generation, w.generation)
	}
	w.counted, w.generation = next, generation
	return nil
}

func (w *writer) move(ctx context.Context) error {
	to := 1 - w.under
	if _, err := w.acknowledged(ctx, func(ctx context.Context) (wire.Result, error) {
		return w.client.MoveProvider(ctx, w.child, w.parents[to])
	}); err != nil {
		return err
	}
	w.under = to
	return nil
}

// repeat sends the last write once more, as a client does that missed the answer.
func (w *writer) repeat(ctx context.Context) error {
	again := w.again
	if again == nil {
		return nil
	}
	result, err := again(ctx)
	switch {
	case err == nil && !result.Replayed:
		return errors.New("a request id was executed twice")
	case err != nil && !client.IsUnknown(err) && !client.IsNotApplied(err):
		return fmt.Errorf("a write that is repeated: %w", err)
	}
	return nil
}

// read asks any one node for the counter. A node that is away gives no answer.
func (w *writer) read(ctx context.Context) error {
	endpoint := w.endpoints[rand.IntN(len(w.endpoints))] //nolint:gosec // any will do
	bounded, cancel := context.WithTimeout(client.WithEndpoint(ctx, endpoint), callTimeout/10)
	defer cancel()
	p, err := w.client.Provider(bounded, w.counter)
	switch {
	case err == nil:
		w.reads++
		return w.isCounted(p, endpoint)
	case client.IsRejected(err) || client.IsInternal(err):
		return fmt.Errorf("reading at %s: %w", endpoint, err)
	}
	return nil
}

func (w *writer) isCounted(p wire.Provider, at string) error {
	if total := p.Inventories[class].Total; total != w.counted || p.Generation != w.generation {
		return fmt.Errorf("%s shows %s at %d, generation %d; acknowledged was %d, generation %d",
			at, w.counter, total, p.Generation, w.counted, w.generation)
	}
	return nil
}
