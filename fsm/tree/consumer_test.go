package tree

import (
	"strings"
	"testing"
)

func claimRefusal(name string, code Code, field string, allocations ...AllocationOf) refusal {
	return refusal{name, []Op{take(absent, allocations...)}, code, "consumers[0]." + field, 0}
}

var consumerRefusals = []refusal{
	{"claim nothing", []Op{Claim{}}, CodeInvalid, "consumers", 0},
	{"claim without a consumer", []Op{Claim{[]ConsumerClaim{{}}}}, CodeInvalid, "consumers[0].uuid", 0},
	{"claim a consumer twice", []Op{Claim{[]ConsumerClaim{takes(guest, of("numa0", "VCPU", 1)), takes(guest)}}}, CodeInvalid, "consumers[1].uuid", 0},
	{"claim nothing for an unknown consumer", []Op{take(absent)}, CodeConsumerNotFound, "consumers[0].uuid", 0},
	claimRefusal("of nobody", CodeProviderNotFound, "allocations[0].provider", of("nobody", "VCPU", 1)),
	claimRefusal("without a provider", CodeInvalid, "allocations[0].provider", AllocationOf{Class: "VCPU", Amount: 1}),
	claimRefusal("of an unknown class", CodeClassNotFound, "allocations[0].resources.CUSTOM_X", of("numa0", "CUSTOM_X", 1)),
	claimRefusal("of a class without inventory", CodeInventoryNotFound, "allocations[1].resources.PCPU", of("numa0", "VCPU", 1), of("numa0", "PCPU", 1)),
	claimRefusal("of a class with devices only", CodeInventoryNotFound, "allocations[0].resources.CUSTOM_PORT", of("nic", "CUSTOM_PORT", 1)),
	claimRefusal("of amount 0", CodeInvalid, "allocations[0].resources.VCPU", of("numa0", "VCPU", 0)),
	claimRefusal("of a negative amount", CodeInvalid, "allocations[0].resources.VCPU", of("numa0", "VCPU", -1)),
	claimRefusal("of an amount over the limit", CodeInvalid, "allocations[0].resources.VCPU", of("numa0", "VCPU", amountMax+1)),
	claimRefusal("of the same twice", CodeInvalid, "allocations[1].resources.VCPU", of("numa0", "VCPU", 1), of("numa0", "VCPU", 1)),
	claimRefusal("over max_unit", CodeAmountInvalid, "allocations[0].resources.VCPU", of("numa0", "VCPU", 5)),
	claimRefusal("under min_unit", CodeAmountInvalid, "allocations[0].resources.DISK_GB", of("storage", "DISK_GB", 5)),
	claimRefusal("between steps", CodeAmountInvalid, "allocations[0].resources.DISK_GB", of("storage", "DISK_GB", 15)),
	claimRefusal("over capacity", CodeCapacityExceeded, "allocations[1].resources.SRIOV_NET_VF", of("numa0", "VCPU", 1), of("nic", "SRIOV_NET_VF", 4)),
	{"two that fit alone", []Op{Claim{[]ConsumerClaim{takes(absent, of("numa0", "VCPU", 3)), takes(absent+1, of("numa0", "VCPU", 3))}}}, CodeCapacityExceeded, "consumers[1].allocations[0].resources.VCPU", 0},
	{"two in two claims", []Op{take(absent, of("numa0", "VCPU", 3)), take(absent+1, of("numa0", "VCPU", 3))}, CodeCapacityExceeded, "consumers[0].allocations[0].resources.VCPU", 1},
	{"long project", []Op{Claim{[]ConsumerClaim{{Consumer: num(absent), Project: strings.Repeat("x", ownerLenMax+1), Allocations: []AllocationOf{of("numa0", "VCPU", 1)}}}}}, CodeInvalid, "consumers[0].project", 0},
	{"bad user", []Op{Claim{[]ConsumerClaim{{Consumer: num(absent), User: "\xff", Allocations: []AllocationOf{of("numa0", "VCPU", 1)}}}}}, CodeInvalid, "consumers[0].user", 0},
	{"long type", []Op{Claim{[]ConsumerClaim{{Consumer: num(absent), Type: strings.Repeat("x", ownerLenMax+1), Allocations: []AllocationOf{of("numa0", "VCPU", 1)}}}}}, CodeInvalid, "consumers[0].type", 0},
	{"release nothing", []Op{Release{}}, CodeInvalid, "consumers", 0},
	{"release an unknown consumer", []Op{Release{[]UUID{num(guest), num(absent)}}}, CodeConsumerNotFound, "consumers[1].uuid", 0},
	{"release twice", []Op{Release{[]UUID{num(guest), num(guest)}}}, CodeInvalid, "consumers[1].uuid", 0},
	{"release in two operations", []Op{Release{[]UUID{num(guest)}}, Release{[]UUID{num(guest)}}}, CodeConsumerNotFound, "consumers[0].uuid", 1},
	{"release nobody", []Op{Release{[]UUID{{}}}}, CodeInvalid, "consumers[0].uuid", 0},
}

var everyone = []string{"host", "numa0", "numa1", "nic", "storage"}

// A claim counts a generation for the consumer and for each provider of its
// new set, or of the old one where it wipes it; others keep theirs, even where
// their usage falls.
func TestClaimGenerations(t *testing.T) {
	s := sample(t) // guest: numa0 and storage, tunnel: numa0 and nic
	for _, c := range []struct {
		name string
		op   Op
		gain []uint64 // of everyone
	}{
		{"a new consumer", take(absent, of("numa1", "VCPU", 1)), []uint64{0, 0, 1, 0, 0}},
		{"two classes of one provider", Claim{[]ConsumerClaim{takes(absent, of("numa1", "VCPU", 1), of("host", "MEMORY_MB", 1))}}, []uint64{1, 0, 1, 0, 0}},
		{"the same again", take(guest, of("numa0", "VCPU", 2), of("storage", "DISK_GB", 10)), []uint64{0, 1, 0, 0, 1}},
		{"another set", take(guest, of("numa1", "VCPU", 2)), []uint64{0, 0, 1, 0, 0}},
		{"a wipe", take(guest), []uint64{0, 1, 0, 0, 1}},
		{"two consumers on one provider", Claim{[]ConsumerClaim{takes(guest, of("numa0", "VCPU", 1)), takes(tunnel, of("numa0", "VCPU", 2))}}, []uint64{0, 1, 0, 0, 0}},
		{"one wiped, one new", Claim{[]ConsumerClaim{takes(guest), takes(absent, of("numa1", "VCPU", 1))}}, []uint64{0, 1, 1, 0, 1}},
		{"a release", Release{[]UUID{num(guest), num(tunnel)}}, []uint64{0, 0, 0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, effect := apply(t, s, c.op)
			gained(t, s, next, everyone, c.gain...)
			for _, g := range effect.Consumers {
				was := uint64(0)
				if old, ok := s.FindConsumer(g.UUID); ok {
					was = old.Generation()
				}
				now, ok := next.FindConsumer(g.UUID)
				if !ok || now.Generation() != was+1 || g.Generation != was+1 {
					t.Errorf("consumer %s: generation %d after %d", g.UUID, g.Generation, was)
				}
			}
		})
	}
}

func TestClaimReplacesWhatAConsumerHolds(t *testing.T) {
	s := grow(t, sample(t), take(guest, of("storage", "DISK_GB", 500), of("numa1", "VCPU", 8)))
	equal(t, "numa0", used(t, s, "numa0", "VCPU"), 1)
	equal(t, "numa1", used(t, s, "numa1", "VCPU"), 8)
	equal(t, "storage", used(t, s, "storage", "DISK_GB"), 500)
	c, _ := s.FindConsumer(num(guest))
	var held []string
	for _, a := range c.Allocations() {
		held = append(held, a.Provider.Name()+" "+a.Class)
	}
	equal(t, "allocations in the order of the claim", held, []string{"storage DISK_GB", "numa1 VCPU"})
}

func TestConsumerVanishesWithItsLastAllocation(t *testing.T) {
	for _, op := range []Op{take(guest), Release{[]UUID{num(guest)}}} {
		s, effect := apply(t, sample(t), op)
		if _, ok := s.FindConsumer(num(guest)); ok {
			t.Errorf("%s: the consumer is still there", op.Kind())
		}
		equal(t, "consumers in the effect", len(effect.Consumers), 0)
		equal(t, "consumers", s.NumConsumers(), 1)
		equal(t, "storage", used(t, s, "storage", "DISK_GB"), 0)
		s = grow(t, s, take(guest, of("numa0", "VCPU", 1)))
		c, _ := s.FindConsumer(num(guest))
		equal(t, "generation of a consumer that returns", c.Generation(), 1)
	}
}

func TestConsumerOwner(t *testing.T) {
	claim := func(project, user, kind string) Claim {
		return Claim{[]ConsumerClaim{{num(absent), project, user, kind, []AllocationOf{of("numa1", "VCPU", 1)}}}}
	}
	owner := func(s *State) [3]string {
		c, _ := s.FindConsumer(num(absent))
		return [3]string{c.Project(), c.User(), c.Type()}
	}
	s := grow(t, sample(t), claim("", "", ""))
	equal(t, "owner", owner(s), [3]string{})
	s = grow(t, s, claim("p", "u", "INSTANCE"))
	equal(t, "owner", owner(s), [3]string{"p", "u", "INSTANCE"})
	s = grow(t, s, claim("", "", ""))
	equal(t, "owner", owner(s), [3]string{"p", "u", "INSTANCE"})
	s = grow(t, s, claim("p2", "", "MIGRATION"))
	equal(t, "owner", owner(s), [3]string{"p2", "u", "MIGRATION"})
}

func TestConsumerTimes(t *testing.T) {
	s, _, err := sample(t).Apply(now+5, Txn{Ops: []Op{take(guest, of("numa0", "VCPU", 1))}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := s.FindConsumer(num(guest))
	equal(t, "times", []Time{c.CreatedAt(), c.UpdatedAt()}, []Time{now, now + 5})
	equal(t, "provider's", provide(t, s, "storage").UpdatedAt(), now+5) // its usage fell
	equal(t, "provider's", provide(t, s, "numa1").UpdatedAt(), now)
}

func TestClaimOfManyConsumers(t *testing.T) {
	const n = 200
	var claim Claim
	for i := range n {
		claim.Consumers = append(claim.Consumers, takes(1000+i, of("host", "MEMORY_MB", 20), of("storage", "DISK_GB", 10)))
	}
	equal(t, "too much disk", refused(t, sample(t), claim).Code, CodeCapacityExceeded)
	s := grow(t, sample(t), setInventories("storage", inv("DISK_GB", 2010)), claim)
	equal(t, "memory", used(t, s, "host", "MEMORY_MB"), 20*n)
	equal(t, "disk", used(t, s, "storage", "DISK_GB"), 10*n+10)
	gained(t, sample(t), s, everyone, 1, 0, 0, 0, 2)
	equal(t, "consumers", s.NumConsumers(), n+2)
}

// Everything that a machine needs may come in one transaction.
func TestClaimWithCreation(t *testing.T) {
	s, effect := apply(t, New(),
		CreateResourceClass{"CUSTOM_GPU"},
		create(1, "host", ""),
		setInventories("host", inv("CUSTOM_GPU", 2)),
		take(guest, of("host", "CUSTOM_GPU", 2)),
	)
	equal(t, "used", used(t, s, "host", "CUSTOM_GPU"), 2)
	equal(t, "effect", effect, Effect{
		Created: []UUID{num(1)}, Providers: []Generation{{num(1), 2}}, Consumers: []Generation{{num(guest), 1}},
	})
	s, effect = apply(t, s, Release{[]UUID{num(guest)}}, RemoveProvider{Provider: ByName("host")}, RemoveResourceClass{"CUSTOM_GPU"})
	equal(t, "providers", s.NumProviders(), 0)
	equal(t, "effect", effect, Effect{})
}
