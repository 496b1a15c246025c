package placement

import (
	"net/http"
	"strings"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

// consumerOf finds a consumer by the text of its UUID.
func consumerOf(s *tree.State, text string) (tree.Consumer, bool) {
	u, ok := tree.ParseUUID(text)
	if !ok {
		return tree.Consumer{}, false
	}
	return s.FindConsumer(u)
}

func showAllocations(c *call) *failure {
	s, f := c.view()
	if f != nil {
		return f
	}
	allocations := jsontext.NewObject()
	body := jsontext.NewObject().Set("allocations", allocations)
	consumer, ok := consumerOf(s, c.variables.of("consumer"))
	if !ok {
		c.modified(0)
		return c.reply(http.StatusOK, body)
	}
	for _, a := range consumer.Allocations() {
		key := a.Provider.UUID().String()
		if !allocations.Has(key) {
			allocations.Set(key, jsontext.NewObject().Set("resources", jsontext.NewObject()).
				Set("generation", a.Provider.Generation()))
		}
		allocations.Object(key).Object("resources").Set(a.Class, a.Amount)
	}
	if c.version >= 12 {
		body.Set("project_id", consumer.Project()).Set("user_id", consumer.User())
	}
	if c.version >= 28 {
		body.Set("consumer_generation", consumer.Generation())
	}
	if c.version >= 38 {
		body.Set("consumer_type", typeOf(consumer))
	}
	c.modified(consumer.UpdatedAt())
	return c.reply(http.StatusOK, body)
}

func providerAllocations(c *call) *failure {
	_, p, f := c.provider()
	if f != nil {
		if f.status == http.StatusNotFound {
			f.message = "Resource provider '" + c.variables.of("uuid") + "' not found: " + f.message
		}
		return f
	}
	all := jsontext.NewObject()
	for consumer := range p.Claims(tree.UUID{}) {
		resources := jsontext.NewObject()
		for _, a := range consumer.Allocations() {
			if a.Provider.UUID() == p.UUID() {
				resources.Set(a.Class, a.Amount)
			}
		}
		one := jsontext.NewObject().Set("resources", resources)
		if c.version >= 28 {
			one.Set("consumer_generation", consumer.Generation())
		}
		all.Set(consumer.UUID().String(), one)
	}
	c.modified(0)
	return c.reply(http.StatusOK, jsontext.NewObject().Set("allocations", all).
		Set("resource_provider_generation", p.Generation()))
}

func putAllocations(c *call) *failure {
	text := c.variables.of("consumer")
	u, ok := tree.ParseUUID(text)
	if !ok {
		return badRequest("Malformed consumer_uuid: %s", text)
	}
	one, f := c.oneRequest(u)
	if f != nil {
		return f
	}
	return c.claim([]consumerRequest{one}, func(class string) *failure {
		return badRequest("Unable to allocate inventory for consumer %s: %s", text, noClass(class))
	})
}

// oneRequest reads the body of a PUT.
func (c *call) oneRequest(u tree.UUID) (consumerRequest, *failure) {
	if f := c.read(); f != nil {
		return consumerRequest{}, f
	}
	if c.version >= 12 {
		if one, ok := newClaimText(c).one(u); ok {
			return one, nil
		}
	}
	return c.oneRequestByParts(u)
}

// oneRequestByParts is the general way: parse, check, walk.
func (c *call) oneRequestByParts(u tree.UUID) (consumerRequest, *failure) {
	body, f := c.body(c.putAllocationsSchema())
	if f != nil {
		return consumerRequest{}, f
	}
	return c.consumerRequest(u, body), nil
}

func (c *call) putAllocationsSchema() *schema.Schema {
	switch {
	case c.version >= 38:
		return schema.PutAllocations38
	case c.version >= 34:
		return schema.PutAllocations34
	case c.version >= 28:
		return schema.PutAllocations28
	case c.version >= 12:
		return schema.PutAllocations12
	case c.version >= 8:
		return schema.PutAllocations8
	}
	return schema.PutAllocations0
}

func postAllocations(c *call) *failure {
	requests, f := c.manyRequests()
	if f != nil {
		return f
	}
	return c.claim(requests, func(class string) *failure {
		return badRequest("Unable to allocate inventory %s", noClass(class))
	})
}

// manyRequests reads the body of a POST.
func (c *call) manyRequests() ([]consumerRequest, *failure) {
	if f := c.read(); f != nil {
		return nil, f
	}
	if requests, ok := newClaimText(c).many(); ok {
		return requests, nil
	}
	return c.manyRequestsByParts()
}

// manyRequestsByParts is the general way.
func (c *call) manyRequestsByParts() ([]consumerRequest, *failure) {
	s := schema.PostAllocations13
	switch {
	case c.version >= 38:
		s = schema.PostAllocations38
	case c.version >= 34:
		s = schema.PostAllocations34
	case c.version >= 28:
		s = schema.PostAllocations28
	}
	body, f := c.body(s)
	if f != nil {
		return nil, f
	}
	return c.consumerRequests(body)
}

// claim writes the allocations of consumers, all or none.
func (c *call) claim(requests []consumerRequest, unknownClass func(string) *failure) *failure {
	s, f := c.view()
	if f != nil {
		return f
	}
	plan, f := c.plan(s, requests)
	if f != nil {
		return f
	}
	// Early on nothing is told but whether it may be proposed.
	if c.attempt != early || plan.tight {
		if f := checkClasses(s, plan.claims, unknownClass); f != nil {
			return f
		}
		if f := checkClaims(s, plan.claims, capacityOf); f != nil {
			return f
		}
	}
	if len(plan.claims) == 0 {
		return c.done(http.StatusNoContent)
	}
	result, f := c.propose(tree.Txn{Preconditions: plan.conditions, Ops: []tree.Op{tree.Claim{Consumers: plan.claims}}})
	if f != nil {
		return f
	}
	if result.Refused != nil {
		return refusedClaim(result.Refused)
	}
	return c.done(http.StatusNoContent)
}

func unableToAllocate(class, provider, would string) *failure {
	return conflict("Unable to allocate inventory: Unable to create allocation for '%s' on resource provider '%s'. The requested amount would %s.",
		class, provider, would)
}

// refusedClaim is a refusal that the state seen before did not predict.
func refusedClaim(e *tree.Error) *failure {
	_, class, _ := strings.Cut(e.Field, ".resources.")
	switch e.Code {
	case tree.CodeCapacityExceeded:
		return unableToAllocate(class, e.Provider, "exceed the capacity")
	case tree.CodeAmountInvalid:
		return unableToAllocate(class, e.Provider, "violate inventory constraints")
	case tree.CodeInventoryNotFound:
		return conflict("Unable to allocate inventory: Inventory for '%s' on resource provider '%s' invalid.", class, e.Provider)
	case tree.CodeInvalid:
		return badRequest("%s", e.Message)
	default:
		return concurrent(e.Message)
	}
}

func deleteAllocations(c *call) *failure {
	text := c.variables.of("consumer")
	missing := notFound("No allocations for consumer '%s'", text)
	s, f := c.view()
	if f != nil {
		return f
	}
	consumer, ok := consumerOf(s, text)
	if !ok {
		return missing
	}
	result, f := c.propose(tree.Txn{Ops: []tree.Op{tree.Release{Consumers: []tree.UUID{consumer.UUID()}}}})
	if f != nil {
		return f
	}
	if result.Refused != nil {
		return missing
	}
	return c.done(http.StatusNoContent)
}
