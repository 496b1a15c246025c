package placement

import (
	"slices"
	"strconv"
	"strings"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

// consumerRequest is what a body asks for one consumer.
type consumerRequest struct {
	uuid                tree.UUID
	project, user, kind string
	// generation is the one the client expects; nil for a consumer that must
	// not be there yet. Meaningless below 1.28.
	generation  *int64
	given       string // the generation as clients know it
	allocations []allocationRequest
}

type allocationRequest struct {
	provider string // as the client wrote it
	class    string
	amount   int64
}

// consumerRequests reads a body that maps consumers to what they ask for.
func (c *call) consumerRequests(body *jsontext.Object) ([]consumerRequest, *failure) {
	var all []consumerRequest
	seen := map[tree.UUID]bool{}
	for _, name := range body.Names() {
		u, ok := tree.ParseUUID(name)
		if !ok || seen[u] {
			return nil, badRequest("Malformed consumer_uuid: %s", name)
		}
		seen[u] = true
		all = append(all, c.consumerRequest(u, body.Object(name)))
	}
	return all, nil
}

func (c *call) consumerRequest(u tree.UUID, body *jsontext.Object) consumerRequest {
	r := consumerRequest{
		uuid: u, project: body.String("project_id"), user: body.String("user_id"), kind: body.String("consumer_type"),
	}
	if c.version < 8 {
		r.project, r.user = c.config.IncompleteProject, c.config.IncompleteUser
	}
	if g := body.Get("consumer_generation"); g != nil {
		n := whole(g)
		r.generation, r.given = &n, schema.Number(g)
	}
	for _, entry := range body.Array("allocations") { // the list form below 1.12
		if o, ok := entry.(*jsontext.Object); ok {
			r.add(o.Object("resource_provider").String("uuid"), o.Object("resources"))
		}
	}
	byProvider := body.Object("allocations")
	for _, name := range byProvider.Names() {
		r.add(name, byProvider.Object(name).Object("resources"))
	}
	return r
}

// add takes what is asked of one provider; of two mentions, the last counts, in
// the place of the first.
func (r *consumerRequest) add(provider string, resources *jsontext.Object) {
	same := func(a allocationRequest) bool { return a.provider == provider }
	at := slices.IndexFunc(r.allocations, same)
	if at < 0 {
		at = len(r.allocations)
	}
	r.allocations = slices.DeleteFunc(r.allocations, same)
	var asked []allocationRequest
	for _, class := range resources.Names() {
		asked = append(asked, allocationRequest{provider, class, whole(resources.Get(class))})
	}
	r.allocations = slices.Insert(r.allocations, at, asked...)
}

// claimPlan is what requests come to on the state they were checked on, and
// what has to hold still when it is applied.
type claimPlan struct {
	claims     []tree.ConsumerClaim
	conditions []tree.Precondition
	// tight: something asked for does not fit into what is left of it. Where a
	// consumer gives something back, it may fit all the same.
	tight bool
}

// plan checks consumers first, then providers. Classes are the next to check.
func (c *call) plan(s *tree.State, requests []consumerRequest) (claimPlan, *failure) {
	var plan claimPlan
	if c.version >= 28 {
		plan.conditions = make([]tree.Precondition, 0, len(requests))
		for i := range requests {
			condition, f := consumerCondition(s, &requests[i])
			if f != nil {
				return plan, f
			}
			plan.conditions = append(plan.conditions, condition)
		}
	}
	n := 0
	for i := range requests {
		n += len(requests[i].allocations)
	}
	all := make([]tree.AllocationOf, 0, n) // of all claims; each has a part
	plan.claims = make([]tree.ConsumerClaim, 0, len(requests))
	for i := range requests {
		r := &requests[i]
		begin := len(all)
		var p tree.Provider
		for j, a := range r.allocations {
			if j == 0 || a.provider != r.allocations[j-1].provider {
				var ok bool
				if p, ok = lookup(s, a.provider); !ok {
					return plan, badRequest("Allocation for resource provider '%s' that does not exist.", a.provider)
				}
			}
			class, known := s.ClassNumber(a.class)
			room, supplied := p.RoomOf(class)
			plan.tight = plan.tight || !known || !supplied || !room.Fits(a.amount)
			all = append(all, tree.AllocationOf{Provider: tree.ByUUID(p.UUID()), Class: a.class, Amount: a.amount})
		}
		if len(r.allocations) == 0 {
			if _, known := s.FindConsumer(r.uuid); !known {
				// Nothing to take from a consumer that has nothing, if that holds
				// still; from 1.28 on there is such a condition already.
				if c.version < 28 {
					plan.conditions = append(plan.conditions, tree.Precondition{Kind: tree.ConsumerAbsent, Consumer: r.uuid})
				}
				continue
			}
		}
		plan.claims = append(plan.claims, tree.ConsumerClaim{
			Consumer: r.uuid, Project: r.project, User: r.user, Type: r.kind, Allocations: all[begin:len(all):len(all)],
		})
	}
	return plan, nil
}

// checkClasses refuses claims of classes that there are not.
func checkClasses(s *tree.State, claims []tree.ConsumerClaim, unknown func(string) *failure) *failure {
	for _, claim := range claims {
		for _, a := range claim.Allocations {
			if !s.HasResourceClass(a.Class) {
				return unknown(a.Class)
			}
		}
	}
	return nil
}

// consumerCondition compares the generation that the client expects. From 1.28
// on a consumer is named with its generation, or with null as a new one.
func consumerCondition(s *tree.State, r *consumerRequest) (tree.Precondition, *failure) {
	consumer, known := s.FindConsumer(r.uuid)
	switch {
	case !known && r.generation == nil:
		return tree.Precondition{Kind: tree.ConsumerAbsent, Consumer: r.uuid}, nil
	case known && r.generation != nil && *r.generation == int64(consumer.Generation()): //nolint:gosec // counts writes
		return tree.Precondition{Kind: tree.ConsumerGeneration, Consumer: r.uuid, Value: consumer.Generation()}, nil
	}
	given, expected := "None", "null"
	if r.generation != nil {
		given = r.given
	}
	if known {
		expected = strconv.FormatUint(consumer.Generation(), 10)
	}
	return tree.Precondition{}, concurrent("consumer generation conflict - expected " + expected + " but got " + given)
}

// holding is one class of one provider.
type holding struct {
	provider tree.UUID
	class    string
}

// inventoryLookup finds what a provider has of a class.
type inventoryLookup func(p tree.Provider, class string) (tree.InventoryUsage, bool)

func capacityOf(p tree.Provider, class string) (tree.InventoryUsage, bool) { return p.Inventory(class) }

// checkClaims says why claims would be refused, in the words that clients
// know. What a consumer had before is free for what it asks for.
func checkClaims(s *tree.State, claims []tree.ConsumerClaim, find inventoryLookup) *failure {
	if f := checkSupplied(s, claims, find); f != nil {
		return f
	}
	// In the end, and as far as the claims were looked at: the first that is too
	// much is told.
	delta, soFar := usedAfter(s, claims), freed(s, claims)
	for _, claim := range claims {
		for _, a := range claim.Allocations {
			p, ok := s.Find(a.Provider)
			if !ok {
				return badRequest("Allocation for resource provider '%s' that does not exist.", a.Provider)
			}
			inv, ok := find(p, a.Class)
			where := holding{a.Provider.UUID, a.Class}
			soFar[where] += a.Amount
			switch {
			case !ok:
				return conflict("Unable to allocate inventory: Inventory for '%s' on resource provider '%s' invalid.", a.Class, p.UUID())
			case a.Amount < inv.MinUnit || a.Amount > inv.MaxUnit || a.Amount%inv.StepSize != 0:
				return unableToAllocate(a.Class, p.UUID().String(), "violate inventory constraints")
			case delta[where] > 0 && inv.Used+soFar[where] > inv.Capacity():
				return unableToAllocate(a.Class, p.UUID().String(), "exceed the capacity")
			}
		}
	}
	return nil
}

// checkSupplied refuses claims on providers that have none of the classes that
// are claimed of anyone, all of them in one message.
func checkSupplied(s *tree.State, claims []tree.ConsumerClaim, find inventoryLookup) *failure {
	var classes, bare []string
	for _, claim := range claims {
		for _, a := range claim.Allocations {
			if !slices.Contains(classes, a.Class) {
				classes = append(classes, a.Class)
			}
		}
	}
	for _, claim := range claims {
		for _, a := range claim.Allocations {
			p, ok := s.Find(a.Provider)
			supplied := ok && slices.ContainsFunc(classes, func(class string) bool { _, has := find(p, class); return has })
			if u := a.Provider.UUID.String(); !supplied && !slices.Contains(bare, u) {
				bare = append(bare, u)
			}
		}
	}
	if bare == nil {
		return nil
	}
	return conflict("Unable to allocate inventory: Inventory for '%s' on resource provider '%s' invalid.",
		strings.Join(classes, ", "), strings.Join(bare, ", "))
}

// usedAfter is by how much claims change what is used.
func usedAfter(s *tree.State, claims []tree.ConsumerClaim) map[holding]int64 {
	delta := freed(s, claims)
	for _, claim := range claims {
		for _, a := range claim.Allocations {
			delta[holding{a.Provider.UUID, a.Class}] += a.Amount
		}
	}
	return delta
}

// freed is what the consumers of claims had before.
func freed(s *tree.State, claims []tree.ConsumerClaim) map[holding]int64 {
	delta := map[holding]int64{}
	for _, claim := range claims {
		if old, ok := s.FindConsumer(claim.Consumer); ok {
			for _, a := range old.Allocations() {
				delta[holding{a.Provider.UUID(), a.Class}] -= a.Amount
			}
		}
	}
	return delta
}
