package api

import (
	"github.com/google/uuid"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

func newRequestID() (tree.UUID, error) {
	id, err := uuid.NewV7()
	return tree.UUID(id), err
}

// takeRequestID reads the request id or makes one, and tells it to the caller
// in every answer, whatever becomes of the request.
func (c *call) takeRequestID() error {
	values := c.r.Header.Values(wire.HeaderRequestID)
	switch len(values) {
	case 0:
		id, err := c.s.newRequestID()
		if err != nil {
			return err
		}
		c.requestID = id
	case 1:
		id, ok := tree.ParseUUID(values[0])
		if !ok || id[6]>>4 != 7 || id[8]>>6 != 0b10 {
			return reject(wire.CodeInvalid, wire.HeaderRequestID, "%q is not a UUID of version 7", excerpt(values[0]))
		}
		c.requestID = id
	default:
		return reject(wire.CodeInvalid, wire.HeaderRequestID, "the header is given %d times", len(values))
	}
	c.out.requestID = c.requestID.String()
	c.out.Header().Set(wire.HeaderRequestID, c.out.requestID)
	return nil
}

// mutate proposes a transaction as one command. An error's field is put as
// place has it: as it is where that is nil.
func (c *call) mutate(t wire.Txn, place func(*wire.Error) *wire.Error) (answer, error) {
	if err := c.allowed(t); err != nil {
		return answer{}, err
	}
	txn, refused := convert(c.requestID, t)
	if refused == nil {
		result, err := c.s.node.Propose(c.from(), fsm.Command{RequestID: c.requestID, Txn: txn})
		if err != nil {
			return answer{}, err
		}
		c.showIndex(result.Index)
		if result.Refused == nil {
			return answer{body: c.result(result)}, nil
		}
		refused = fromTree(result.Refused)
		locate(refused, t)
	}
	switch refused.Code { // the codes that are about the header
	case wire.CodeRequestIDReused, wire.CodeRequestIDExpired, wire.CodeRequestIDInFuture:
		refused.Field = wire.HeaderRequestID
	default:
		if place != nil {
			refused = place(refused)
		}
	}
	return answer{}, refused
}

// do is mutate for a route that is one operation, or a few on one subject.
// Where generation is not nil, the provider must have that one.
func (c *call) do(provider string, generation *uint64, ops ...wire.Op) (answer, error) {
	t := wire.Txn{Ops: ops}
	if generation != nil {
		t.Preconditions = []wire.Precondition{{
			ProviderGeneration: &wire.ProviderGeneration{Provider: provider, Generation: *generation},
		}}
	}
	return c.mutate(t, bare)
}

func (c *call) result(r fsm.Result) wire.Result {
	told := wire.Result{
		State: wire.State{Index: r.Index, Revision: r.Revision}, RequestID: c.requestID.String(), Replayed: r.Replayed,
		Providers: generations(r.Effect.Providers), Consumers: generations(r.Effect.Consumers),
	}
	for _, u := range r.Effect.Created {
		told.Created = append(told.Created, u.String())
	}
	return told
}

func generations(given []tree.Generation) []wire.Generation {
	told := make([]wire.Generation, len(given))
	for i, g := range given {
		told[i] = wire.Generation{UUID: g.UUID.String(), Generation: g.Generation}
	}
	return told
}
