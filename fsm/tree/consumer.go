package tree

import (
	"cmp"
	"slices"
	"strconv"
	"unicode/utf8"
	"unique"
)

// consumer is one record, immutable once it is in a table, which has its UUID.
// It exists as long as it has allocations.
type consumer struct {
	owner       unique.Handle[owner]
	generation  uint64
	created     Time
	updated     Time
	allocations []allocation // in the order they were claimed
}

// owner is whose a consumer is. Many consumers have the same, and share it:
// three strings for each were half of what a consumer took.
type owner struct {
	project string
	user    string
	kind    string // the consumer type; empty when none was given
}

type allocation struct {
	provider uint32
	class    uint32
	amount   int64
}

func (t *tables) consumer(uuid UUID) (*consumer, bool) {
	return t.consumers.get(uuid)
}

// usage is a change of what is used of one provider's class.
type usage struct {
	provider uint32
	class    uint32
	delta    int64
	// consumer and allocation are the place in the request that claims it;
	// allocation is -1 where none does.
	consumer, allocation int32
}

// claimPlan is the outcome of checking a claim: what to write. It is done with
// before the draft's next claim is planned.
type claimPlan struct {
	consumers []consumerPlan
	usages    []usage  // by provider and class, each once
	bump      []uint32 // providers that gain a generation, sorted, each once
}

type consumerPlan struct {
	uuid UUID
	old  *consumer // nil for a new one
	next *consumer // nil for one that vanishes
}

func (o Claim) apply(d *draft) error {
	if len(o.Consumers) == 0 {
		return invalid("consumers", "at least one consumer is needed")
	}
	plan, err := d.planClaim(o.Consumers)
	if err != nil {
		return err
	}
	if err := d.checkUsages(plan.usages); err != nil {
		return err
	}
	return d.applyClaim(plan)
}

// planClaim resolves what consumers claim; capacity is not looked at yet.
func (d *draft) planClaim(claims []ConsumerClaim) (*claimPlan, error) {
	plan := &d.plan
	plan.consumers, plan.usages, plan.bump = plan.consumers[:0], plan.usages[:0], plan.bump[:0]
	var seen map[UUID]bool // what a single consumer need not pay for
	if len(claims) > 1 {
		seen = make(map[UUID]bool, len(claims))
	}
	for i := range claims {
		c := &claims[i]
		if c.Consumer.IsZero() {
			return nil, invalid(consumerField(i, ".uuid"), "a consumer UUID is needed")
		}
		if seen[c.Consumer] {
			return nil, invalid(consumerField(i, ".uuid"), "consumer %s is given twice", c.Consumer)
		}
		if seen != nil {
			seen[c.Consumer] = true
		}
		if err := plan.addConsumer(d, i, c); err != nil {
			return nil, err
		}
	}
	plan.merge()
	return plan, nil
}

// addConsumer plans one consumer, the i-th of the request. Names of fields are
// put together for refusals only.
func (plan *claimPlan) addConsumer(d *draft, i int, c *ConsumerClaim) error {
	old, known := d.consumer(c.Consumer)
	if known {
		for _, a := range old.allocations {
			plan.usages = append(plan.usages, usage{a.provider, a.class, -a.amount, int32(i), -1}) //nolint:gosec // a request is small
		}
	} else {
		old = nil
	}
	if len(c.Allocations) == 0 {
		if !known {
			e := refuse(CodeConsumerNotFound, "consumer %s has no allocations", c.Consumer).at(consumerField(i, ".uuid"))
			e.Consumer = c.Consumer.String()
			return e
		}
		for _, a := range old.allocations {
			plan.bump = append(plan.bump, a.provider)
		}
		plan.consumers = append(plan.consumers, consumerPlan{uuid: c.Consumer, old: old})
		return nil
	}
	next := &consumer{created: d.at, updated: d.at}
	var whose owner
	if known {
		*next = *old
		next.updated = d.at
		whose = old.owner.Value()
	}
	next.generation++
	for _, part := range [...]struct {
		field, given string
		stored       *string
	}{{"project", c.Project, &whose.project}, {"user", c.User, &whose.user}, {"type", c.Type, &whose.kind}} {
		if utf8.RuneCountInString(part.given) > ownerLenMax || !utf8.ValidString(part.given) {
			return invalid(consumerField(i, "."+part.field), "%s must be valid UTF-8 of at most %d characters", part.field, ownerLenMax)
		}
		if part.given != "" {
			*part.stored = part.given
		}
	}
	next.owner = unique.Make(whose)
	next.allocations = make([]allocation, 0, len(c.Allocations))
	var of *provider // most claims are of one provider: it is looked up once
	for j := range c.Allocations {
		a := &c.Allocations[j]
		if of == nil || a.Provider != c.Allocations[j-1].Provider {
			found, ok := d.find(a.Provider)
			if !ok {
				_, err := d.need(consumerField(i, indexed(".allocations", j)+".provider"), a.Provider)
				return err
			}
			of = found
		}
		if err := plan.addAllocation(d, next, i, j, a, of); err != nil {
			return err
		}
	}
	plan.consumers = append(plan.consumers, consumerPlan{c.Consumer, old, next})
	return nil
}

// addAllocation plans one allocation of a consumer, the j-th of its claim, of
// the provider p.
func (plan *claimPlan) addAllocation(d *draft, next *consumer, i, j int, a *AllocationOf, p *provider) error {
	class, ok := d.classes.number(a.Class)
	if !ok {
		return classNotFound(allocationField(i, j, a.Class), a.Class)
	}
	if a.Amount < 1 || a.Amount > amountMax {
		return invalid(allocationField(i, j, a.Class), "amount is %d; it must be from 1 to %d", a.Amount, amountMax)
	}
	for _, given := range next.allocations {
		if given.provider == p.number && given.class == class {
			return invalid(allocationField(i, j, a.Class), "%s of provider %s is given twice for one consumer", a.Class, p.name)
		}
	}
	next.allocations = append(next.allocations, allocation{p.number, class, a.Amount})
	plan.usages = append(plan.usages, usage{p.number, class, a.Amount, int32(i), int32(j)}) //nolint:gosec // a request is small
	plan.bump = append(plan.bump, p.number)
	return d.checkAmount(p, class, a.Amount, i, j)
}

func consumerField(i int, rest string) string { return indexed("consumers", i) + rest }

func allocationField(i, j int, class string) string {
	return consumerField(i, indexed(".allocations", j)+".resources."+class)
}

func indexed(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// checkAmount compares one amount with the inventory's units.
func (d *draft) checkAmount(p *provider, class uint32, amount int64, i, j int) error {
	at, ok := p.inventoryOf(class)
	if !ok {
		name := d.classes.name(class)
		return inventoryNotFound(allocationField(i, j, name), p, name)
	}
	inv := p.inventories[at]
	if amount < int64(inv.minUnit) || amount > int64(inv.maxUnit) || amount%int64(inv.stepSize) != 0 {
		name := d.classes.name(class)
		return refuse(CodeAmountInvalid, "%d of %s on provider %s is not from %d to %d in steps of %d",
			amount, name, p.name, inv.minUnit, inv.maxUnit, inv.stepSize).at(allocationField(i, j, name)).about(p)
	}
	return nil
}

// merge sums the usages of each provider's class and sorts what is left.
func (plan *claimPlan) merge() {
	slices.SortStableFunc(plan.usages, func(a, b usage) int {
		if c := cmp.Compare(a.provider, b.provider); c != 0 {
			return c
		}
		return cmp.Compare(a.class, b.class)
	})
	merged := plan.usages[:0]
	for _, u := range plan.usages {
		if n := len(merged); n > 0 && merged[n-1].provider == u.provider && merged[n-1].class == u.class {
			merged[n-1].delta += u.delta
			if u.allocation >= 0 {
				merged[n-1].consumer, merged[n-1].allocation = u.consumer, u.allocation
			}
			continue
		}
		merged = append(merged, u)
	}
	plan.usages = merged
	slices.Sort(plan.bump)
	plan.bump = slices.Compact(plan.bump)
}

// checkUsages compares what would be used with the capacity. A change that
// does not use more is allowed even where an inventory shrank below its usage.
func (d *draft) checkUsages(usages []usage) error {
	var p *provider
	for _, u := range usages {
		if u.delta <= 0 {
			continue
		}
		if p == nil || p.number != u.provider {
			p = d.record(u.provider)
		}
		i, ok := p.inventoryOf(u.class)
		if !ok {
			return inventoryNotFound(d.fieldOf(u), p, d.classes.name(u.class))
		}
		inv := p.inventories[i]
		if capacity := inv.capacity(); inv.used+u.delta > capacity {
			return refuse(CodeCapacityExceeded, "provider %s has %d of %s left (capacity %d, used %d); %d more were claimed",
				p.name, max(capacity-inv.used, 0), d.classes.name(u.class), capacity, inv.used, u.delta).at(d.fieldOf(u)).about(p)
		}
	}
	return nil
}

// fieldOf is the request's field that claims the usage, if any does.
func (d *draft) fieldOf(u usage) string {
	if u.allocation < 0 {
		return ""
	}
	return allocationField(int(u.consumer), int(u.allocation), d.classes.name(u.class))
}

// applyClaim writes a plan that has been checked.
func (d *draft) applyClaim(plan *claimPlan) error {
	for _, c := range plan.consumers {
		if err := d.writeConsumer(c); err != nil {
			return err
		}
	}
	return d.writeUsages(plan.usages, plan.bump)
}

func (d *draft) writeConsumer(c consumerPlan) error {
	if c.old != nil {
		for i, a := range c.old.allocations {
			if i > 0 && c.old.allocations[i-1].provider == a.provider {
				continue
			}
			if err := d.step("unindex claim"); err != nil {
				return err
			}
			d.claims.delete(claimKey{a.provider, c.uuid})
		}
	}
	if c.next == nil {
		if err := d.step("remove consumer"); err != nil {
			return err
		}
		d.consumers.delete(c.uuid)
		return nil
	}
	for i, a := range c.next.allocations {
		if i > 0 && c.next.allocations[i-1].provider == a.provider {
			continue
		}
		if err := d.step("index claim"); err != nil {
			return err
		}
		d.claims.set(claimKey{a.provider, c.uuid}, struct{}{})
	}
	if err := d.step("put consumer"); err != nil {
		return err
	}
	d.consumers.set(c.uuid, c.next)
	d.touchedConsumers = append(d.touchedConsumers, c.uuid)
	return nil
}

// writeUsages adds the deltas and counts a generation for the providers of
// bump. Both lists are sorted by provider.
func (d *draft) writeUsages(usages []usage, bump []uint32) error {
	for len(usages) > 0 || len(bump) > 0 {
		var number uint32
		switch {
		case len(bump) == 0 || len(usages) > 0 && usages[0].provider < bump[0]:
			number = usages[0].provider
		default:
			number = bump[0]
		}
		old := d.record(number)
		next := d.edit(old)
		if len(bump) > 0 && bump[0] == number {
			next.generation++
			bump = bump[1:]
		}
		next.inventories = slices.Clone(old.inventories)
		for ; len(usages) > 0 && usages[0].provider == number; usages = usages[1:] {
			if i, ok := next.inventoryOf(usages[0].class); ok {
				next.inventories[i].used += usages[0].delta
			}
		}
		if err := d.putProvider("put usage", next); err != nil {
			return err
		}
	}
	return nil
}

func (o Release) apply(d *draft) error {
	if len(o.Consumers) == 0 {
		return invalid("consumers", "at least one consumer is needed")
	}
	claims := make([]ConsumerClaim, len(o.Consumers))
	for i, uuid := range o.Consumers {
		claims[i].Consumer = uuid
	}
	plan, err := d.planClaim(claims)
	if err != nil {
		return err
	}
	plan.bump = nil // a release changes no generation
	return d.applyClaim(plan)
}
