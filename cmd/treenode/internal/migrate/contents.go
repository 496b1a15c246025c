package migrate

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/treenode/treenode/transport/wire"
)

// customPrefix begins the names of classes and traits that operators made; all
// others are known to every service from the start.
const customPrefix = "CUSTOM_"

// Contents is all that a service of providers holds, as far as it can be
// carried to another one. UUIDs are in their canonical form.
type Contents struct {
	// ResourceClasses and Traits are the custom ones, sorted.
	ResourceClasses []string
	Traits          []string
	// Providers has parents before their children.
	Providers []Provider
	// Consumers are by UUID.
	Consumers []Consumer
}

// Provider is a provider and what it has.
type Provider struct {
	UUID        string                   `json:"uuid"`
	Name        string                   `json:"name"`
	Parent      string                   `json:"parent,omitempty"` // UUID; empty for a root
	Generation  uint64                   `json:"generation"`
	Inventories map[string]Inventory     `json:"inventories,omitempty"`
	Traits      []string                 `json:"traits,omitempty"`     // sorted
	Aggregates  []string                 `json:"aggregates,omitempty"` // sorted
	Resources   map[string][]wire.Device `json:"resources,omitempty"`  // by identifier

	// Used is what the service says is claimed of each class.
	Used map[string]int64 `json:"-"`
}

// Inventory is what a provider has of a resource class. Other than in
// wire.Inventory every field counts, an allocation ratio of zero too.
type Inventory struct {
	Total           int64   `json:"total"`
	Reserved        int64   `json:"reserved"`
	MinUnit         int64   `json:"min_unit"`
	MaxUnit         int64   `json:"max_unit"`
	StepSize        int64   `json:"step_size"`
	AllocationRatio float64 `json:"allocation_ratio"`
}

func (i Inventory) wire() wire.Inventory {
	return wire.Inventory{
		Total: i.Total, Reserved: i.Reserved, MinUnit: i.MinUnit, MaxUnit: i.MaxUnit,
		StepSize: i.StepSize, AllocationRatio: i.AllocationRatio,
	}
}

// Consumer is a consumer and what it claims, in the order of its claim.
type Consumer struct {
	UUID        string            `json:"uuid"`
	Project     string            `json:"project,omitempty"`
	User        string            `json:"user,omitempty"`
	Type        string            `json:"type,omitempty"` // empty where it has none
	Generation  uint64            `json:"generation"`
	Allocations []wire.Allocation `json:"allocations"`
}

// Usage is what the consumers claim of a provider, by class.
func (c *Contents) usage() map[string]map[string]int64 {
	used := map[string]map[string]int64{}
	for _, consumer := range c.Consumers {
		for _, a := range consumer.Allocations {
			if used[a.Provider] == nil {
				used[a.Provider] = map[string]int64{}
			}
			for class, amount := range a.Resources {
				used[a.Provider][class] += amount
			}
		}
	}
	return used
}

// Empty reports whether there is nothing that anybody made.
func (c *Contents) Empty() bool {
	return len(c.ResourceClasses)+len(c.Traits)+len(c.Providers)+len(c.Consumers) == 0
}

// Counts says in words how much there is.
func (c *Contents) Counts() string {
	return fmt.Sprintf("%s, %s, %s, %s", plural(len(c.Providers), "provider"), plural(len(c.Consumers), "consumer"),
		plural(len(c.ResourceClasses), "custom resource class"), plural(len(c.Traits), "custom trait"))
}

func plural(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "s"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// arrange puts everything in the order that Contents promises, and refuses
// what has none: a parent that is not there, or that hangs below itself.
func (c *Contents) arrange() error {
	slices.Sort(c.ResourceClasses)
	slices.Sort(c.Traits)
	for i := range c.Providers {
		p := &c.Providers[i]
		slices.Sort(p.Traits)
		slices.Sort(p.Aggregates)
		for _, devices := range p.Resources {
			slices.SortFunc(devices, func(a, b wire.Device) int { return cmp.Compare(a.Identifier, b.Identifier) })
		}
	}
	slices.SortFunc(c.Consumers, func(a, b Consumer) int { return cmp.Compare(a.UUID, b.UUID) })
	ordered, err := parentsFirst(c.Providers)
	c.Providers = ordered
	return err
}

// parentsFirst keeps the order of the providers, but for children that stand
// before their parents: those follow them.
func parentsFirst(providers []Provider) ([]Provider, error) {
	known := make(map[string]bool, len(providers))
	for _, p := range providers {
		known[p.UUID] = true
	}
	waiting := map[string][]Provider{} // by parent
	placed := make(map[string]bool, len(providers))
	ordered := make([]Provider, 0, len(providers))
	for _, p := range providers {
		if p.Parent != "" && !known[p.Parent] {
			return nil, fmt.Errorf("provider %q (%s) hangs below %s, which is not there", p.Name, p.UUID, p.Parent)
		}
		next := []Provider{p}
		for len(next) > 0 {
			p, next = next[0], next[1:]
			if p.Parent != "" && !placed[p.Parent] {
				waiting[p.Parent] = append(waiting[p.Parent], p)
				continue
			}
			ordered, placed[p.UUID] = append(ordered, p), true
			next = append(waiting[p.UUID], next...)
			delete(waiting, p.UUID)
		}
	}
	if len(ordered) < len(providers) {
		loop := waiting[slices.Sorted(maps.Keys(waiting))[0]][0]
		return nil, fmt.Errorf("provider %q (%s) hangs below itself", loop.Name, loop.UUID)
	}
	return ordered, nil
}

var errNoUUID = errors.New("not a UUID")

// canonical is the form of a UUID in which this package compares it.
func canonical(s string) (string, error) {
	u, err := uuid.Parse(s)
	if err != nil {
		return "", fmt.Errorf("%q is %w", excerpt(s), errNoUUID)
	}
	return u.String(), nil
}

// excerpt is the start of a text that may be long, for an error.
func excerpt(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func customOnly(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, customPrefix) })
}
