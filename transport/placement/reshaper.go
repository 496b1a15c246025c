package placement

import (
	"net/http"
	"slices"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

// reshape moves inventories and allocations together, as one command.
func reshape(c *call) *failure {
	q := schema.Reshaper30
	switch {
	case c.version >= 38:
		q = schema.Reshaper38
	case c.version >= 34:
		q = schema.Reshaper34
	}
	body, f := c.body(q)
	if f != nil {
		return f
	}
	requests, f := c.consumerRequests(body.Object("allocations"))
	if f != nil {
		return f
	}
	s, f := c.view()
	if f != nil {
		return f
	}
	op, conditions, f := reshapeInventories(s, body.Object("inventories"))
	if f != nil {
		return f
	}
	plan, f := c.plan(s, requests)
	if f != nil {
		return f
	}
	if f := checkReshape(s, op.Inventories, plan.claims); f != nil {
		return f
	}
	op.Consumers = plan.claims
	result, f := c.propose(tree.Txn{Preconditions: append(conditions, plan.conditions...), Ops: []tree.Op{op}})
	if f != nil {
		return f
	}
	if e := result.Refused; e != nil {
		if e.Code == tree.CodeInventoryInUse {
			return conflict("update conflict: %s", e.Message).as(codeInventoryInUse)
		}
		return refusedClaim(e)
	}
	return c.done(http.StatusNoContent)
}

func reshapeInventories(s *tree.State, given *jsontext.Object) (tree.Reshape, []tree.Precondition, *failure) {
	var op tree.Reshape
	var conditions []tree.Precondition
	for _, name := range given.Names() {
		p, ok := lookup(s, name)
		if !ok {
			return op, nil, badRequest("Resource provider %s in inventories not found: No resource provider with uuid %s found", name, name).as(codeProviderNotFound)
		}
		one := given.Object(name)
		expected := whole(one.Get("resource_provider_generation"))
		if expected != int64(p.Generation()) { //nolint:gosec // counts writes
			return op, nil, conflict("resource provider generation conflict for provider %s: actual: %d, given: %s", name, p.Generation(), wholeText(one.Get("resource_provider_generation"))).as(codeConcurrentUpdate)
		}
		conditions = append(conditions, generation(p))
		target := tree.ReshapeInventories{Provider: tree.ByUUID(p.UUID())}
		classes := one.Object("inventories")
		for _, class := range classes.Names() {
			target.Inventories = append(target.Inventories, tree.InventoryOf{Class: class, Inventory: inventoryFrom(classes.Object(class))})
		}
		op.Inventories = append(op.Inventories, target)
	}
	return op, conditions, nil
}

// checkReshape says why a reshape would be refused: an unknown class, claims
// that do not fit the inventories to come, or one of these lost while in use.
func checkReshape(s *tree.State, inventories []tree.ReshapeInventories, claims []tree.ConsumerClaim) *failure {
	next := map[tree.UUID][]tree.InventoryOf{}
	for _, r := range inventories {
		for _, i := range r.Inventories {
			if !s.HasResourceClass(i.Class) {
				return badRequest("malformed reshaper data: %s", noClass(i.Class))
			}
		}
		next[r.Provider.UUID] = r.Inventories
	}
	if f := checkClasses(s, claims, func(class string) *failure { return badRequest("malformed reshaper data: %s", noClass(class)) }); f != nil {
		return f
	}
	// While allocations move, a provider has its old inventories beside the new.
	f := checkClaims(s, claims, func(p tree.Provider, class string) (tree.InventoryUsage, bool) {
		old, had := p.Inventory(class)
		for _, i := range next[p.UUID()] {
			if i.Class == class {
				return tree.InventoryUsage{Class: class, Inventory: i.Inventory, Used: old.Used}, true
			}
		}
		return old, had
	})
	if f != nil {
		return f
	}
	used := usedAfter(s, claims)
	for _, r := range inventories {
		p, ok := s.Find(r.Provider)
		if !ok {
			continue
		}
		lost := usedClasses(p, used, func(class string) bool {
			return slices.ContainsFunc(r.Inventories, func(i tree.InventoryOf) bool { return i.Class == class })
		})
		if lost != "" {
			return conflict("update conflict: %s", inUse(lost, p)).as(codeInventoryInUse)
		}
	}
	return nil
}
