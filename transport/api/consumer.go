package api

import (
	"iter"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// pageOfConsumers answers with a page of consumers. Its cursor is the UUID of
// the last one, which orders them: it need not exist any more.
func (c *call) pageOfConsumers(view *fsm.View, all func(after tree.UUID) iter.Seq[tree.Consumer], choose func(tree.Provider) bool) (answer, error) {
	limit, err := c.limit(wire.PageConsumersMax)
	if err != nil {
		return answer{}, err
	}
	after, refused := optionalUUID("after", c.query.Get("after"))
	if refused != nil {
		return answer{}, refused
	}
	found, more, err := collect(c.r.Context(), all(after), limit, func(tree.Consumer) bool { return true })
	if err != nil {
		return answer{}, err
	}
	next := ""
	if more {
		next = found[len(found)-1].UUID().String()
	}
	show := func(one tree.Consumer) wire.Consumer { return showConsumer(one, choose) }
	return list(stateOf(view), "consumers", found, show, next), nil
}

func (c *call) listConsumers() (answer, error) {
	view, err := c.view()
	if err != nil {
		return answer{}, err
	}
	return c.pageOfConsumers(view, view.Tree.Consumers, anyProvider)
}

// listClaims tells the claims on one provider.
func (c *call) listClaims() (answer, error) {
	view, p, err := c.provider()
	if err != nil {
		return answer{}, err
	}
	return c.pageOfConsumers(view, p.Claims, func(on tree.Provider) bool { return on.Number() == p.Number() })
}

// consumerUUID is the consumer that the path names.
func (c *call) consumerUUID() (tree.UUID, error) {
	u, refused := parseUUID("uuid", c.r.PathValue("uuid"))
	if refused != nil {
		return u, refused
	}
	return u, nil
}

func (c *call) getConsumer() (answer, error) {
	u, err := c.consumerUUID()
	if err != nil {
		return answer{}, err
	}
	view, err := c.view()
	if err != nil {
		return answer{}, err
	}
	found, ok := view.Tree.FindConsumer(u)
	if !ok {
		err := reject(wire.CodeConsumerNotFound, "uuid", "consumer %s has no allocations", u)
		err.Consumer = u.String()
		return answer{}, err
	}
	return answer{body: wire.ConsumerAnswer{State: stateOf(view), Consumer: showConsumer(found, anyProvider)}}, nil
}

func (c *call) putConsumer() (answer, error) {
	u, err := c.consumerUUID()
	if err != nil {
		return answer{}, err
	}
	var body wire.PutConsumer
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	if body.UUID != "" {
		if given, refused := parseUUID("uuid", body.UUID); refused != nil {
			return answer{}, refused
		} else if given != u {
			return answer{}, reject(wire.CodeInvalid, "uuid", "the body is about consumer %s, the path about %s", given, u)
		}
	}
	t := wire.Txn{Ops: []wire.Op{{Claim: &wire.Claim{Consumers: []wire.ConsumerClaim{{
		UUID: u.String(), Project: body.Project, User: body.User, Type: body.Type, Allocations: body.Allocations,
	}}}}}}
	if generation := body.Generation.Value; generation != nil {
		t.Preconditions = []wire.Precondition{{
			ConsumerGeneration: &wire.ConsumerGeneration{Consumer: u.String(), Generation: *generation},
		}}
	}
	return c.mutate(t, ofConsumer)
}

func (c *call) deleteConsumer() (answer, error) {
	u, err := c.consumerUUID()
	if err != nil {
		return answer{}, err
	}
	t := wire.Txn{Ops: []wire.Op{{Release: &wire.Release{Consumers: []string{u.String()}}}}}
	return c.mutate(t, func(e *wire.Error) *wire.Error {
		e = bare(e)
		e.Field = "uuid" // the one consumer there is
		return e
	})
}

func (c *call) claim() (answer, error) {
	var body wire.Claim
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	return c.do("", nil, wire.Op{Claim: &body})
}

func (c *call) reshape() (answer, error) {
	var body wire.Reshape
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	return c.do("", nil, wire.Op{Reshape: &body})
}

func (c *call) transact() (answer, error) {
	var body wire.Txn
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	return c.mutate(body, nil)
}
