package tree

import "maps"

type modelUse struct {
	provider UUID
	class    string
}

// uses sums up everything that is allocated.
func (m *model) uses() map[modelUse]int64 {
	all := map[modelUse]int64{}
	for _, k := range m.consumers {
		for _, a := range k.allocations {
			all[modelUse{a.provider, a.class}] += a.amount
		}
	}
	return all
}

func (m *model) capacity(u modelUse) int64 {
	i := m.providers[u.provider].inventories[u.class]
	return int64(float64(i.Total-i.Reserved) * i.Ratio.Float64())
}

// claim replaces what the consumers hold. Providers of the new set, or of the
// old one that is wiped, gain a generation, unless count is false.
func (m *model) claim(claims []ConsumerClaim, count bool) Code {
	before, had := m.uses(), map[UUID]*modelConsumer{}
	maps.Copy(had, m.consumers)
	seen := map[UUID]bool{}
	taking := map[UUID]bool{}
	for _, c := range claims {
		if c.Consumer.IsZero() || seen[c.Consumer] {
			return CodeInvalid
		}
		seen[c.Consumer] = true
		old := had[c.Consumer]
		if old != nil {
			for _, a := range old.allocations {
				m.providers[a.provider].updated = m.at
				if len(c.Allocations) == 0 {
					taking[a.provider] = true
				}
			}
		}
		delete(m.consumers, c.Consumer)
		if len(c.Allocations) == 0 {
			if old == nil {
				return CodeConsumerNotFound
			}
			continue
		}
		if code := m.hold(c, old, taking); code != 0 {
			return code
		}
	}
	for u, sum := range m.uses() {
		if sum > before[u] && sum > m.capacity(u) {
			return CodeCapacityExceeded
		}
	}
	for provider := range taking {
		m.providers[provider].updated = m.at
		if count {
			m.providers[provider].generation++
		}
	}
	return 0
}

// hold gives a consumer its new allocations.
func (m *model) hold(c ConsumerClaim, old *modelConsumer, taking map[UUID]bool) Code {
	next := &modelConsumer{uuid: c.Consumer, created: m.at}
	if old != nil {
		*next = *old
		next.allocations = nil
	}
	next.generation++
	next.updated = m.at
	if c.Project != "" {
		next.project = c.Project
	}
	if c.User != "" {
		next.user = c.User
	}
	if c.Type != "" {
		next.kind = c.Type
	}
	seen := map[modelUse]bool{}
	for _, a := range c.Allocations {
		code := m.on(a.Provider, func(p *modelProvider) Code {
			use := modelUse{p.uuid, a.Class}
			i, ok := p.inventories[a.Class]
			switch {
			case !m.classes[a.Class]:
				return CodeClassNotFound
			case a.Amount < 1 || seen[use]:
				return CodeInvalid
			case !ok:
				return CodeInventoryNotFound
			case a.Amount < i.MinUnit || a.Amount > i.MaxUnit || a.Amount%i.StepSize != 0:
				return CodeAmountInvalid
			}
			seen[use] = true
			taking[p.uuid] = true
			next.allocations = append(next.allocations, modelAllocation{p.uuid, a.Class, a.Amount})
			return 0
		})
		if code != 0 {
			return code
		}
	}
	m.consumers[c.Consumer] = next
	return 0
}

func (m *model) release(consumers []UUID) Code {
	if len(consumers) == 0 {
		return CodeInvalid
	}
	var claims []ConsumerClaim
	for _, uuid := range consumers {
		claims = append(claims, ConsumerClaim{Consumer: uuid})
	}
	return m.claim(claims, false)
}

func (m *model) reshape(o Reshape) Code {
	if len(o.Inventories)+len(o.Consumers) == 0 {
		return CodeInvalid
	}
	end := map[UUID]map[string]Inventory{}
	for _, r := range o.Inventories {
		code := m.on(r.Provider, func(p *modelProvider) Code {
			all, code := m.inventories(r.Inventories)
			if end[p.uuid] != nil {
				code = CodeInvalid
			}
			end[p.uuid] = all
			return code
		})
		if code != 0 {
			return code
		}
	}
	for uuid, all := range end { // interim: the old and the new together
		p := m.providers[uuid]
		if len(all) > 0 {
			p.generation++
		}
		both := maps.Clone(p.inventories)
		maps.Copy(both, all)
		p.inventories = both
	}
	if len(o.Consumers) > 0 {
		if code := m.claim(o.Consumers, true); code != 0 {
			return code
		}
	}
	for uuid, all := range end {
		if code := m.become(m.providers[uuid], all); code != 0 {
			return code
		}
	}
	return 0
}
