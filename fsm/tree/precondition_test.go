package tree

import (
	"errors"
	"testing"
)

func TestPreconditions(t *testing.T) {
	s := grow(t, sample(t), RenameProvider{ByName("numa1"), "numa1"}) // revision 2
	host, guestUUID := ByName("host"), num(guest)
	hostGeneration := provide(t, s, "host").Generation()
	for _, c := range []struct {
		name string
		p    Precondition
		want *Conflict // nil where it holds
	}{
		{"revision", Precondition{Kind: StateRevision, Value: 2}, nil},
		{"other revision", Precondition{Kind: StateRevision, Value: 1}, &Conflict{Want: 1, Have: 2}},
		{"generation", Precondition{Kind: ProviderGeneration, Provider: host, Value: hostGeneration}, nil},
		{"other generation", Precondition{Kind: ProviderGeneration, Provider: host, Value: 99}, &Conflict{Provider: num(1).String(), Want: 99, Have: hostGeneration}},
		{"generation of nobody", Precondition{Kind: ProviderGeneration, Provider: ByName("nobody"), Value: 3}, &Conflict{Provider: "nobody", Want: 3, Missing: true}},
		{"absent", Precondition{Kind: ProviderAbsent, Provider: ByName("nobody")}, nil},
		{"not absent", Precondition{Kind: ProviderAbsent, Provider: host}, &Conflict{Provider: "host", Structural: true}},
		{"consumer", Precondition{Kind: ConsumerGeneration, Consumer: guestUUID, Value: 1}, nil},
		{"other consumer generation", Precondition{Kind: ConsumerGeneration, Consumer: guestUUID, Value: 0}, &Conflict{Consumer: guestUUID.String(), Have: 1}},
		{"no consumer", Precondition{Kind: ConsumerGeneration, Consumer: num(absent)}, &Conflict{Consumer: num(absent).String(), Missing: true}},
		{"consumer absent", Precondition{Kind: ConsumerAbsent, Consumer: num(absent)}, nil},
		{"consumer not absent", Precondition{Kind: ConsumerAbsent, Consumer: guestUUID}, &Conflict{Consumer: guestUUID.String(), Structural: true}},
		{"parent", Precondition{Kind: ProviderParent, Provider: ByName("nic"), Parent: ByUUID(num(2))}, nil},
		{"root", Precondition{Kind: ProviderParent, Provider: host}, nil},
		{"other parent", Precondition{Kind: ProviderParent, Provider: ByName("nic"), Parent: host}, &Conflict{Provider: num(4).String(), Structural: true}},
		{"parent is nobody", Precondition{Kind: ProviderParent, Provider: ByName("nic"), Parent: ByName("nobody")}, &Conflict{Provider: num(4).String(), Structural: true}},
		{"no root", Precondition{Kind: ProviderParent, Provider: ByName("nic")}, &Conflict{Provider: num(4).String(), Structural: true}},
		{"root is not below", Precondition{Kind: ProviderParent, Provider: host, Parent: ByName("storage")}, &Conflict{Provider: num(1).String(), Structural: true}},
		{"parent of nobody", Precondition{Kind: ProviderParent, Provider: ByName("nobody")}, &Conflict{Provider: "nobody", Missing: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := dump(s)
			txn := Txn{Preconditions: []Precondition{c.p}, Ops: []Op{create(9, "x", "")}}
			next, _, err := s.Apply(now, txn, nil)
			if c.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "revision", next.Revision(), 3)
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Code != CodeConflict || e.Op != -1 || len(e.Conflicts) != 1 {
				t.Fatalf("refused with %s", describe(err))
			}
			equal(t, "conflict", e.Conflicts[0], *c.want)
			equal(t, "provider", e.Provider, c.want.Provider)
			equal(t, "consumer", e.Consumer, c.want.Consumer)
			equal(t, "content", dump(s), before)
		})
	}
}

func TestEveryConflictIsReported(t *testing.T) {
	s := sample(t)
	_, _, err := s.Apply(now, Txn{
		Preconditions: []Precondition{
			{Kind: StateRevision, Value: 1},
			{Kind: ConsumerAbsent, Consumer: num(guest)},
			{Kind: ProviderGeneration, Provider: ByName("host"), Value: 99},
			{Kind: ProviderAbsent, Provider: ByName("nobody")},
			{Kind: ProviderGeneration, Provider: ByName("nobody")},
		},
		Ops: []Op{CreateProvider{}}, // is not looked at
	}, nil)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeConflict || len(e.Conflicts) != 3 {
		t.Fatalf("refused with %s", describe(err))
	}
	for i, index := range []int{1, 2, 4} {
		equal(t, "index", e.Conflicts[i].Precondition, index)
	}
	equal(t, "consumer", e.Consumer, num(guest).String())
	equal(t, "provider", e.Provider, "")
}

// Preconditions look at the state before the transaction, not at what its
// operations make of it.
func TestPreconditionsComeFirst(t *testing.T) {
	next, _, err := sample(t).Apply(now, Txn{
		Preconditions: []Precondition{{Kind: ProviderAbsent, Provider: ByName("x")}, {Kind: StateRevision, Value: 1}},
		Ops:           []Op{create(9, "x", ""), create(10, "y", "x")},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "revision", next.Revision(), 2)
}

func TestConflictSaysWhatItIs(t *testing.T) {
	for _, c := range []struct {
		conflict Conflict
		want     string
	}{
		{Conflict{Want: 1, Have: 2}, "the state has revision 2, not 1"},
		{Conflict{Provider: "p", Want: 1, Have: 2}, "provider p has generation 2, not 1"},
		{Conflict{Consumer: "c", Want: 1, Have: 2}, "consumer c has generation 2, not 1"},
		{Conflict{Consumer: "c", Missing: true}, "consumer c does not exist"},
		{Conflict{Provider: "p", Structural: true}, "provider p is not where it was expected"},
	} {
		equal(t, "text", c.conflict.String(), c.want)
	}
}

// A kind that nobody knows never holds: a replica that met one must not take
// it for another.
func TestUnknownPreconditionDoesNotHold(t *testing.T) {
	s := sample(t)
	host := provide(t, s, "host")
	for _, kind := range []PreconditionKind{0, 7, 255} {
		_, _, err := s.Apply(now, Txn{
			Preconditions: []Precondition{{Kind: kind, Provider: ByName("host"), Value: host.Generation()}},
			Ops:           []Op{create(9, "x", "")},
		}, nil)
		if err == nil {
			t.Errorf("kind %d holds", kind)
		}
	}
}
