package check

import (
	"fmt"
	"strings"
)

// State is the model of the store: what the operations of a history can change
// or see. It is a value; two that are equal are one state.
type State struct {
	Revision  uint64                   `json:"revision"`
	Providers [Providers]ProviderState `json:"providers"`
	Consumers [Consumers]ConsumerState `json:"consumers"`
}

// Codes of refusals that the model foresees, as the store's answers have them.
const (
	codeProviderNotFound  = "provider_not_found"
	codeProviderExists    = "provider_exists"
	codeHasChildren       = "provider_has_children"
	codeInUse             = "provider_in_use"
	codeLoop              = "loop"
	codeInventoryNotFound = "inventory_not_found"
	codeCapacityExceeded  = "capacity_exceeded"
	codeConsumerNotFound  = "consumer_not_found"
	codeConflict          = "conflict"
)

var foreseen = map[string]bool{
	codeProviderNotFound: true, codeProviderExists: true, codeHasChildren: true, codeInUse: true, codeLoop: true,
	codeInventoryNotFound: true, codeCapacityExceeded: true, codeConsumerNotFound: true, codeConflict: true,
}

// Apply executes a write. A refusal returns its code and leaves the state as
// it was.
func (s *State) Apply(kind Kind, a *Args) (refusal string) {
	next := *s
	switch kind {
	case Create:
		refusal = next.create(a.Provider, a.Parent, a.Total)
	case Remove:
		refusal = next.remove(a.Provider)
	case Move:
		refusal = next.move(a.Provider, a.Parent)
	case SetInventory:
		refusal = next.setInventory(a.Provider, a.Total)
	case Claim:
		refusal = next.claim(a.Claims, true)
	case Release:
		refusal = next.release(a.Claims)
	case Reshape:
		refusal = next.reshape(a.Inventories, a.Claims)
	case WritePair:
		refusal = next.writePair(a.Total, a.Generation)
	case WriteStuff: // each of its two operations counts a generation
		next.Providers[Stuff].Generation += 2
	default:
		panic("not a write: " + kind)
	}
	if refusal != "" {
		return refusal
	}
	next.Revision++
	*s = next
	return ""
}

func (s *State) exists(p int8) bool { return s.Providers[p].Exists }

func (s *State) create(p, parent int8, total int32) string {
	switch {
	case parent != NoParent && !s.exists(parent):
		return codeProviderNotFound
	case s.exists(p):
		return codeProviderExists
	}
	// The inventory set in the same transaction counts a generation.
	s.Providers[p] = ProviderState{Exists: true, Parent: parent, Total: total, Generation: 1}
	return ""
}

func (s *State) remove(p int8) string {
	if !s.exists(p) {
		return codeProviderNotFound
	}
	for i := range s.Providers {
		if s.Providers[i].Exists && s.Providers[i].Parent == p {
			return codeHasChildren
		}
	}
	for c := range s.Consumers {
		for _, held := range s.Consumers[c].Held {
			if held.Amount != 0 && held.Provider == p {
				return codeInUse
			}
		}
	}
	s.Providers[p] = ProviderState{}
	return ""
}

func (s *State) move(p, parent int8) string {
	if !s.exists(p) || parent != NoParent && !s.exists(parent) {
		return codeProviderNotFound
	}
	for up := parent; up != NoParent; up = s.Providers[up].Parent {
		if up == p {
			return codeLoop
		}
	}
	s.Providers[p].Parent = parent
	return ""
}

func (s *State) setInventory(p int8, total int32) string {
	if !s.exists(p) {
		return codeProviderNotFound
	}
	s.Providers[p].Total = total
	s.Providers[p].Generation++
	return ""
}

// claim replaces what the consumers hold. With judge, more use of a provider
// must fit its capacity; without, the caller judges the end.
func (s *State) claim(claims []ConsumerClaim, judge bool) string {
	var delta [Providers]int32
	var bump [Providers]bool
	for _, c := range claims {
		old := &s.Consumers[c.Consumer]
		for _, held := range old.Held {
			if held.Amount != 0 {
				delta[held.Provider] -= int32(held.Amount)
			}
		}
		if len(c.Amounts) == 0 {
			if !old.Exists() {
				return codeConsumerNotFound
			}
			for _, held := range old.Held {
				if held.Amount != 0 {
					bump[held.Provider] = true
				}
			}
			*old = ConsumerState{}
			continue
		}
		next := ConsumerState{Generation: old.Generation + 1}
		for i, a := range c.Amounts {
			switch {
			case !s.exists(a.Provider):
				return codeProviderNotFound
			case s.Providers[a.Provider].Total == 0:
				return codeInventoryNotFound
			}
			delta[a.Provider] += int32(a.Amount)
			bump[a.Provider] = true
			next.Held[i] = a
		}
		next.Sort()
		*old = next
	}
	for p := range delta {
		here := &s.Providers[p]
		if judge && delta[p] > 0 && here.Used+delta[p] > here.Total {
			return codeCapacityExceeded
		}
		here.Used += delta[p]
		if bump[p] {
			here.Generation++
		}
	}
	return ""
}

// Sort orders what is held, as states have it.
func (c *ConsumerState) Sort() {
	if c.Held[1].Amount != 0 && c.Held[1].Provider < c.Held[0].Provider {
		c.Held[0], c.Held[1] = c.Held[1], c.Held[0]
	}
}

func (s *State) release(claims []ConsumerClaim) string {
	generations := s.generations()
	if refusal := s.claim(claims, true); refusal != "" {
		return refusal
	}
	for p := range s.Providers { // a release counts none
		s.Providers[p].Generation = generations[p]
	}
	return ""
}

func (s *State) generations() (g [Providers]int32) {
	for p := range s.Providers {
		g[p] = s.Providers[p].Generation
	}
	return g
}

// reshape counts a generation of each provider whose inventory is given before
// the claims move, and one more after.
func (s *State) reshape(inventories []Inventory, claims []ConsumerClaim) string {
	for _, i := range inventories {
		if !s.exists(i.Provider) {
			return codeProviderNotFound
		}
	}
	for _, i := range inventories {
		s.Providers[i.Provider].Total = i.Total
		s.Providers[i.Provider].Generation += 2
	}
	before := s.Providers
	if refusal := s.claim(claims, false); refusal != "" {
		return refusal
	}
	for p := range s.Providers {
		if s.Providers[p].Used > before[p].Used && s.Providers[p].Used > s.Providers[p].Total {
			return codeCapacityExceeded
		}
	}
	return ""
}

func (s *State) writePair(total int32, generation *int32) string {
	left, right := &s.Providers[PairLeft], &s.Providers[PairRight]
	if generation != nil && left.Generation != *generation {
		return codeConflict
	}
	left.Total, right.Total = total, total
	left.Generation++
	right.Generation++
	return ""
}

func (s *State) rootOf(p int8) int8 {
	for s.Providers[p].Parent != NoParent {
		p = s.Providers[p].Parent
	}
	return p
}

// Explains reports whether a read of this state answers as the operation was.
func (s *State) Explains(o *Op) bool {
	if o.Revision != 0 && o.Revision != s.Revision {
		return false
	}
	if o.Kind == ReadConsumer {
		c := s.Consumers[o.Args.Claims[0].Consumer]
		if o.Outcome == Rejected {
			return o.Code == codeConsumerNotFound && !c.Exists()
		}
		return c.Exists() && c == o.Consumers[o.Args.Claims[0].Consumer]
	}
	switch {
	case o.Outcome != OK:
		return false
	case o.Kind == ReadConsumers:
		return s.Consumers == *o.Consumers
	case o.Kind == ReadProviders:
		return s.Providers == *o.Providers
	}
	for p := range s.Providers {
		want := ProviderState{}
		if s.Providers[p].Exists && s.rootOf(int8(p)) == o.Args.Provider {
			want = s.Providers[p]
		}
		if want != o.Providers[p] {
			return false
		}
	}
	return true
}

// tells reports whether the generations in a write's answer are the state's.
func (s *State) tells(told []Told) bool {
	for _, t := range told {
		have := int32(0)
		if t.Consumer {
			have = s.Consumers[t.Number].Generation
		} else {
			have = s.Providers[t.Number].Generation
		}
		if have != t.Generation {
			return false
		}
	}
	return true
}

// String shows the state in a few lines.
func (s *State) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d", s.Revision)
	for p, at := range s.Providers {
		if at.Exists {
			fmt.Fprintf(&b, "\n  %s: below %d, %d of %d used, generation %d", ProviderName(p), at.Parent, at.Used, at.Total, at.Generation)
		}
	}
	for c, at := range s.Consumers {
		if at.Exists() {
			fmt.Fprintf(&b, "\n  consumer %d: %v, generation %d", c, at.Held, at.Generation)
		}
	}
	return b.String()
}
