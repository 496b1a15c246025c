package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

// plan works out what the cluster should have.
type plan struct {
	ctx    context.Context
	client *client.Client
	tree   *client.Tree
	parent string // the host's, by UUID; empty for a root
	wanted []wire.PopulateProvider
	notes  []string
	// used is the amounts claimed by provider and class, once asked for.
	used map[string]map[string]int64
}

// providers lists all that shall be under the host: what the machine has, and
// what the cluster has and is to stay.
func (p *plan) providers() ([]wire.PopulateProvider, error) {
	list := make([]wire.PopulateProvider, 0, len(p.wanted))
	wanted := make(map[string]bool, len(p.wanted))
	for i, w := range p.wanted {
		wanted[w.UUID] = true
		if p.tree.Exists(w.UUID) {
			have, err := p.tree.Data(w.UUID)
			if err != nil {
				return nil, err
			}
			if w, err = p.merge(w, have); err != nil {
				return nil, err
			}
		}
		if i == 0 {
			w.Parent = p.parent
		}
		list = append(list, w)
	}
	if !p.tree.Exists(p.wanted[0].UUID) {
		return list, nil
	}
	all, err := p.tree.UUIDs(p.wanted[0].UUID)
	if err != nil {
		return nil, err
	}
	top, err := p.tree.Data(p.wanted[0].UUID)
	if err != nil {
		return nil, err
	}
	// From the leaves up: what has something below that stays, stays.
	needed := map[string]bool{}
	for _, id := range slices.Backward(all) {
		if wanted[id] {
			continue
		}
		have, err := p.tree.Data(id)
		if err != nil {
			return nil, err
		}
		name := have.Name
		if part, owned := partOf(top.Name, id, have.Name); owned {
			stays, err := p.stays(have, needed[id])
			if err != nil {
				return nil, err
			}
			if !stays {
				continue
			}
			// It must be known again under the host's new name.
			name = p.wanted[0].Name + "_" + part
		}
		needed[have.Parent] = true
		list = append(list, wire.PopulateProvider{UUID: id, Name: name, Parent: have.Parent})
	}
	return list, nil
}

// stays reports whether a provider of the agent's is kept although the machine
// does not have it.
func (p *plan) stays(have client.ProviderData, needed bool) (bool, error) {
	if needed {
		p.note("%s is gone from the machine, and stays for what hangs below it", have.Name)
		return true, nil
	}
	for class := range have.Inventories {
		used, err := p.usedOf(have.UUID, class)
		if err != nil {
			return false, err
		}
		if used > 0 {
			p.note("%s is gone from the machine, and stays while it is in use (%d of %s)", have.Name, used, class)
			return true, nil
		}
	}
	return false, nil
}

// merge puts what is the operator's into what the machine has.
func (p *plan) merge(w wire.PopulateProvider, have client.ProviderData) (wire.PopulateProvider, error) {
	inventories := make(map[string]wire.Inventory, len(w.Inventories))
	for class, i := range w.Inventories {
		if old, had := have.Inventories[class]; had {
			i.AllocationRatio = old.AllocationRatio
		}
		inventories[class] = i
	}
	for class, old := range have.Inventories {
		if _, wanted := w.Inventories[class]; wanted {
			continue
		}
		keep := !ownsClass(class)
		if !keep {
			used, err := p.usedOf(have.UUID, class)
			if err != nil {
				return w, err
			}
			if keep = used > 0; keep {
				p.note("%s of %s is gone from the machine, and stays while it is in use (%d)", class, have.Name, used)
			}
		}
		if keep {
			inventories[class] = old
		}
	}
	resources := map[string][]wire.Device{}
	for class, devices := range have.Resources {
		if !ownsClass(class) {
			resources[class] = devices
		}
	}
	for class, devices := range w.Resources {
		resources[class] = devices
	}
	traits := slices.Clone(w.Traits)
	for _, trait := range have.Traits {
		if !ownsTrait(trait) {
			traits = append(traits, trait)
		}
	}
	w.Inventories, w.Resources, w.Traits = inventories, resources, traits
	return w, nil
}

// usedOf is the amount claimed of an inventory. What a commit removes on its
// word is guarded by the provider's generation, which every claim counts.
func (p *plan) usedOf(id, class string) (int64, error) {
	if p.used == nil {
		answer, err := p.client.Subtree(p.ctx, p.wanted[0].UUID)
		if err != nil {
			return 0, err
		}
		if answer.Next != "" {
			return 0, errors.New("the host's tree has more providers than one answer holds")
		}
		p.used = map[string]map[string]int64{}
		for _, provider := range answer.Providers {
			p.used[provider.UUID] = map[string]int64{}
			for name, i := range provider.Inventories {
				p.used[provider.UUID][name] = i.Used
			}
		}
	}
	return p.used[id][class], nil
}

func (p *plan) note(format string, args ...any) {
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
	slices.SortFunc(p.notes, strings.Compare)
}
