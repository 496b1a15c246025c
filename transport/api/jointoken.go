package api

import (
	"math"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/wire"
)

func (c *call) listJoinTokens() (answer, error) {
	tokens, err := c.s.node.JoinTokens(c.r.Context())
	if err != nil {
		return answer{}, err
	}
	told := wire.JoinTokens{Tokens: []wire.JoinToken{}}
	for _, t := range tokens {
		told.Tokens = append(told.Tokens, showJoinToken(t))
	}
	return answer{body: told}, nil
}

func (c *call) makeJoinToken() (answer, error) {
	var body wire.MakeJoinToken
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	if body.LifeSeconds <= 0 || body.LifeSeconds > math.MaxInt32 {
		return answer{}, reject(wire.CodeInvalid, "life_seconds", "%d; a token lives from a minute to 30 days", body.LifeSeconds)
	}
	made, text, err := c.s.node.MakeJoinToken(c.from(), body.Node, time.Duration(body.LifeSeconds)*time.Second)
	if err != nil {
		return answer{}, err
	}
	// Nobody between here and the caller keeps the secret.
	c.out.Header().Set("Cache-Control", "no-store")
	return answer{body: wire.MadeJoinToken{JoinToken: showJoinToken(made), Token: text}}, nil
}

func (c *call) revokeJoinToken() (answer, error) {
	return c.clusterChanged(c.s.node.RevokeJoinToken(c.from(), c.r.PathValue("id")))
}

func showJoinToken(t cluster.JoinToken) wire.JoinToken {
	told := wire.JoinToken{ID: t.ID, Node: t.Node, By: t.By, Made: t.Made, Expires: t.Expires, UsedBy: t.UsedBy}
	if !t.Used.IsZero() {
		told.Used = &t.Used
	}
	return told
}
