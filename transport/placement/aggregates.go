package placement

import (
	"net/http"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

func listAggregates(c *call) *failure {
	_, p, f := c.provider()
	if f != nil {
		return f
	}
	list := []any{}
	for _, a := range p.Aggregates() {
		list = append(list, a.String())
	}
	return c.replyAggregates(list, p.Generation())
}

func (c *call) replyAggregates(list []any, generation uint64) *failure {
	o := jsontext.NewObject().Set("aggregates", list)
	if c.version >= 19 {
		o.Set("resource_provider_generation", generation)
	}
	c.modified(0)
	return c.reply(http.StatusOK, o)
}

func setAggregates(c *call) *failure {
	_, p, f := c.provider()
	if f != nil {
		return f
	}
	s, member := schema.Aggregates, ""
	if c.version >= 19 {
		s, member = schema.Aggregates19, "aggregates"
	}
	body, f := c.body(s)
	if f != nil {
		return f
	}
	op := tree.ChangeAggregates{Mode: tree.Set, Provider: tree.ByUUID(p.UUID()), KeepGeneration: c.version < 19}
	given := body.Array(member)
	for _, a := range given {
		text, _ := a.(string)
		u, _ := schema.UUID(text)
		op.Aggregates = append(op.Aggregates, u)
	}
	txn := tree.Txn{Ops: []tree.Op{op}}
	if c.version >= 19 {
		if whole(body.Get("resource_provider_generation")) != int64(p.Generation()) { //nolint:gosec // counts writes
			return concurrent(generationChanged)
		}
		txn.Preconditions = append(txn.Preconditions, generation(p))
	}
	result, f := c.propose(txn)
	if f != nil {
		return f
	}
	if e := result.Refused; e != nil {
		switch e.Code {
		case tree.CodeConflict:
			return concurrent(generationChanged)
		case tree.CodeProviderNotFound:
			return notFound("No resource provider with uuid %s found", p.UUID())
		default:
			return badRequest("%s", e.Message)
		}
	}
	return c.replyAggregates(given, p.Generation()+1)
}
