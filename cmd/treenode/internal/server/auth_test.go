package server

import (
	"testing"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/policy"
)

// The leader looks for itself who may raise generations, whatever rule another node
// says that it asked.
func TestLeaderAsksWhoRaisesGenerations(t *testing.T) {
	allowed := Config{Auth: auth.NoAuth{}}.authorize()
	raise := fsm.Command{Txn: tree.Txn{Ops: []tree.Op{tree.CreateTrait{}, tree.RaiseGenerations{}}}}
	for role, want := range map[string]bool{"admin": true, "service": false} {
		o := cluster.Origin{User: "u", Project: "p", Roles: []string{role}, Action: policy.Transact}
		if err := allowed(o, raise); (err == nil) != want {
			t.Errorf("%s: %v", role, err)
		}
		if err := allowed(o, fsm.Command{}); err != nil {
			t.Errorf("%s: without that operation %v", role, err)
		}
	}
}
