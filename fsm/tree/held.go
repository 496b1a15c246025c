package tree

import (
	"errors"
	"fmt"
	"slices"
)

// held is an allocation as its provider sees it.
type held struct {
	claimKey
	class  uint32
	amount int64
}

// sortHeld sorts by provider and consumer, the order of the claims index.
func sortHeld(all []held) {
	slices.SortFunc(all, func(a, b held) int { return a.compare(b.claimKey) })
}

// check looks at the record of the consumer with that UUID alone.
func (c *consumer) check(uuid UUID) error {
	if uuid.IsZero() {
		return errors.New("a consumer has no UUID")
	}
	if len(c.allocations) == 0 {
		return fmt.Errorf("consumer %s holds nothing", uuid)
	}
	for _, a := range c.allocations {
		if a.amount < 1 || a.amount > amountMax {
			return fmt.Errorf("consumer %s holds %d of class %d", uuid, a.amount, a.class)
		}
	}
	if len(c.allocations) == 1 {
		return nil
	}
	pairs := make([]pair, len(c.allocations))
	for i, a := range c.allocations {
		pairs[i] = pairOf(a.provider, a.class)
	}
	slices.Sort(pairs)
	for i, p := range pairs[1:] {
		if p == pairs[i] {
			return fmt.Errorf("consumer %s holds class %d of provider %d twice", uuid, p.second(), p.first())
		}
	}
	return nil
}

// checkUsage compares what consumers hold, sorted, with what inventories count
// as used: one walk along both.
func (s *State) checkUsage(all []held) error {
	var err error
	homeless := 0
	s.providers.ascend(0, func(n uint32, p *provider) bool {
		for len(all) > 0 && all[0].provider < n {
			homeless, all = homeless+1, all[1:]
		}
		end := 0
		for end < len(all) && all[end].provider == n {
			end++
		}
		known := 0
		for _, inv := range p.inventories {
			used := int64(0)
			for _, h := range all[:end] {
				if h.class == inv.class {
					known++
					used += h.amount
				}
			}
			if used != inv.used {
				err = fmt.Errorf("provider %d counts %d of class %d as used, consumers hold %d", n, inv.used, inv.class, used)
				return false
			}
		}
		homeless, all = homeless+end-known, all[end:]
		return true
	})
	if homeless += len(all); err == nil && homeless > 0 {
		err = fmt.Errorf("%d allocations have no inventory", homeless)
	}
	return err
}
