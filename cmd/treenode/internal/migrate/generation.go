package migrate

import "github.com/treenode/treenode/transport/wire"

// raisesMax is how many generations one operation raises.
const raisesMax = 500

// generations raises those that are behind the source's, once all is written that
// counts them up. What is written now is raised in any case: how far it comes by
// itself is not known yet, and a generation that is higher by then stays.
func (p *planner) generations() {
	if p.options.NoGenerations {
		return
	}
	add := p.stage("generations", true)
	var providers, consumers []wire.Generation
	for _, want := range p.source.Providers {
		if have, ok := p.had[want.UUID]; want.Generation > 0 && (!ok || have.Generation < want.Generation) {
			providers = append(providers, wire.Generation{UUID: want.UUID, Generation: want.Generation})
		}
	}
	for _, want := range p.source.Consumers {
		// One that claims anew begins with 1, whatever it had.
		if have, ok := p.consumersI[want.UUID]; want.Generation > 1 && (!ok || p.released[want.UUID] || have.Generation < want.Generation) {
			consumers = append(consumers, wire.Generation{UUID: want.UUID, Generation: want.Generation})
		}
	}
	p.plan.Summary.GenerationsRaised = len(providers) + len(consumers)
	for len(providers) > 0 {
		n := min(len(providers), raisesMax)
		add(wire.Op{RaiseGenerations: &wire.RaiseGenerations{Providers: providers[:n]}})
		providers = providers[n:]
	}
	for len(consumers) > 0 {
		n := min(len(consumers), raisesMax)
		add(wire.Op{RaiseGenerations: &wire.RaiseGenerations{Consumers: consumers[:n]}})
		consumers = consumers[n:]
	}
}
