package main_test

import (
	"slices"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/allocationcandidates"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/allocations"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceclasses"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/traits"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/usages"
)

func (c *cloud) candidates(version string, opts allocationcandidates.ListOpts) *allocationcandidates.AllocationCandidates {
	c.Helper()
	page, err := allocationcandidates.List(c.at(version), opts).AllPages(c.ctx)
	c.ok("list candidates", err)
	return value[*allocationcandidates.AllocationCandidates](c, "candidates")(allocationcandidates.ExtractAllocationCandidates(page))
}

// claims takes what candidates offer, for one consumer and for two at once.
func (c *cloud) claims() {
	c.searches()
	offer := c.candidates("1.39", allocationcandidates.ListOpts{
		GroupPolicy: "isolate", SameSubtree: []string{"_CPU,_FPGA,_ROOT"}, RootRequired: "!HW_CPU_X86_SSE",
		ResourceGroups: map[string]allocationcandidates.ResourceGroup{
			"_CPU":  {Resources: "VCPU:2,MEMORY_MB:256", InTree: c.numa1},
			"_FPGA": {Resources: c.class + ":1", Required: []string{"in:CUSTOM_FAST,HW_CPU_X86_SSE", "HW_CPU_X86_AVX"}},
			"_ROOT": {MemberOf: c.aggregate, Required: []string{"!" + c.trait}},
		},
	})
	if len(offer.AllocationRequests) != 1 {
		c.Fatalf("%d candidates, want 1: %+v", len(offer.AllocationRequests), offer)
	}
	request := offer.AllocationRequests[0]
	c.same("mappings", *request.Mappings, map[string][]string{"_CPU": {c.numa1}, "_FPGA": {c.numa0}, "_ROOT": {c.host}})
	c.same("summaries", len(offer.ProviderSummaries), 3)

	consumer := uuid.NewString()
	claim := allocations.UpdateOpts{ProjectID: c.project, UserID: c.user, ConsumerType: "INSTANCE", Allocations: map[string]allocations.ProviderAllocationsOpts{}}
	for provider, of := range request.Allocations {
		claim.Allocations[provider] = allocations.ProviderAllocationsOpts{Resources: of.Resources}
	}
	c.ok("update allocations", allocations.Update(c.ctx, c.client, consumer, claim).ExtractErr())
	c.refused("claim of a consumer taken for new", allocations.Update(c.ctx, c.client, consumer, claim).ExtractErr(), 409)
	got := value[*allocations.Allocations](c, "get allocations")(allocations.Get(c.ctx, c.client, consumer).Extract())
	c.same("allocations of "+c.numa1, got.Allocations[c.numa1].Resources, map[string]int{"VCPU": 2, "MEMORY_MB": 256})
	c.same("allocations of "+c.numa0, got.Allocations[c.numa0].Resources, map[string]int{c.class: 1})
	c.same("owner", []string{*got.ProjectID, *got.UserID, *got.ConsumerType}, []string{c.project, c.user, "INSTANCE"})
	c.counts(consumer)

	// The consumer moves, in the same entry in which another comes.
	other := uuid.NewString()
	move := claim
	move.ConsumerGeneration = got.ConsumerGeneration
	move.Allocations = map[string]allocations.ProviderAllocationsOpts{c.numa0: {Resources: map[string]int{"VCPU": 2}}}
	second := claim
	second.Allocations = map[string]allocations.ProviderAllocationsOpts{c.numa1: {Resources: map[string]int{"VCPU": 16}}}
	c.refused("manage over max_unit", allocations.Manage(c.ctx, c.client, allocations.ManageOpts{consumer: move, other: second}).ExtractErr(), 409)
	nobody := value[*allocations.Allocations](c, "get no allocations")(allocations.Get(c.ctx, c.client, other).Extract())
	c.same("allocations of a refused consumer", nobody, &allocations.Allocations{Allocations: map[string]allocations.ProviderAllocations{}})
	second.Allocations = map[string]allocations.ProviderAllocationsOpts{c.numa1: {Resources: map[string]int{"VCPU": 8}}}
	c.ok("manage", allocations.Manage(c.ctx, c.client, allocations.ManageOpts{consumer: move, other: second}).ExtractErr())
	got = value[*allocations.Allocations](c, "get allocations")(allocations.Get(c.ctx, c.client, consumer).Extract())
	c.same("moved", []int{len(got.Allocations), got.Allocations[c.numa0].Resources["VCPU"]}, []int{1, 2})

	c.ok("delete allocations", allocations.Delete(c.ctx, c.client, other).ExtractErr())
	c.refused("delete no allocations", allocations.Delete(c.ctx, c.client, other).ExtractErr(), 404)
	move.ConsumerGeneration, move.Allocations = got.ConsumerGeneration, map[string]allocations.ProviderAllocationsOpts{}
	c.ok("empty allocations", allocations.Update(c.ctx, c.client, consumer, move).ExtractErr())
}

// searches asks for candidates in the forms that microversions have.
func (c *cloud) searches() {
	page, err := allocationcandidates.List(c.at("1.10"), allocationcandidates.ListOpts{Resources: c.class + ":1"}).AllPages(c.ctx)
	c.ok("list candidates at 1.10", err)
	old := value[*allocationcandidates.AllocationCandidates110](c, "candidates at 1.10")(allocationcandidates.ExtractAllocationCandidates110(page))
	if len(old.AllocationRequests) != 1 || len(old.AllocationRequests[0].Allocations) != 1 {
		c.Fatalf("candidates at 1.10: %+v, want one", old)
	}
	only := old.AllocationRequests[0].Allocations[0]
	c.same("candidate at 1.10", only, allocationcandidates.AllocationRequest110Resource{
		ResourceProvider: allocationcandidates.AllocationRequest110ResourceProvider{UUID: c.numa0}, Resources: map[string]int{c.class: 1},
	})
	c.same("summary at 1.10", old.ProviderSummaries[c.numa0].Resources, map[string]allocationcandidates.ProviderSummaryResource{c.class: {Capacity: 4}})

	c.same("both nodes", len(c.candidates("1.39", allocationcandidates.ListOpts{Resources: "VCPU:1"}).AllocationRequests), 2)
	c.same("limit", len(c.candidates("1.39", allocationcandidates.ListOpts{Resources: "VCPU:1", Limit: 1}).AllocationRequests), 1)
	one := c.candidates("1.39", allocationcandidates.ListOpts{Resources: "VCPU:1", Required: []string{c.trait}})
	c.same("with the trait", len(one.AllocationRequests), 1)
	summary := one.ProviderSummaries[c.numa0]
	slices.Sort(*summary.Traits)
	c.same("traits of the summary", *summary.Traits, []string{c.trait, "HW_CPU_X86_AVX"})
	c.same("place of the summary", []string{*summary.ParentProviderUUID, *summary.RootProviderUUID}, []string{c.host, c.host})
	c.same("capacity", summary.Resources["VCPU"], allocationcandidates.ProviderSummaryResource{Capacity: 16})
	nowhere := c.candidates("1.39", allocationcandidates.ListOpts{Resources: "VCPU:9"})
	c.same("too much", []int{len(nowhere.AllocationRequests), len(nowhere.ProviderSummaries)}, []int{0, 0})
	_, err = allocationcandidates.List(c.client, allocationcandidates.ListOpts{Resources: "CUSTOM_NONE:1"}).AllPages(c.ctx)
	c.refused("candidates of no class", err, 400)
}

// counts compares the usages with the claim of the one consumer there is.
func (c *cloud) counts(consumer string) {
	c.Helper()
	used := value[*resourceproviders.ResourceProviderUsage](c, "get usages")(resourceproviders.GetUsages(c.ctx, c.client, c.numa1).Extract())
	c.same("usages of a provider", used.Usages, map[string]int{"VCPU": 2, "MEMORY_MB": 256})
	holders := value[*resourceproviders.ResourceProviderAllocations](c, "get allocations of a provider")(resourceproviders.GetAllocations(c.ctx, c.client, c.numa1).Extract())
	c.same("allocations of a provider", holders.Allocations, map[string]resourceproviders.Allocation{consumer: {Resources: map[string]int{"VCPU": 2, "MEMORY_MB": 256}}})
	byType := value[*usages.Usages](c, "usages")(usages.Get(c.ctx, c.client, usages.GetOpts{ProjectID: c.project, UserID: c.user, ConsumerType: "INSTANCE"}).Extract())
	c.same("usages", byType.Usages, map[string]usages.ConsumerTypeUsage{"INSTANCE": {"VCPU": 2, "MEMORY_MB": 256, c.class: 1, "consumer_count": 1}})
	plain := value[*usages.UsagesPre138](c, "usages at 1.9")(usages.Get(c.ctx, c.at("1.9"), usages.GetOpts{ProjectID: c.project}).ExtractPre138())
	c.same("usages at 1.9", plain.Usages, map[string]int{"VCPU": 2, "MEMORY_MB": 256, c.class: 1})
	c.refused("delete a provider in use", resourceproviders.Delete(c.ctx, c.client, c.numa1).ExtractErr(), 409)
	c.refused("delete an inventory in use", resourceproviders.DeleteInventory(c.ctx, c.client, c.numa0, c.class).ExtractErr(), 409)
}

// removes takes everything away again.
func (c *cloud) removes() {
	c.refused("delete a parent", resourceproviders.Delete(c.ctx, c.client, c.host).ExtractErr(), 409)
	c.refused("delete a trait in use", traits.Delete(c.ctx, c.client, c.trait).ExtractErr(), 409)
	c.ok("delete traits", resourceproviders.DeleteTraits(c.ctx, c.client, c.numa0).ExtractErr())
	c.ok("delete trait", traits.Delete(c.ctx, c.client, c.trait).ExtractErr())
	c.ok("delete inventory", resourceproviders.DeleteInventory(c.ctx, c.client, c.numa0, c.class).ExtractErr())
	c.ok("delete class", resourceclasses.Delete(c.ctx, c.client, c.class).ExtractErr())
	c.refused("delete a standard class", resourceclasses.Delete(c.ctx, c.client, "VCPU").ExtractErr(), 400)
	c.ok("delete inventories", resourceproviders.DeleteInventories(c.ctx, c.client, c.numa0).ExtractErr())
	left := value[*resourceproviders.ResourceProviderInventories](c, "get inventories")(resourceproviders.GetInventories(c.ctx, c.client, c.numa0).Extract())
	c.same("inventories", left.Inventories, map[string]resourceproviders.Inventory{})
	for _, id := range []string{c.numa0, c.numa1, c.host} {
		c.ok("delete", resourceproviders.Delete(c.ctx, c.client, id).ExtractErr())
	}
	_, err := resourceproviders.Get(c.ctx, c.client, c.host).Extract()
	c.refused("get what was deleted", err, 404)
	c.same("all providers", len(all(c, "list", resourceproviders.List(c.client, nil), resourceproviders.ExtractResourceProviders)), 0)
}
