package load

import (
	"math/rand/v2"

	"github.com/treenode/treenode/scripts/faults/check"
)

// chooser draws operations. It remembers a little of what its client has seen,
// so that not all are in vain.
type chooser struct {
	r *rand.Rand
	// pair is the next value for the pair: no two clients write the same.
	pair, pairStep int32
	// left is the last generation of PairLeft seen.
	left int32
}

func (c *chooser) host() int8 {
	return int8(check.FixedHost + c.r.IntN(check.PairRoot-check.FixedHost)) //nolint:gosec // small
}

func (c *chooser) varied() int8 {
	return int8(check.VariedHost + c.r.IntN(check.PairRoot-check.VariedHost)) //nolint:gosec // small
}

func (c *chooser) consumer() int8 { return int8(c.r.IntN(check.Consumers)) } //nolint:gosec // small

func (c *chooser) parent() int8 {
	switch c.r.IntN(10) {
	case 0:
		return check.NoParent
	case 1:
		return c.host()
	case 2, 3, 4, 5:
		return check.RackA
	default:
		return check.RackB
	}
}

func (c *chooser) total(host int8) int32 {
	if check.IsFixed(int(host)) {
		return check.FixedTotal
	}
	return 2 + c.r.Int32N(12)
}

// amounts draws what one consumer claims: of one host, or of two.
func (c *chooser) amounts() []check.Amount {
	all := []check.Amount{{Provider: c.host(), Amount: 1 + int8(c.r.IntN(3))}} //nolint:gosec // small
	if second := c.host(); c.r.IntN(3) == 0 && second != all[0].Provider {
		all = append(all, check.Amount{Provider: second, Amount: 1 + int8(c.r.IntN(2))}) //nolint:gosec // small
	}
	return all
}

// consumers draws up to two consumers.
func (c *chooser) consumers() []check.ConsumerClaim {
	all := []check.ConsumerClaim{{Consumer: c.consumer()}}
	if second := c.consumer(); c.r.IntN(4) == 0 && second != all[0].Consumer {
		all = append(all, check.ConsumerClaim{Consumer: second})
	}
	return all
}

func (c *chooser) level() check.Level {
	switch c.r.IntN(10) {
	case 0, 1:
		return check.Session
	case 2, 3:
		return check.Stale
	default:
		return check.Linearizable
	}
}

// read draws a read.
func (c *chooser) read() *check.Op {
	o := &check.Op{Level: c.level()}
	switch n := c.r.IntN(10); {
	case n < 4:
		o.Kind = check.ReadProviders
	case n < 6:
		roots := []int8{check.RackA, check.RackB, check.PairRoot, check.PairRoot}
		o.Kind, o.Args.Provider = check.ReadTree, roots[c.r.IntN(len(roots))]
	case n < 8:
		o.Kind = check.ReadConsumers
	default:
		// Its answer has no revision, so only one level can be judged.
		o.Kind, o.Level = check.ReadConsumer, check.Linearizable
		o.Args.Claims = []check.ConsumerClaim{{Consumer: c.consumer()}}
	}
	return o
}

// write draws a write.
func (c *chooser) write() *check.Op {
	o := &check.Op{}
	switch n := c.r.IntN(100); {
	case n < 30:
		o.Kind, o.Args.Claims = check.Claim, c.consumers()
		for i := range o.Args.Claims {
			o.Args.Claims[i].Amounts = c.amounts()
		}
	case n < 50:
		o.Kind, o.Args.Claims = check.Release, c.consumers()
		if c.r.IntN(3) == 0 {
			o.Kind = check.Claim // of nothing
		}
	case n < 58:
		o.Kind, o.Args.Provider, o.Args.Parent = check.Move, c.host(), c.parent()
	case n < 66:
		o.Kind, o.Args.Provider = check.SetInventory, c.varied()
		o.Args.Total = c.total(o.Args.Provider)
	case n < 72:
		o.Kind, o.Args.Provider = check.Remove, c.host()
	case n < 80:
		o.Kind, o.Args.Provider, o.Args.Parent = check.Create, c.host(), c.parent()
		o.Args.Total = c.total(o.Args.Provider)
	case n < 86:
		o.Kind = check.Reshape
		from := c.varied()
		o.Args.Inventories = []check.Inventory{{Provider: from, Total: c.total(from)}}
		if to := c.varied(); to > from {
			o.Args.Inventories = append(o.Args.Inventories, check.Inventory{Provider: to, Total: c.total(to)})
		}
		o.Args.Claims = c.consumers()
		for i := range o.Args.Claims {
			o.Args.Claims[i].Amounts = c.amounts()
		}
	default:
		o.Kind, o.Args.Total = check.WritePair, c.pair
		c.pair += c.pairStep
		if c.r.IntN(2) == 0 {
			left := c.left
			o.Args.Generation = &left
		}
	}
	return o
}

// see takes in what an answer shows.
func (c *chooser) see(o *check.Op) {
	if o.Providers != nil && o.Providers[check.PairLeft].Exists {
		c.left = o.Providers[check.PairLeft].Generation
	}
	for _, t := range o.Told {
		if !t.Consumer && t.Number == check.PairLeft {
			c.left = t.Generation
		}
	}
}
