package check

import "fmt"

// The world that clients work on is small, so that they meet. It is made
// before the history begins; the racks and the pair always stay.
const (
	// RackA and RackB are roots. Hosts hang below them, below each other, or
	// are roots themselves.
	RackA = iota
	RackB
	// FixedHost is the first of the hosts whose inventory is always FixedTotal
	// while they exist: they are never over capacity.
	FixedHost
	_
	_
	// VariedHost is the first of the hosts whose inventory changes, also to
	// less than is in use, which the store allows.
	VariedHost
	_
	_
	// PairRoot has two children, PairLeft and PairRight, whose inventories are
	// written together and are always equal.
	PairRoot
	PairLeft
	PairRight
	// Stuff is a root that big writes go to, which leave nothing behind.
	Stuff

	Providers = Stuff + 1
	Consumers = 20
	// NoParent is the parent of a root.
	NoParent = -1
	// FixedTotal is the inventory of a fixed host.
	FixedTotal = 6
	// Class is the resource class of all inventories.
	Class = "VCPU"
)

// ProviderUUID is the UUID of a provider of the world.
func ProviderUUID(p int) string { return fmt.Sprintf("0fa00000-0000-4000-8000-0000000000%02x", p) }

// ConsumerUUID is the UUID of a consumer of the world.
func ConsumerUUID(c int) string { return fmt.Sprintf("0fc00000-0000-4000-8000-0000000000%02x", c) }

var providerNames = [Providers]string{
	"rack-a", "rack-b", "fixed-0", "fixed-1", "fixed-2", "varied-0", "varied-1", "varied-2", "pair", "pair-left", "pair-right", "stuff",
}

// ProviderName is the name of a provider of the world.
func ProviderName(p int) string { return providerNames[p] }

// ProviderOf and ConsumerOf find the number that belongs to a UUID.
func ProviderOf(uuid string) (int, bool) {
	for p := range Providers {
		if ProviderUUID(p) == uuid {
			return p, true
		}
	}
	return 0, false
}

// ConsumerOf is ProviderOf for consumers.
func ConsumerOf(uuid string) (int, bool) {
	for c := range Consumers {
		if ConsumerUUID(c) == uuid {
			return c, true
		}
	}
	return 0, false
}

// IsHost reports whether the provider can be created and removed.
func IsHost(p int) bool { return p >= FixedHost && p < PairRoot }

// IsHalf reports whether the provider is one of the pair.
func IsHalf(p int) bool { return p == PairLeft || p == PairRight }

// IsFixed reports whether the provider's inventory is constant.
func IsFixed(p int) bool { return p >= FixedHost && p < VariedHost }
