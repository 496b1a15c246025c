package api

import (
	"fmt"
	"maps"
	"slices"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

func convertClaim(c wire.Claim) (tree.Op, *wire.Error) {
	claims, err := claimsOf(c.Consumers)
	return tree.Claim{Consumers: claims}, err
}

func convertRelease(r wire.Release) (tree.Op, *wire.Error) {
	made := tree.Release{Consumers: make([]tree.UUID, len(r.Consumers))}
	for i, s := range r.Consumers {
		u, err := parseUUID(fmt.Sprintf("consumers[%d]", i), s)
		if err != nil {
			return nil, err
		}
		made.Consumers[i] = u
	}
	return made, nil
}

func convertReshape(r wire.Reshape) (tree.Op, *wire.Error) {
	var made tree.Reshape
	for _, provider := range slices.Sorted(maps.Keys(r.Inventories)) {
		made.Inventories = append(made.Inventories, tree.ReshapeInventories{
			Provider: tree.ParseRef(provider), Inventories: inventoriesOf(r.Inventories[provider]),
		})
	}
	var err *wire.Error
	made.Consumers, err = claimsOf(r.Consumers)
	return made, err
}

// claimsOf converts claims. Each class of an allocation becomes an allocation
// of its own, in the order of their names; wireAllocation finds the way back.
func claimsOf(given []wire.ConsumerClaim) ([]tree.ConsumerClaim, *wire.Error) {
	claims := make([]tree.ConsumerClaim, len(given))
	for i, g := range given {
		u, err := parseUUID("uuid", g.UUID)
		if err != nil {
			return nil, within(fmt.Sprintf("consumers[%d]", i), err)
		}
		claim := tree.ConsumerClaim{Consumer: u, Project: g.Project, User: g.User, Type: g.Type}
		for j, a := range g.Allocations {
			if len(a.Resources) == 0 {
				// Passed on, it could turn the claim into a release.
				return nil, reject(wire.CodeInvalid, fmt.Sprintf("consumers[%d].allocations[%d].resources", i, j),
					"at least one resource class is needed")
			}
			for _, class := range slices.Sorted(maps.Keys(a.Resources)) {
				claim.Allocations = append(claim.Allocations, tree.AllocationOf{
					Provider: tree.ParseRef(a.Provider), Class: class, Amount: a.Resources[class],
				})
			}
		}
		claims[i] = claim
	}
	return claims, nil
}

// wireAllocation is the index of the allocation that became the one with index
// j of the transaction.
func wireAllocation(c wire.ConsumerClaim, j int) int {
	for i, a := range c.Allocations {
		if j -= len(a.Resources); j < 0 {
			return i
		}
	}
	return len(c.Allocations)
}
