package tree

import (
	"strings"
	"testing"
)

var providerRefusals = []refusal{
	{"create without uuid", []Op{CreateProvider{Name: "x"}}, CodeInvalid, "uuid", 0},
	{"create without name", []Op{create(9, "", "")}, CodeInvalid, "name", 0},
	{"create with a long name", []Op{create(9, strings.Repeat("x", providerNameLenMax+1), "")}, CodeInvalid, "name", 0},
	{"create with bad UTF-8", []Op{create(9, "\xff", "")}, CodeInvalid, "name", 0},
	{"create with NUL", []Op{create(9, "a\x00b", "")}, CodeInvalid, "name", 0},
	{"create with a known uuid", []Op{create(1, "x", "")}, CodeProviderExists, "uuid", 0},
	{"create with a taken name", []Op{create(9, "numa1", "")}, CodeDuplicateName, "name", 0},
	{"create below nothing", []Op{create(9, "x", "nobody")}, CodeProviderNotFound, "parent", 0},
	{"create twice", []Op{create(9, "x", ""), create(9, "y", "")}, CodeProviderExists, "uuid", 1},
	{"create below one created later", []Op{create(8, "x", "y"), create(9, "y", "")}, CodeProviderNotFound, "parent", 0},

	{"remove nobody", []Op{RemoveProvider{Provider: ByName("nobody")}}, CodeProviderNotFound, "provider", 0},
	{"remove without a reference", []Op{RemoveProvider{}}, CodeInvalid, "provider", 0},
	{"remove with children", []Op{RemoveProvider{Provider: ByName("host")}}, CodeProviderHasChild, "provider", 0},
	{"remove in use", []Op{RemoveProvider{Provider: ByName("storage")}}, CodeProviderInUse, "provider", 0},
	{"remove a subtree in use", []Op{RemoveProvider{ByName("host"), true}}, CodeProviderInUse, "provider", 0},
	{"remove twice", []Op{RemoveProvider{Provider: ByName("numa1")}, RemoveProvider{Provider: ByName("numa1")}}, CodeProviderNotFound, "provider", 1},

	{"rename nobody", []Op{RenameProvider{ByName("nobody"), "x"}}, CodeProviderNotFound, "provider", 0},
	{"rename to nothing", []Op{RenameProvider{ByName("host"), ""}}, CodeInvalid, "name", 0},
	{"rename to a taken name", []Op{RenameProvider{ByName("host"), "nic"}}, CodeDuplicateName, "name", 0},

	{"move nobody", []Op{MoveProvider{ByName("nobody"), ByName("host")}}, CodeProviderNotFound, "provider", 0},
	{"move below nobody", []Op{MoveProvider{ByName("nic"), ByName("nobody")}}, CodeProviderNotFound, "parent", 0},
	{"move below itself", []Op{MoveProvider{ByName("nic"), ByName("nic")}}, CodeLoop, "parent", 0},
	{"move below its child", []Op{MoveProvider{ByName("numa0"), ByName("nic")}}, CodeLoop, "parent", 0},
	{"move a root below its grandchild", []Op{MoveProvider{ByName("host"), ByName("nic")}}, CodeLoop, "parent", 0},
	{"move two below each other", []Op{MoveProvider{ByName("numa0"), ByName("numa1")}, MoveProvider{ByName("numa1"), ByName("nic")}}, CodeLoop, "parent", 1},
}

func TestCreateProvider(t *testing.T) {
	s := New()
	for i, c := range []struct{ name, parent, root string }{
		{"root", "", "root"}, {"child", "root", "root"}, {"grandchild", "child", "root"}, {"other", "", "other"},
		{strings.Repeat("x", providerNameLenMax), "other", "other"}, {"ß 木", "root", "root"},
	} {
		next, effect, err := s.Apply(now+Time(i), Txn{Ops: []Op{create(i+1, c.name, c.parent)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := next.Check(); err != nil {
			t.Fatal(err)
		}
		s = next
		p := provide(t, s, c.name)
		equal(t, "root", p.Root().Name(), c.root)
		parent, ok := p.Parent()
		if p.IsRoot() != (c.parent == "") || ok == p.IsRoot() || ok && parent.Name() != c.parent {
			t.Errorf("%s: parent is %v", c.name, ok)
		}
		equal(t, "number", p.Number(), uint32(i+1))
		equal(t, "generation", p.Generation(), 0)
		equal(t, "times", []Time{p.CreatedAt(), p.UpdatedAt()}, []Time{now + Time(i), now + Time(i)})
		equal(t, "effect", effect, Effect{Created: []UUID{num(i + 1)}, Providers: []Generation{{num(i + 1), 0}}})
		equal(t, "revision", s.Revision(), uint64(i+1))
	}
	equal(t, "providers", s.NumProviders(), 6)
}

func TestProviderNumbersAreNotReused(t *testing.T) {
	s := grow(t, New(), create(1, "a", ""))
	s = grow(t, s, RemoveProvider{Provider: ByName("a")})
	s = grow(t, s, create(1, "a", ""))
	equal(t, "number", provide(t, s, "a").Number(), 2)
}

func TestProviderNumbersRunOut(t *testing.T) {
	b := NewBuilder(Meta{NextProvider: 1<<32 - 1, NextClass: firstCustom, NextTrait: firstCustom})
	s, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "code", refused(t, s, create(1, "a", "")).Code, CodeInvalid)
}

func TestFindByReference(t *testing.T) {
	s := sample(t)
	host := num(1).String()
	s = grow(t, s, create(9, host, "")) // named like the other's UUID
	for _, c := range []struct {
		ref  Ref
		want string
	}{
		{ByUUID(num(2)), "numa0"},
		{ByName("numa0"), "numa0"},
		{ParseRef("numa0"), "numa0"},
		{ParseRef(host), "host"},
		{ByName(host), host},
		{ParseRef(strings.ToUpper(strings.ReplaceAll(host, "-", ""))), "host"},
		{Ref{num(77), "numa1"}, "numa1"}, // unknown UUID: by name
		{Ref{num(2), "numa1"}, "numa0"},  // the UUID wins
		{ByName("nobody"), ""},
		{ByUUID(num(77)), ""},
		{Ref{}, ""},
	} {
		p, ok := s.Find(c.ref)
		if ok != (c.want != "") || ok && p.Name() != c.want {
			t.Errorf("Find(%+v): found %v", c.ref, ok)
		}
	}
}

func TestRemoveProvider(t *testing.T) {
	s := sample(t)
	s = grow(t, s, RemoveProvider{Provider: ByName("numa1")})
	equal(t, "providers", s.NumProviders(), 4)
	s = grow(t, s, Release{[]UUID{num(guest), num(tunnel)}}, RemoveProvider{ByName("host"), true})
	equal(t, "providers", s.NumProviders(), 1)
	s, effect := apply(t, s, create(1, "host", ""), RemoveProvider{ByName("storage"), true})
	equal(t, "effect", effect, Effect{Created: []UUID{num(1)}, Providers: []Generation{{num(1), 0}}})
	if s.byClass.len()+s.byTrait.len()+s.byAggregate.len() != 0 {
		t.Error("removed providers are still indexed")
	}
	s = grow(t, s, RemoveTrait{"CUSTOM_RACK"}, RemoveResourceClass{"CUSTOM_PORT"})
	equal(t, "terms", s.HasTrait("CUSTOM_RACK") || s.HasResourceClass("CUSTOM_PORT"), false)
}

func TestRenameProvider(t *testing.T) {
	s := sample(t)
	next := grow(t, s, RenameProvider{ByName("host"), "node"})
	equal(t, "uuid", provide(t, next, "node").UUID(), num(1))
	equal(t, "generation", provide(t, next, "node").Generation(), provide(t, s, "host").Generation())
	if _, ok := next.Find(ByName("host")); ok {
		t.Error("the old name is still known")
	}
	next, effect := apply(t, next, RenameProvider{ByName("node"), "node"})
	equal(t, "effect of a rename to the same name", effect, Effect{})
	next = grow(t, next, // a swap, with a name between
		RenameProvider{ByName("numa0"), "x"}, RenameProvider{ByName("numa1"), "numa0"}, RenameProvider{ByName("x"), "numa1"})
	equal(t, "uuid", provide(t, next, "numa0").UUID(), num(3))
}

func TestMoveProvider(t *testing.T) {
	s := sample(t)
	names := []string{"host", "numa0", "numa1", "nic", "storage"}
	for _, c := range []struct {
		name, child, parent string
		roots               string // of host, numa0, numa1, nic, storage
	}{
		{"to a sibling", "numa0", "numa1", "host host host host storage"},
		{"a leaf to another tree", "nic", "storage", "host host host storage storage"},
		{"a subtree to another tree", "numa0", "storage", "host storage host storage storage"},
		{"a root below another", "host", "storage", "storage storage storage storage storage"},
		{"a root below a leaf", "storage", "nic", "host host host host host"},
		{"out of its tree", "numa0", "", "host numa0 host numa0 storage"},
		{"to where it is", "numa0", "host", "host host host host storage"},
		{"a root to where it is", "host", "", "host host host host storage"},
	} {
		t.Run(c.name, func(t *testing.T) {
			next := grow(t, s, MoveProvider{ByName(c.child), ByName(c.parent)})
			var roots []string
			for _, name := range names {
				roots = append(roots, provide(t, next, name).Root().Name())
			}
			equal(t, "roots", strings.Join(roots, " "), c.roots)
			gained(t, s, next, names, 0, 0, 0, 0, 0)
			moved := provide(t, next, c.child)
			parent, ok := moved.Parent()
			if ok != (c.parent != "") || ok && parent.Name() != c.parent {
				t.Errorf("the parent is not %q", c.parent)
			}
		})
	}
}

func TestMoveTouchesWhatItWrites(t *testing.T) {
	_, effect := apply(t, sample(t), MoveProvider{ByName("numa0"), ByName("storage")})
	equal(t, "touched", len(effect.Providers), 2) // numa0 and nic, whose root follows
	_, effect = apply(t, sample(t), MoveProvider{ByName("numa0"), ByName("numa1")})
	equal(t, "touched", len(effect.Providers), 1)
}
