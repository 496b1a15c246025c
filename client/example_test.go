package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

// startCluster stands for a cluster of three nodes that runs somewhere.
func startCluster() (endpoints []string, stop func()) { return client.StartFake(3) }

// A host with some CPUs, and an instance that takes two of them.
func Example() {
	endpoints, stop := startCluster()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, err := client.New(endpoints)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	if _, err := c.CreateProvider(ctx, wire.CreateProvider{Name: "host-1"}); err != nil {
		log.Fatal(err)
	}
	if _, err := c.SetInventories(ctx, "host-1", map[string]wire.Inventory{
		"VCPU":      {Total: 8, AllocationRatio: 2},
		"MEMORY_MB": {Total: 16384, Reserved: 512},
	}); err != nil {
		log.Fatal(err)
	}
	claim := wire.ConsumerClaim{
		UUID: "0190b3a4-0000-7000-8000-000000000001", Project: "demo", User: "jane",
		Allocations: []wire.Allocation{{Provider: "host-1", Resources: map[string]int64{"VCPU": 2, "MEMORY_MB": 4096}}},
	}
	if _, err := c.Claim(ctx, claim); err != nil {
		log.Fatal(err)
	}

	host, err := c.Provider(ctx, "host-1")
	if err != nil {
		log.Fatal(err)
	}
	for _, class := range []string{"VCPU", "MEMORY_MB"} {
		i := host.Inventories[class]
		fmt.Printf("%s: %d of %d used\n", class, i.Used, i.Capacity)
	}

	claim.UUID = "0190b3a4-0000-7000-8000-000000000002"
	claim.Allocations[0].Resources["VCPU"] = 15
	_, err = c.Claim(ctx, claim)
	fmt.Println(client.IsRejected(err), client.CodeOf(err))
	// Output:
	// VCPU: 2 of 16 used
	// MEMORY_MB: 4096 of 15872 used
	// true capacity_exceeded
}

// Ranging over a list asks for page after page.
func ExampleClient_Providers() {
	endpoints, stop := startCluster()
	defer stop()
	ctx := context.Background()
	c, err := client.New(endpoints)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Populate(ctx,
		wire.PopulateProvider{Name: "host-1"},
		wire.PopulateProvider{Name: "numa-0", Parent: "host-1", Traits: []string{"HW_CPU_X86_AVX2"}},
		wire.PopulateProvider{Name: "numa-1", Parent: "host-1", Traits: []string{"HW_CPU_X86_AVX2"}},
	); err != nil {
		log.Fatal(err)
	}

	for p, err := range c.Providers(ctx, client.ProviderFilter{Traits: []string{"HW_CPU_X86_AVX2"}}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(p.Name)
	}
	// Output:
	// numa-0
	// numa-1
}

// A transaction happens as a whole, and only while its preconditions hold.
func ExampleClient_Txn() {
	endpoints, stop := startCluster()
	defer stop()
	ctx := context.Background()
	c, err := client.New(endpoints)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.CreateProvider(ctx, wire.CreateProvider{Name: "host-1"}); err != nil {
		log.Fatal(err)
	}
	host, err := c.Provider(ctx, "host-1")
	if err != nil {
		log.Fatal(err)
	}

	txn := wire.Txn{
		Preconditions: []wire.Precondition{
			{ProviderGeneration: &wire.ProviderGeneration{Provider: host.UUID, Generation: host.Generation}},
		},
		Ops: []wire.Op{
			{CreateTrait: &wire.TraitName{Name: "CUSTOM_RACK_7"}},
			{AddTraits: &wire.ChangeTraits{Provider: host.UUID, Traits: []string{"CUSTOM_RACK_7"}}},
			{CreateProvider: &wire.CreateProvider{Name: "gpu-0", Parent: host.UUID}},
		},
	}
	result, err := c.Txn(ctx, txn)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("created:", len(result.Created))

	// By now the host has another generation.
	_, err = c.Txn(ctx, txn)
	var failed *client.Error
	if errors.As(err, &failed) && failed.Code == wire.CodeConflict {
		conflict := failed.Conflicts[0]
		fmt.Printf("conflict: generation %d, not %d\n", *conflict.Have, *conflict.Want)
	}
	// Output:
	// created: 1
	// conflict: generation 1, not 0
}

// A caller that keeps the request id may repeat a mutation, even from another
// process, without doing it twice.
func ExampleWithRequestID() {
	endpoints, stop := startCluster()
	defer stop()
	c, err := client.New(endpoints)
	if err != nil {
		log.Fatal(err)
	}
	id, err := client.NewRequestID() // to be stored before the first try
	if err != nil {
		log.Fatal(err)
	}

	ctx := client.WithRequestID(context.Background(), id)
	for range 2 {
		result, err := c.CreateProvider(ctx, wire.CreateProvider{Name: "host-1"})
		switch {
		case client.IsUnknown(err):
			fmt.Println("try again later, with the same id")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println("created:", len(result.Created), "replayed:", result.Replayed)
		}
	}
	// Output:
	// created: 1 replayed: false
	// created: 1 replayed: true
}

// An agent brings what it found on its host into the cluster: local changes,
// one transaction.
func ExampleTree() {
	endpoints, stop := startCluster()
	defer stop()
	ctx := context.Background()
	c, err := client.New(endpoints)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.CreateProvider(ctx, wire.CreateProvider{Name: "host-1"}); err != nil {
		log.Fatal(err)
	}

	tree, err := c.LoadTree(ctx, "host-1")
	if err != nil {
		log.Fatal(err)
	}
	found := map[string]wire.Inventory{"VCPU": {Total: 8}}
	for _, name := range []string{"numa-0", "numa-1"} {
		if _, err := tree.NewChild(name, "host-1"); err != nil {
			log.Fatal(err)
		}
		if err := tree.SetInventory(name, found); err != nil {
			log.Fatal(err)
		}
		if err := tree.AddTraits(name, "CUSTOM_NUMA"); err != nil {
			log.Fatal(err)
		}
	}
	// Nothing was sent yet. The custom trait is created on the way.
	if _, err := tree.Commit(ctx, client.CreateMissing()); err != nil {
		log.Fatal(err)
	}

	// The next time there may be nothing to do: then Commit sends nothing.
	if changed, err := tree.InventoryChanged("numa-0", found); err != nil || changed {
		log.Fatal(changed, err)
	}
	fmt.Println("left to do:", len(tree.Diff().Ops))

	stored, err := c.Tree(ctx, "host-1")
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range stored.Providers {
		fmt.Println(p.Name, p.Inventories["VCPU"].Total, p.Traits)
	}
	// Output:
	// left to do: 0
	// host-1 0 []
	// numa-0 8 [CUSTOM_NUMA]
	// numa-1 8 [CUSTOM_NUMA]
}

// When somebody else was there before, nothing happens, and the error says
// where.
func ExampleConflictError() {
	endpoints, stop := startCluster()
	defer stop()
	ctx := context.Background()
	c, err := client.New(endpoints)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.CreateProvider(ctx, wire.CreateProvider{Name: "host-1"}); err != nil {
		log.Fatal(err)
	}
	tree, err := c.LoadTree(ctx, "host-1")
	if err != nil {
		log.Fatal(err)
	}
	if err := tree.SetInventory("host-1", map[string]wire.Inventory{"VCPU": {Total: 8}}); err != nil {
		log.Fatal(err)
	}
	// Meanwhile, elsewhere:
	if _, err := c.AddTraits(ctx, "host-1", []string{"HW_CPU_X86_AVX2"}); err != nil {
		log.Fatal(err)
	}

	_, err = tree.Commit(ctx)
	var conflict *client.ConflictError
	if errors.As(err, &conflict) {
		for _, p := range conflict.Conflicts {
			fmt.Println(p.Name, p.Reasons, "generation", *p.Want, "is", *p.Have)
		}
	}
	// Load again, look at what changed, and decide anew.
	if tree, err = c.LoadTree(ctx, "host-1"); err != nil {
		log.Fatal(err)
	}
	if err := tree.SetInventory("host-1", map[string]wire.Inventory{"VCPU": {Total: 8}}); err != nil {
		log.Fatal(err)
	}
	_, err = tree.Commit(ctx)
	fmt.Println(err)
	// Output:
	// host-1 [changed] generation 0 is 1
	// <nil>
}

// What would be sent can be looked at before.
func ExampleTree_Diff() {
	endpoints, stop := startCluster()
	defer stop()
	c, err := client.New(endpoints)
	if err != nil {
		log.Fatal(err)
	}
	tree := client.NewTree(c)
	if _, err := tree.Create(wire.CreateProvider{UUID: "0190b3a4-0000-4000-8000-000000000001", Name: "host-1"}); err != nil {
		log.Fatal(err)
	}
	if err := tree.SetTraits("host-1", "HW_CPU_X86_AVX2"); err != nil {
		log.Fatal(err)
	}
	for _, op := range tree.Diff().Ops {
		b, err := json.Marshal(op)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(b))
	}
	// Output:
	// {"create_provider":{"uuid":"0190b3a4-0000-4000-8000-000000000001","name":"host-1"}}
	// {"add_traits":{"provider":"0190b3a4-0000-4000-8000-000000000001","traits":["HW_CPU_X86_AVX2"]}}
}
