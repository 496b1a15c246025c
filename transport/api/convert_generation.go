package api

import (
	"fmt"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

func convertRaise(r wire.RaiseGenerations) (tree.Op, *wire.Error) {
	providers, err := generationsOf("providers", r.Providers)
	if err != nil {
		return nil, err
	}
	consumers, err := generationsOf("consumers", r.Consumers)
	return tree.RaiseGenerations{Providers: providers, Consumers: consumers}, err
}

func generationsOf(field string, given []wire.Generation) ([]tree.Generation, *wire.Error) {
	made := make([]tree.Generation, len(given))
	for i, g := range given {
		u, err := parseUUID("uuid", g.UUID)
		if err != nil {
			return nil, within(fmt.Sprintf("%s[%d]", field, i), err)
		}
		made[i] = tree.Generation{UUID: u, Generation: g.Generation}
	}
	return made, nil
}
