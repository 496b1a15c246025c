package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/treenode/treenode/transport/wire"
)

// verify compares what the writers were told with what is there. Nobody writes
// meanwhile.
func (r *run) verify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	there := map[string]wire.Consumer{}
	for c, err := range r.admin.Consumers(ctx) {
		if err != nil {
			return err
		}
		there[c.UUID] = c
	}
	var errs []error
	reads := 0
	for _, w := range r.writers {
		errs = append(errs, w.verify(ctx, there))
		reads += w.reads
	}
	for consumer := range there {
		errs = append(errs, fmt.Errorf("consumer %s is there, and was released or never acknowledged", consumer))
	}
	if reads == 0 {
		errs = append(errs, errors.New("no read was answered: nothing was checked by them"))
	}
	return errors.Join(errs...)
}

// verify checks what the writer has, and takes its consumers out of what is there.
func (w *writer) verify(ctx context.Context, there map[string]wire.Consumer) error {
	var used int64
	for consumer, want := range w.claims {
		used += want.amount
		c, ok := there[consumer]
		if !ok {
			return fmt.Errorf("the claim of consumer %s was acknowledged and is not there", consumer)
		}
		delete(there, consumer)
		if len(c.Allocations) != 1 || c.Allocations[0].Resources[class] != want.amount || c.Generation != want.generation {
			return fmt.Errorf("consumer %s has %v, generation %d; acknowledged was %d, generation %d",
				consumer, c.Allocations, c.Generation, want.amount, want.generation)
		}
	}
	host, err := w.client.Provider(ctx, w.host)
	if err != nil {
		return err
	}
	if got := host.Inventories[class].Used; got != used {
		return fmt.Errorf("%s has %d of %s used, its consumers have %d", w.host, got, class, used)
	}
	counter, err := w.client.Provider(ctx, w.counter)
	if err != nil {
		return err
	}
	if err := w.isCounted(counter, "the cluster"); err != nil {
		return err
	}
	child, err := w.client.Provider(ctx, w.child)
	if err != nil {
		return err
	}
	parent, err := w.client.Provider(ctx, w.parents[w.under])
	if err == nil && child.Parent != parent.UUID {
		err = fmt.Errorf("%s is below %s; acknowledged was below %s (%s)", w.child, child.Parent, parent.Name, parent.UUID)
	}
	return err
}
