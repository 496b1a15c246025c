package server

import (
	"fmt"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/policy"
)

// authenticators are those of the native and the Placement API. They are the same,
// with the same rates, unless everybody is believed: then a request without a token
// is the administrator's in the native API, and nobody's in Placement.
func (c Config) authenticators() (native, placement auth.Authenticator, err error) {
	native, placement = c.Auth, c.Auth
	if c.Auth == nil {
		native, placement = auth.NoAuth{Missing: auth.Admin()}, auth.NoAuth{}
	}
	if c.Limit == nil {
		return native, placement, nil
	}
	limited, err := c.Limit(native)
	if err != nil || c.Auth != nil {
		return limited, limited, err
	}
	placement, err = c.Limit(placement)
	return limited, placement, err
}

// authorize is what the leader asks about changes that came to other nodes. Where
// everybody is believed there is nothing to ask.
func (c Config) authorize() func(cluster.Origin, fsm.Command) error {
	if c.Auth == nil {
		return nil
	}
	rules := c.Policy
	if rules == nil {
		rules = policy.Default()
	}
	return func(o cluster.Origin, cmd fsm.Command) error {
		id := auth.Identity{User: o.User, Project: o.Project, Roles: o.Roles, System: o.System}
		if !rules.Allows(o.Action, id, "") {
			return fmt.Errorf("the policy does not allow %s", o.Action)
		}
		for _, op := range cmd.Txn.Ops {
			if _, raises := op.(tree.RaiseGenerations); raises && !rules.Allows(policy.WriteGenerations, id, "") {
				return fmt.Errorf("the policy does not allow %s", policy.WriteGenerations)
			}
		}
		return nil
	}
}
