package migrate_test

import (
	"slices"
	"testing"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/migrate"
	"github.com/treenode/treenode/cmd/treenode/internal/storetest"
	"github.com/treenode/treenode/transport/wire"
)

// What a client remembers of the source stays true, of providers and consumers that
// changed often there; and what it remembers of earlier stays a conflict.
func TestGenerationsComeAlong(t *testing.T) {
	from, to := storetest.New(t), storetest.New(t)
	furnish(t, from.URL, 12)
	c := connect(t, from.URL)
	for range 40 { // the same contents again and again
		current, err := c.Provider(t.Context(), uuidOf(hosts, 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.SetAggregates(t.Context(), current.UUID, current.Aggregates); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		held, _ := readCluster(t, c)
		k := held.Consumers[4]
		again := wire.ConsumerClaim{UUID: k.UUID, Project: k.Project, User: k.User, Type: k.Type, Allocations: k.Allocations}
		if _, err := c.Txn(t.Context(), wire.Txn{Ops: []wire.Op{{Claim: &wire.Claim{Consumers: []wire.ConsumerClaim{again}}}}}); err != nil {
			t.Fatal(err)
		}
	}
	source := readSource(t, from.URL)
	if summary := carry(t, source, to, migrate.PlanOptions{}); summary.GenerationsRaised == 0 {
		t.Errorf("%+v", summary)
	}
	target, _ := readCluster(t, connect(t, to.URL))
	wantEqual(t, source, target, exact)
	if have := target.Consumers[4].Generation; have != 4 {
		t.Errorf("the consumer's generation is %d", have)
	}
	host := func(c *migrate.Contents) migrate.Provider {
		return c.Providers[slices.IndexFunc(c.Providers, func(p migrate.Provider) bool { return p.UUID == uuidOf(hosts, 1) })]
	}
	was := host(source).Generation
	if have := host(target).Generation; was < 40 || have != was {
		t.Errorf("generation %d became %d", was, have)
	}
	at := connect(t, to.URL)
	if _, err := at.SetTraits(t.Context(), uuidOf(hosts, 1), nil, client.IfGeneration(was-1)); err == nil {
		t.Error("an older generation is taken for the current one")
	}
	if _, err := at.SetTraits(t.Context(), uuidOf(hosts, 1), nil, client.IfGeneration(was)); err != nil {
		t.Error(err)
	}
}

// A generation that is behind is a difference; one that is ahead stays.
func TestGenerationsBehind(t *testing.T) {
	from, to, without := storetest.New(t), storetest.New(t), storetest.New(t)
	furnish(t, from.URL, 6)
	source := readSource(t, from.URL)
	raised := slices.Clone(source.Providers)
	for i := range raised {
		raised[i].Generation += 100
	}
	higher := &migrate.Contents{ResourceClasses: source.ResourceClasses, Traits: source.Traits, Providers: raised, Consumers: source.Consumers}
	if s := carry(t, higher, without, migrate.PlanOptions{NoGenerations: true}); s.GenerationsRaised != 0 {
		t.Errorf("%+v", s)
	}
	target, _ := readCluster(t, connect(t, without.URL))
	if found := migrate.Compare(higher, target, exact); len(found) != len(raised) || found[0].Field != "generation" {
		t.Errorf("%+v", found)
	}
	wantEqual(t, higher, target, migrate.CompareOptions{Usages: true})
	// Nothing is written but what is missing.
	if s := carry(t, higher, without, migrate.PlanOptions{Resume: true}); s.Transactions != 1 || s.GenerationsRaised != len(raised) || s.ProvidersChanged != 0 {
		t.Errorf("%+v", s)
	}
	target, _ = readCluster(t, connect(t, without.URL))
	wantEqual(t, higher, target, exact)
	carry(t, higher, to, migrate.PlanOptions{})
	if s := carry(t, source, to, migrate.PlanOptions{Resume: true}); s.Transactions != 0 {
		t.Errorf("a source that is behind: %+v", s)
	}
	ops := wire.Op{RaiseGenerations: &wire.RaiseGenerations{Providers: []wire.Generation{{UUID: raised[0].UUID}}}}
	if _, err := connect(t, to.URL).Txn(t.Context(), wire.Txn{Ops: []wire.Op{ops}}); err != nil {
		t.Error(err)
	}
	target, _ = readCluster(t, connect(t, to.URL))
	wantEqual(t, higher, target, exact)
}
