package cluster_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
)

// joiner is a fourth node for a cluster of three that wants tokens.
func joiner(t *testing.T) (three []*testNode, fourth *testNode) {
	t.Helper()
	nodes := layOut(t, 4, func(c *cluster.Config) { c.BootstrapExpect, c.RequireJoinToken = 3, true })
	three, fourth = nodes[:3], nodes[3]
	for _, n := range three {
		n.config.Join = n.config.Join[:3]
		n.open()
	}
	for _, n := range three {
		n.awaitReady()
	}
	fourth.config.BootstrapExpect = 0
	return three, fourth
}

// awaitRefused waits until a node that may not join says why.
func (n *testNode) awaitRefused(reason string) {
	n.t.Helper()
	await(n.t, "refused: "+reason, func(ctx context.Context) error {
		err := n.Ready(ctx)
		if err == nil {
			n.t.Fatalf("%s has joined", n.config.NodeID)
		}
		if !strings.Contains(err.Error(), reason) {
			return err
		}
		return nil
	})
}

func (n *testNode) token(node string, life time.Duration) (id, text string) {
	n.t.Helper()
	token, text, err := n.MakeJoinToken(cluster.WithOrigin(n.t.Context(), cluster.Origin{User: "ann"}), node, life)
	if err != nil {
		n.t.Fatal(err)
	}
	if token.By != "ann" || token.Node != node || token.UsedBy != "" || !strings.Contains(text, token.ID) {
		n.t.Fatalf("made %+v", token)
	}
	return token.ID, text
}

// A node that is new needs a token that was made for it and not used; one that a
// cluster knows comes back without.
func TestJoinTokens(t *testing.T) {
	three, fourth := joiner(t)
	follower := others(three, leaderOf(t, three))[0]

	_, foreign := follower.token("n9", time.Hour)
	revokedID, revoked := follower.token("", time.Hour)
	if err := follower.RevokeJoinToken(t.Context(), revokedID); err != nil {
		t.Fatal(err)
	}
	var refused *cluster.Error
	if err := follower.RevokeJoinToken(t.Context(), revokedID); !errors.As(err, &refused) || refused.Code != cluster.CodeMemberNotFound {
		t.Errorf("revoked twice: %v", err)
	}
	for _, c := range []struct{ name, token, reason string }{
		{"none", "", "has no join token"},
		{"no token at all", "let me in", "as a join token is none"},
		{"another node's", foreign, "is for node n9, not n4"},
		{"a revoked one", revoked, "is not known"},
		{"a wrong secret", foreign[:len(foreign)-64] + strings.Repeat("0", 64), "is wrong"},
	} {
		fourth.config.JoinToken = c.token
		fourth.open()
		fourth.awaitRefused(c.reason)
		if err := fourth.Close(); err != nil {
			t.Fatal(err)
		}
		if members, err := follower.Members(t.Context()); err != nil || len(members) != 3 {
			t.Fatalf("%s: %d members, %v", c.name, len(members), err)
		}
	}

	id, right := follower.token("n4", time.Hour)
	fourth.config.JoinToken = right
	fourth.open()
	fourth.awaitReady()
	used := func() cluster.JoinToken {
		t.Helper()
		list, err := fourth.JoinTokens(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range list {
			if token.ID == id {
				return token
			}
		}
		t.Fatalf("token %s is not among %+v", id, list)
		return cluster.JoinToken{}
	}
	if by := used(); by.UsedBy != fourth.Status().RaftID || by.Used.IsZero() {
		t.Errorf("%+v", by)
	}

	// It loses its directory: another server, which needs no token.
	if err := fourth.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(fourth.config.DataDir); err != nil {
		t.Fatal(err)
	}
	fourth.config.JoinToken = ""
	fourth.open()
	fourth.awaitReady()
	if by := used(); by.UsedBy == fourth.Status().RaftID {
		t.Error("the same token let two servers in")
	}
	sameDigests(t, append(three, fourth))
}

func TestJoinTokenBounds(t *testing.T) {
	one := start(t, 1, nil)[0]
	for _, c := range []struct {
		node string
		life time.Duration
		want string
	}{{"", time.Second, "expires"}, {"", 1000 * time.Hour, "expires"}, {"no/node", time.Hour, "node"}} {
		var refused *cluster.Error
		if _, _, err := one.MakeJoinToken(t.Context(), c.node, c.life); !errors.As(err, &refused) ||
			refused.Code != cluster.CodeInvalid || !strings.HasPrefix(refused.Message, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if cluster.CheckJoinToken("tnj-x") == nil {
		t.Error("that is no token")
	}
}
