package simulation

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// fault does harm for a while and leaves what it likes broken; the next one
// comes soon.
type fault struct {
	name   string
	weight int
	inject func(h *history, random *rand.Rand)
}

var faults = []fault{
	{"cut the leader off", 5, func(h *history, random *rand.Rand) {
		h.isolate(h.leader(random), true, true)
		time.Sleep(between(random, 200*time.Millisecond, 4*time.Second))
	}},
	// The answers that are under way let the leader believe for longer than the
	// others wait for it.
	{"late answers, then silence", 3, func(h *history, random *rand.Rand) {
		leader, lag := h.leader(random), between(random, 300*time.Millisecond, 500*time.Millisecond)
		h.say("lag: %s gets all %v later", leader.config.NodeID, lag)
		h.network.setLag(leader.addr(), lag)
		time.Sleep(between(random, 300*time.Millisecond, 2*time.Second))
		h.isolate(leader, true, false)
		h.watchRivals(between(random, time.Second, 3*time.Second))
		h.network.setLag(leader.addr(), 0)
	}},
	// Another one is told to campaign at once, and the leader hears of that late.
	{"late news of a transfer", 4, func(h *history, random *rand.Rand) {
		leader, to := h.leader(random), h.any(random).config.NodeID
		node, lag := leader.node.Load(), between(random, 200*time.Millisecond, 480*time.Millisecond)
		if node == nil {
			return
		}
		h.say("lag: %s gets all %v later, and hands over to %s", leader.config.NodeID, lag, to)
		h.network.setLag(leader.addr(), lag)
		var transferring sync.WaitGroup
		transferring.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			h.say("late transfer to %s: %v", to, node.TransferLeadership(ctx, to))
		})
		h.watchRivals(between(random, time.Second, 2*time.Second))
		transferring.Wait()
		h.network.setLag(leader.addr(), 0)
	}},
	{"cut a node off", 2, func(h *history, random *rand.Rand) {
		h.isolate(h.any(random), true, true)
		time.Sleep(between(random, 200*time.Millisecond, 4*time.Second))
	}},
	{"cut one way", 3, func(h *history, random *rand.Rand) {
		out := random.IntN(2) == 0
		victim := h.leader(random)
		if random.IntN(2) == 0 {
			victim = h.any(random)
		}
		h.isolate(victim, out, !out)
		time.Sleep(between(random, 200*time.Millisecond, 4*time.Second))
	}},
	{"split in two", 3, func(h *history, random *rand.Rand) {
		side := map[string]bool{}
		for _, a := range h.addresses() {
			side[a] = random.IntN(2) == 0
		}
		h.say("cut: sides %v", side)
		h.network.relink(h.addresses(), func(from, to string) bool { return side[from] != side[to] })
		time.Sleep(between(random, 500*time.Millisecond, 4*time.Second))
	}},
	{"bridge", 2, func(h *history, random *rand.Rand) {
		bridge := h.any(random).addr()
		side := map[string]bool{}
		for i, a := range h.addresses() {
			side[a] = i%2 == 0
		}
		h.say("cut: all but over %s", bridge)
		h.network.relink(h.addresses(), func(from, to string) bool {
			return side[from] != side[to] && from != bridge && to != bridge
		})
		time.Sleep(between(random, 500*time.Millisecond, 4*time.Second))
	}},
	{"flap", 2, func(h *history, random *rand.Rand) {
		for range 5 + random.IntN(10) {
			h.isolate(h.any(random), true, random.IntN(2) == 0)
			time.Sleep(between(random, 50*time.Millisecond, 700*time.Millisecond))
			h.heal()
			time.Sleep(between(random, 10*time.Millisecond, 200*time.Millisecond))
		}
	}},
	{"reset streams", 2, func(h *history, random *rand.Rand) {
		for range 1 + random.IntN(5) {
			h.network.resetStreams(h.any(random).addr())
			time.Sleep(between(random, time.Millisecond, 300*time.Millisecond))
		}
	}},
	{"bad weather", 4, func(h *history, random *rand.Rand) {
		w := weather{
			delayMax: between(random, 0, 300*time.Millisecond),
			loss:     random.Float64() * 0.3, duplicate: random.Float64() * 0.5,
		}
		h.say("weather: %+v", w)
		h.network.setWeather(w)
		time.Sleep(between(random, time.Second, 4*time.Second))
	}},
	{"restart the leader", 3, func(h *history, random *rand.Rand) { h.restart(random, h.leader(random)) }},
	{"restart a node", 2, func(h *history, random *rand.Rand) { h.restart(random, h.any(random)) }},
	{"restart several", 2, func(h *history, random *rand.Rand) {
		var victims []*simulated
		for _, i := range random.Perm(len(h.nodes))[:1+random.IntN(len(h.nodes))] {
			victims = append(victims, h.nodes[i])
		}
		h.restart(random, victims...)
	}},
	{"transfer", 3, func(h *history, random *rand.Rand) {
		to := h.any(random).config.NodeID
		if node := h.any(random).node.Load(); node != nil {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			h.say("transfer to %s: %v", to, node.TransferLeadership(ctx, to))
		}
	}},
	{"snapshot", 3, func(h *history, random *rand.Rand) {
		for _, i := range random.Perm(len(h.nodes))[:1+random.IntN(len(h.nodes))] {
			if node := h.nodes[i].node.Load(); node != nil {
				h.say("snapshot of %s: %v", h.nodes[i].config.NodeID, node.Snapshot())
			}
		}
	}},
}

// inject draws faults until the time is over.
func (h *history) inject() {
	random := h.random(5)
	weights := 0
	for _, f := range faults {
		weights += f.weight
	}
	h.network.setWeather(weather{delayMax: 5 * time.Millisecond, duplicate: 0.05})
	for until := time.Now().Add(chaos); time.Now().Before(until); {
		drawn := random.IntN(weights)
		for _, f := range faults {
			if drawn -= f.weight; drawn < 0 {
				h.say("fault: %s", f.name)
				h.faults[f.name]++
				f.inject(h, random)
				break
			}
		}
		// Now and then two faults meet.
		if random.IntN(3) > 0 {
			h.heal()
			h.network.setWeather(weather{delayMax: 5 * time.Millisecond, duplicate: 0.05})
			time.Sleep(between(random, 50*time.Millisecond, 2*time.Second))
		}
	}
}

// watchRivals waits, and counts once if two nodes lead at a time.
func (h *history) watchRivals(d time.Duration) {
	seen := 0
	for until := time.Now().Add(d); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		leaders := 0
		for _, s := range h.nodes {
			if node := s.node.Load(); node != nil && node.Status().State == "leader" {
				leaders++
			}
		}
		if leaders > 1 {
			seen = 1
		}
	}
	h.rivals += seen
}

func (h *history) heal() {
	h.say("links mended")
	h.network.relink(nil, nil)
}

func (h *history) any(random *rand.Rand) *simulated { return h.nodes[random.IntN(len(h.nodes))] }

// leader returns a node that says that it leads, or any.
func (h *history) leader(random *rand.Rand) *simulated {
	for _, i := range random.Perm(len(h.nodes)) {
		if node := h.nodes[i].node.Load(); node != nil && node.Status().State == "leader" {
			return h.nodes[i]
		}
	}
	return h.any(random)
}

// isolate cuts what a node sends, or what it gets, or both.
func (h *history) isolate(s *simulated, sends, gets bool) {
	h.say("cut: %s sends %t, gets %t", s.config.NodeID, !sends, !gets)
	h.network.relink(h.addresses(), func(from, to string) bool {
		return sends && from == s.addr() || gets && to == s.addr()
	})
}

// restart closes nodes together and opens them after a while.
func (h *history) restart(random *rand.Rand, victims ...*simulated) {
	pauses := make([]time.Duration, len(victims))
	for i := range pauses {
		pauses[i] = between(random, 0, 4*time.Second)
	}
	var all sync.WaitGroup
	for i, s := range victims {
		h.say("restart of %s", s.config.NodeID)
		all.Go(func() {
			s.close()
			time.Sleep(pauses[i])
			s.open()
		})
	}
	all.Wait()
}
