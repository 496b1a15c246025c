package main_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceclasses"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/traits"
	"github.com/gophercloud/gophercloud/v2/openstack/utils"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"github.com/treenode/treenode/cmd/treenode/local"
)

// Every function of gophercloud's placement packages, against a follower of
// three nodes at both mount points; the second time without the leader, which
// is killed with -9 half way and comes back at the end.
func TestGophercloud(t *testing.T) {
	cluster, c := startCluster(t, 3)
	leads := leader(t, cluster, c)
	i := slices.IndexFunc(cluster.Nodes, func(n *local.Node) bool { return n != leads })
	follower := "http://" + cluster.Nodes[i].API
	t.Run("at the root", func(t *testing.T) {
		g := newGophercloud(t, follower)
		g.discovers()
		g.describesTrees()
		g.claims()
		g.removes()
	})
	t.Run("below a prefix, the leader killed half way", func(t *testing.T) {
		g := newGophercloud(t, follower+"/placement")
		g.discovers()
		g.describesTrees()
		if err := leads.Kill(); err != nil {
			t.Fatal(err)
		}
		g.claims()
		g.removes()
	})
	if err := leads.Start(); err != nil {
		t.Fatal(err)
	}
	ready(t, cluster)
	digestsAgree(t, cluster, c)
}

// cloud is gophercloud's client, and what its calls make: a host with two
// NUMA nodes.
type cloud struct {
	*testing.T
	ctx    context.Context
	client *gophercloud.ServiceClient

	host, numa0, numa1, aggregate string
	class, trait                  string
	project, user                 string
}

func newGophercloud(t *testing.T, endpoint string) *cloud {
	t.Helper()
	provider, err := openstack.NewClient(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	provider.SetToken("admin")
	provider.EndpointLocator = func(gophercloud.EndpointOpts) (string, error) {
		return gophercloud.NormalizeURL(endpoint), nil
	}
	client, err := openstack.NewPlacementV1(provider, gophercloud.EndpointOpts{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return &cloud{T: t, ctx: ctx, client: client,
		host: uuid.NewString(), numa0: uuid.NewString(), numa1: uuid.NewString(), aggregate: uuid.NewString(),
		class: "CUSTOM_FPGA", trait: "CUSTOM_FAST", project: uuid.NewString(), user: uuid.NewString(),
	}
}

// at is the client with a microversion.
func (c *cloud) at(version string) *gophercloud.ServiceClient {
	of := *c.client
	of.Microversion = version
	return &of
}

func (c *cloud) ok(what string, err error) {
	c.Helper()
	if err != nil {
		c.Fatalf("%s: %v", what, err)
	}
}

func (c *cloud) same(what string, got, want any) {
	c.Helper()
	if !reflect.DeepEqual(got, want) {
		c.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

// refused wants an error with the status.
func (c *cloud) refused(what string, err error, status int) {
	c.Helper()
	if !gophercloud.ResponseCodeIs(err, status) {
		c.Errorf("%s: %v, want %d", what, err, status)
	}
}

// value is what a call returns, without the error, which must be nil.
func value[V any](c *cloud, what string) func(V, error) V {
	return func(v V, err error) V {
		c.Helper()
		c.ok(what, err)
		return v
	}
}

// all collects every page of a list.
func all[V any](c *cloud, what string, pager pagination.Pager, extract func(pagination.Page) ([]V, error)) []V {
	c.Helper()
	var found []V
	c.ok(what, pager.EachPage(c.ctx, func(_ context.Context, page pagination.Page) (bool, error) {
		part, err := extract(page)
		found = append(found, part...)
		return true, err
	}))
	return found
}

func (c *cloud) discovers() {
	got := value[utils.SupportedMicroversions](c, "versions")(utils.GetSupportedMicroversions(c.ctx, c.client))
	c.same("versions", got, utils.SupportedMicroversions{MinMajor: 1, MaxMajor: 1, MaxMinor: 39})
	latest, err := utils.RequireMicroversion(c.ctx, *c.client, "1.39")
	c.ok("require 1.39", err)
	c.client = &latest
	if _, err = utils.RequireMicroversion(c.ctx, latest, "1.99"); err == nil {
		c.Error("1.99 counts as supported")
	}
}

// describesTrees makes providers and says what they have.
func (c *cloud) describesTrees() {
	create := func(opts resourceproviders.CreateOpts) *resourceproviders.ResourceProvider {
		c.Helper()
		return value[*resourceproviders.ResourceProvider](c, "create")(resourceproviders.Create(c.ctx, c.client, opts).Extract())
	}
	host := create(resourceproviders.CreateOpts{Name: "host" + c.host, UUID: c.host})
	c.same("a root", []string{host.UUID, host.Name, host.ParentProviderUUID, host.RootProviderUUID}, []string{c.host, "host" + c.host, "", c.host})
	for _, child := range []string{c.numa0, c.numa1} {
		got := create(resourceproviders.CreateOpts{Name: "numa" + child, UUID: child, ParentProviderUUID: c.host})
		c.same("a child", []string{got.UUID, got.ParentProviderUUID, got.RootProviderUUID}, []string{child, c.host, c.host})
	}
	_, err := resourceproviders.Create(c.ctx, c.client, resourceproviders.CreateOpts{Name: "host" + c.host}).Extract()
	c.refused("create a name again", err, 409)
	name := "renamed" + c.host
	updated := value[*resourceproviders.ResourceProvider](c, "update")(
		resourceproviders.Update(c.ctx, c.client, c.host, resourceproviders.UpdateOpts{Name: &name}).Extract())
	c.same("updated", updated.Name, name)
	none, numa1 := "", "numa"+c.numa1
	updated = value[*resourceproviders.ResourceProvider](c, "un-parent")(
		resourceproviders.Update(c.ctx, c.client, c.numa1, resourceproviders.UpdateOpts{Name: &numa1, ParentProviderUUID: &none}).Extract())
	c.same("un-parented", updated.RootProviderUUID, c.numa1)
	updated = value[*resourceproviders.ResourceProvider](c, "re-parent")(
		resourceproviders.Update(c.ctx, c.client, c.numa1, resourceproviders.UpdateOpts{Name: &numa1, ParentProviderUUID: &c.host}).Extract())
	c.same("re-parented", updated.RootProviderUUID, c.host)

	c.hasVocabulary()
	c.hasInventories()
	c.hasTraitsAndAggregates()
	c.findsProviders()
}

func (c *cloud) hasVocabulary() {
	c.ok("create class", resourceclasses.Create(c.ctx, c.client, resourceclasses.CreateOpts{Name: c.class}).ExtractErr())
	c.refused("create class again", resourceclasses.Create(c.ctx, c.client, resourceclasses.CreateOpts{Name: c.class}).ExtractErr(), 409)
	c.ok("update class", resourceclasses.Update(c.ctx, c.client, c.class).ExtractErr())
	class := value[*resourceclasses.ResourceClass](c, "get class")(resourceclasses.Get(c.ctx, c.client, c.class).Extract())
	c.same("class", class.Name, c.class)
	classes := all(c, "list classes", resourceclasses.List(c.client), resourceclasses.ExtractResourceClasses)
	if !slices.ContainsFunc(classes, func(r resourceclasses.ResourceClass) bool { return r.Name == c.class }) {
		c.Errorf("%s is not among %d classes", c.class, len(classes))
	}
	c.ok("create trait", traits.Create(c.ctx, c.client, c.trait).ExtractErr())
	c.ok("create trait again", traits.Create(c.ctx, c.client, c.trait).ExtractErr())
	c.ok("get trait", traits.Get(c.ctx, c.client, c.trait).ExtractErr())
	c.refused("get no trait", traits.Get(c.ctx, c.client, "CUSTOM_NONE").ExtractErr(), 404)
	found := all(c, "list traits", traits.List(c.client, traits.ListOpts{Name: "startswith:CUSTOM_"}), traits.ExtractTraits)
	c.same("custom traits", found, []string{c.trait})
	associated := true
	found = all(c, "list traits in use", traits.List(c.client, traits.ListOpts{Associated: &associated}), traits.ExtractTraits)
	c.same("traits in use", len(found), 0)
}

func (c *cloud) hasInventories() {
	numa := map[string]resourceproviders.Inventory{
		"VCPU":      {Total: 8, MinUnit: 1, MaxUnit: 8, StepSize: 1, AllocationRatio: 2},
		"MEMORY_MB": {Total: 4096, Reserved: 512, MinUnit: 64, MaxUnit: 4096, StepSize: 64, AllocationRatio: 1},
	}
	for _, id := range []string{c.numa0, c.numa1} {
		provider := value[*resourceproviders.ResourceProvider](c, "get")(resourceproviders.Get(c.ctx, c.client, id).Extract())
		set := value[*resourceproviders.ResourceProviderInventories](c, "update inventories")(resourceproviders.UpdateInventories(c.ctx, c.client, id,
			resourceproviders.UpdateInventoriesOpts{ResourceProviderGeneration: provider.Generation, Inventories: numa}).Extract())
		c.same("inventories set", set.Inventories, numa)
		_, err := resourceproviders.UpdateInventories(c.ctx, c.client, id,
			resourceproviders.UpdateInventoriesOpts{ResourceProviderGeneration: provider.Generation, Inventories: numa}).Extract()
		c.refused("update inventories of an old generation", err, 409)
		got := value[*resourceproviders.ResourceProviderInventories](c, "get inventories")(resourceproviders.GetInventories(c.ctx, c.client, id).Extract())
		c.same("inventories", got, set)
	}
	provider := value[*resourceproviders.ResourceProvider](c, "get")(resourceproviders.Get(c.ctx, c.client, c.numa0).Extract())
	fpga := resourceproviders.Inventory{Total: 2, MinUnit: 1, MaxUnit: 2, StepSize: 1, AllocationRatio: 1}
	opts := resourceproviders.UpdateInventoriesOpts{ResourceProviderGeneration: provider.Generation,
		Inventories: map[string]resourceproviders.Inventory{"VCPU": numa["VCPU"], "MEMORY_MB": numa["MEMORY_MB"], c.class: fpga}}
	set := value[*resourceproviders.ResourceProviderInventories](c, "update inventories")(
		resourceproviders.UpdateInventories(c.ctx, c.client, c.numa0, opts).Extract())
	fpga.Total = 4
	one := value[*resourceproviders.ResourceProviderInventory](c, "update inventory")(resourceproviders.UpdateInventory(c.ctx, c.client, c.numa0, c.class,
		resourceproviders.UpdateInventoryOpts{ResourceProviderGeneration: set.ResourceProviderGeneration, Inventory: fpga}).Extract())
	c.same("inventory", one.Inventory, fpga)
	got := value[*resourceproviders.ResourceProviderInventory](c, "get inventory")(resourceproviders.GetInventory(c.ctx, c.client, c.numa0, c.class).Extract())
	c.same("inventory", got, one)
	_, err := resourceproviders.GetInventory(c.ctx, c.client, c.numa1, c.class).Extract()
	c.refused("get no inventory", err, 404)
}

func (c *cloud) hasTraitsAndAggregates() {
	before := value[*resourceproviders.ResourceProviderTraits](c, "get traits")(resourceproviders.GetTraits(c.ctx, c.client, c.numa0).Extract())
	c.same("traits", before.Traits, []string{})
	set := value[*resourceproviders.ResourceProviderTraits](c, "update traits")(resourceproviders.UpdateTraits(c.ctx, c.client, c.numa0,
		resourceproviders.UpdateTraitsOpts{ResourceProviderGeneration: before.ResourceProviderGeneration, Traits: []string{c.trait, "HW_CPU_X86_AVX"}}).Extract())
	slices.Sort(set.Traits)
	c.same("traits", set.Traits, []string{c.trait, "HW_CPU_X86_AVX"})
	_, err := resourceproviders.UpdateTraits(c.ctx, c.client, c.numa0,
		resourceproviders.UpdateTraitsOpts{ResourceProviderGeneration: set.ResourceProviderGeneration, Traits: []string{"CUSTOM_NONE"}}).Extract()
	c.refused("update traits with none such", err, 400)

	aggregates := value[*resourceproviders.ResourceProviderAggregates](c, "get aggregates")(resourceproviders.GetAggregates(c.ctx, c.client, c.host).Extract())
	c.same("aggregates", aggregates.Aggregates, []string{})
	aggregates = value[*resourceproviders.ResourceProviderAggregates](c, "update aggregates")(resourceproviders.UpdateAggregates(c.ctx, c.client, c.host,
		resourceproviders.UpdateAggregatesOpts{ResourceProviderGeneration: aggregates.ResourceProviderGeneration, Aggregates: []string{c.aggregate}}).Extract())
	c.same("aggregates", aggregates.Aggregates, []string{c.aggregate})
	old := value[*resourceproviders.ResourceProviderAggregates](c, "update aggregates at 1.18")(resourceproviders.UpdateAggregates(c.ctx, c.at("1.18"), c.host,
		resourceproviders.UpdateAggregatesOpts{Aggregates: []string{c.aggregate}}).Extract())
	c.same("aggregates at 1.18", old, &resourceproviders.ResourceProviderAggregates{Aggregates: []string{c.aggregate}})
}

func (c *cloud) findsProviders() {
	for _, f := range []struct {
		what string
		opts resourceproviders.ListOptsBuilder
		want []string
	}{
		{"by name", resourceproviders.ListOpts{Name: "renamed" + c.host}, []string{c.host}},
		{"by uuid", resourceproviders.ListOpts{UUID: c.numa0}, []string{c.numa0}},
		{"by aggregate", resourceproviders.ListOpts{MemberOf: c.aggregate}, []string{c.host}},
		{"by room", resourceproviders.ListOpts{Resources: "VCPU:8", InTree: c.numa1}, []string{c.numa0, c.numa1}},
		{"by more room than there is", resourceproviders.ListOpts{Resources: "VCPU:17"}, nil},
		{"by trait", resourceproviders.ListOpts{Required: c.trait}, []string{c.numa0}},
		{"without trait", resourceproviders.ListOpts{Required: "!" + c.trait, InTree: c.host}, []string{c.host, c.numa1}},
		{"by tree", resourceproviders.ListOpts{InTree: c.numa0}, []string{c.host, c.numa0, c.numa1}},
		{"by any trait of some and one", resourceproviders.ListOpts139{Required: []string{"in:CUSTOM_FAST,HW_CPU_X86_SSE", "HW_CPU_X86_AVX"}}, []string{c.numa0}},
		{"by aggregate and not another", resourceproviders.ListOpts139{MemberOf: []string{"in:" + c.aggregate, "!" + c.user}}, []string{c.host}},
	} {
		var found []string
		for _, p := range all(c, "list "+f.what, resourceproviders.List(c.client, f.opts), resourceproviders.ExtractResourceProviders) {
			found = append(found, p.UUID)
		}
		slices.Sort(found)
		slices.Sort(f.want)
		c.same(f.what, found, f.want)
	}
	_, err := resourceproviders.List(c.client, resourceproviders.ListOpts{Required: "CUSTOM_NONE"}).AllPages(c.ctx)
	c.refused("by no trait", err, 400)
}
