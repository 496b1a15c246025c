package client

import (
	"context"
	"errors"
	"maps"

	"github.com/treenode/treenode/transport/wire"
)

// pending is a commit whose outcome is not known.
type pending struct {
	plan      *plan
	requestID string
	version   uint64 // of the Tree when it was sent first
}

// Commit sends the difference to what was loaded as one transaction: all of it
// happens or nothing. Without a difference nothing is sent, and the result is
// zero. Afterwards the Tree goes on from what was committed.
//
// If somebody else changed or removed what the transaction changes, moved what
// it moves, or created what it creates, the error is a *ConflictError: the Tree
// stays as it is, to be compared with one that is loaded anew.
//
// After an error of kind unknown the Tree remembers the transaction and its
// request id. The next Commit first sends these again, which shows what became
// of them and never executes them twice. If the Tree was changed in between,
// and they did happen, what has changed since follows as a second transaction.
// To give up instead, drop the Tree and load another.
func (t *Tree) Commit(ctx context.Context, opts ...CommitOption) (wire.Result, error) {
	var result wire.Result
	settled := ""
	if p := t.pending; p != nil {
		settled = p.requestID
		var err error
		result, err = t.settle(ctx, p)
		if err != nil && (t.pending != nil || p.version == t.version) {
			return wire.Result{}, err
		}
		// It is known by now that the earlier transaction did not happen, or
		// that it did; the Tree has changed since, or has no difference left.
	}
	next := t.diff(opts)
	if len(next.txn.Ops) == 0 {
		return result, nil
	}
	id, given, err := requestIDFor(settingsOf(ctx))
	if err != nil {
		return wire.Result{}, err
	}
	if given && id == settled { // it has served the transaction before this one
		if id, err = NewRequestID(); err != nil {
			return wire.Result{}, err
		}
	}
	p := &pending{plan: next, requestID: id, version: t.version}
	result, err = t.client.Txn(WithRequestID(ctx, id), next.txn)
	if IsUnknown(err) {
		t.pending = p
	}
	if err != nil {
		return wire.Result{}, next.explain(err)
	}
	t.committed(next, result)
	return result, nil
}

// settle sends a transaction of unknown outcome again. It stays pending unless
// the outcome is known now.
func (t *Tree) settle(ctx context.Context, p *pending) (wire.Result, error) {
	result, err := t.client.Txn(WithRequestID(ctx, p.requestID), p.plan.txn)
	switch {
	case err == nil:
		t.pending = nil
		t.committed(p.plan, result)
		return result, nil
	case IsRejected(err):
		t.pending = nil
		return wire.Result{}, p.plan.explain(err)
	}
	// This call may say that it did nothing, but the earlier one still may have.
	if e, ok := errors.AsType[*Error](err); ok && !e.IsUnknown() {
		said := *e.WireError
		said.Kind, said.Code, said.RequestID = wire.Unknown, wire.CodeOutcomeUnknown, p.requestID
		said.Message = "an earlier commit may have been executed, and this one could not find out: " + said.Message
		unknown := *e
		unknown.WireError = &said
		return wire.Result{}, &unknown
	}
	return wire.Result{}, err
}

// committed makes the state that the transaction made the loaded one. Of the
// generations that the server tells, only those of providers that the
// transaction guarded or created are taken: another one's may count changes
// that this Tree has not seen.
func (t *Tree) committed(p *plan, result wire.Result) {
	told := make(map[string]uint64, len(result.Providers))
	for _, g := range result.Providers {
		told[g.UUID] = g.Generation
	}
	generations := maps.Clone(t.generations)
	for u := range generations {
		if p.after.records[u] == nil {
			delete(generations, u)
		}
	}
	for _, u := range p.touched {
		if g, ok := told[u]; ok {
			generations[u] = g
		}
	}
	t.loaded, t.generations = p.after, generations
}
