package tree

import (
	"slices"
	"strings"
	"testing"
)

var vocabularyRefusals = []refusal{
	{"create a class without the prefix", []Op{CreateResourceClass{"GOLD"}}, CodeInvalid, "name", 0},
	{"create a class of nothing but the prefix", []Op{CreateResourceClass{"CUSTOM_"}}, CodeInvalid, "name", 0},
	{"create a class in lower case", []Op{CreateResourceClass{"CUSTOM_gold"}}, CodeInvalid, "name", 0},
	{"create a class with bad UTF-8", []Op{CreateResourceClass{"CUSTOM_\xff"}}, CodeInvalid, "name", 0},
	{"create a long class", []Op{CreateResourceClass{longName(vocabularyNameLenMax + 1)}}, CodeInvalid, "name", 0},
	{"create a trait without the prefix", []Op{CreateTrait{"GOLD"}}, CodeInvalid, "name", 0},
	{"create a trait without name", []Op{CreateTrait{}}, CodeInvalid, "name", 0},
	{"create a trait with a space", []Op{CreateTrait{"CUSTOM_A B"}}, CodeInvalid, "name", 0},
	{"create a long trait", []Op{CreateTrait{longName(vocabularyNameLenMax + 1)}}, CodeInvalid, "name", 0},

	{"rename an unknown class", []Op{RenameResourceClass{"CUSTOM_X", "CUSTOM_Y"}}, CodeClassNotFound, "name", 0},
	{"rename a standard class", []Op{RenameResourceClass{"VCPU", "CUSTOM_Y"}}, CodeInvalid, "name", 0},
	{"rename to a bad name", []Op{RenameResourceClass{"CUSTOM_FREE", "FREE"}}, CodeInvalid, "new_name", 0},
	{"rename to a known name", []Op{RenameResourceClass{"CUSTOM_FREE", "CUSTOM_PORT"}}, CodeClassExists, "new_name", 0},
	{"use the old name after a rename", []Op{RenameResourceClass{"CUSTOM_FREE", "CUSTOM_Y"}, setInventories("host", inv("CUSTOM_FREE", 1))}, CodeClassNotFound, "inventories.CUSTOM_FREE", 1},

	{"remove an unknown class", []Op{RemoveResourceClass{"CUSTOM_X"}}, CodeClassNotFound, "name", 0},
	{"remove a standard class", []Op{RemoveResourceClass{"PCPU"}}, CodeInvalid, "name", 0},
	{"remove a class that a device has", []Op{RemoveResourceClass{"CUSTOM_PORT"}}, CodeClassInUse, "name", 0},
	{"remove a class that an inventory has", []Op{setInventories("host", inv("CUSTOM_FREE", 1)), RemoveResourceClass{"CUSTOM_FREE"}}, CodeClassInUse, "name", 1},
	{"remove an unknown trait", []Op{RemoveTrait{"CUSTOM_X"}}, CodeTraitNotFound, "name", 0},
	{"remove a standard trait", []Op{RemoveTrait{"HW_NUMA_ROOT"}}, CodeInvalid, "name", 0},
	{"remove a trait in use", []Op{RemoveTrait{"CUSTOM_RACK"}}, CodeTraitInUse, "name", 0},
}

func longName(n int) string { return customPrefix + strings.Repeat("X", n-len(customPrefix)) }

func TestCreatingTermsIsIdempotent(t *testing.T) {
	s := sample(t)
	for _, op := range []Op{
		CreateResourceClass{"CUSTOM_PORT"}, CreateResourceClass{"VCPU"},
		CreateTrait{"CUSTOM_RACK"}, CreateTrait{"HW_NUMA_ROOT"},
	} {
		next, effect := apply(t, s, op)
		equal(t, op.Kind()+": effect", effect, Effect{})
		without := func(s *State) string { _, rest, _ := strings.Cut(dump(s), "\n"); return rest }
		equal(t, op.Kind()+": content", without(next), without(s))
	}
}

func TestStandardNames(t *testing.T) {
	s := New()
	equal(t, "classes", s.ResourceClasses(), StandardResourceClasses())
	equal(t, "traits", s.Traits(), StandardTraits())
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if len(StandardResourceClasses()) >= firstCustom || len(StandardTraits()) >= firstCustom {
		t.Error("standard names reach into the numbers of custom ones")
	}
}

func TestTermNumbers(t *testing.T) {
	s := grow(t, New(), CreateResourceClass{"CUSTOM_A"}, CreateResourceClass{longName(vocabularyNameLenMax)}, CreateTrait{"CUSTOM_A"})
	s = grow(t, s, RemoveResourceClass{"CUSTOM_A"}, RemoveTrait{"CUSTOM_A"})
	s = grow(t, s, CreateResourceClass{"CUSTOM_A"}, CreateTrait{"CUSTOM_A"})
	equal(t, "meta", s.Meta(), Meta{Revision: 3, NextProvider: 1, NextClass: firstCustom + 3, NextTrait: firstCustom + 2})
	names := s.ResourceClasses()
	equal(t, "the last class", names[len(names)-1], "CUSTOM_A") // its number was not reused
}

// Records hold a class by number, so that its new name shows everywhere.
func TestRenameResourceClassIsSeenEverywhere(t *testing.T) {
	s := grow(t, sample(t), put(Upsert, "nic", inv("CUSTOM_PORT", 2)), take(absent, of("nic", "CUSTOM_PORT", 1)))
	next, effect := apply(t, s, RenameResourceClass{"CUSTOM_PORT", "CUSTOM_SOCKET"})
	equal(t, "effect", effect, Effect{})
	gained(t, s, next, everyone, 0, 0, 0, 0, 0)
	nic := provide(t, next, "nic")
	if _, ok := nic.Inventory("CUSTOM_PORT"); ok || next.HasResourceClass("CUSTOM_PORT") {
		t.Error("the old name is still known")
	}
	equal(t, "used", used(t, next, "nic", "CUSTOM_SOCKET"), 1)
	equal(t, "device", nic.Devices()[0].Class, "CUSTOM_SOCKET")
	c, _ := next.FindConsumer(num(absent))
	equal(t, "allocation", c.Allocations()[0].Class, "CUSTOM_SOCKET")
	found := 0
	for range next.ProvidersWithClass("CUSTOM_SOCKET", 0) {
		found++
	}
	equal(t, "providers with it", found, 1)
	if !slices.Contains(next.ResourceClasses(), "CUSTOM_SOCKET") || slices.Contains(next.ResourceClasses(), "CUSTOM_PORT") {
		t.Error("the list of classes has the old name")
	}
	// The old name is free for another class, and the old state knows nothing of it.
	next = grow(t, next, CreateResourceClass{"CUSTOM_PORT"})
	equal(t, "used", used(t, next, "nic", "CUSTOM_SOCKET"), 1)
	equal(t, "used before", used(t, s, "nic", "CUSTOM_PORT"), 1)
}
