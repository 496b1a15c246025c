package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/treenode/treenode/transport/wire"
)

// Digest returns the SHA-256 of the state as the node asked has it. Nodes that
// have applied the same index have the same; WithEndpoint chooses the node.
func (c *Client) Digest(ctx context.Context) (wire.Digest, error) {
	var answer wire.Digest
	err := c.get(ctx, path("digest"), nil, &answer)
	return answer, err
}

// Cluster returns what the node asked knows of the cluster, without asking
// others: Members is empty.
func (c *Client) Cluster(ctx context.Context) (wire.Cluster, error) {
	return c.cluster(ctx, nil)
}

// Members is Cluster with all members, each asked for how it is.
func (c *Client) Members(ctx context.Context) (wire.Cluster, error) {
	return c.cluster(ctx, url.Values{"members": {"true"}})
}

func (c *Client) cluster(ctx context.Context, q url.Values) (wire.Cluster, error) {
	var answer wire.Cluster
	err := c.send(ctx, request{effect: reads, method: http.MethodGet, path: path("cluster"), query: q}, &answer)
	return answer, err
}

// Metrics returns the metrics of the node asked, in Prometheus' text format;
// WithEndpoint chooses the node.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	var text []byte
	err := c.send(ctx, request{effect: reads, method: http.MethodGet, path: "/metrics"}, &text)
	return text, err
}

// AddMember takes a node into the cluster. An error of kind unknown has no
// request id: Members shows what happened.
func (c *Client) AddMember(ctx context.Context, m wire.AddMember) error {
	return c.administer(ctx, http.MethodPost, path("cluster", "members"), m)
}

// RemoveMember removes a node, by its node id or Raft id, from the cluster. An
// error of kind unknown has no request id: Members shows what happened.
func (c *Client) RemoveMember(ctx context.Context, id string) error {
	if err := need("id", id); err != nil {
		return err
	}
	return c.administer(ctx, http.MethodDelete, path("cluster", "members", id), nil)
}

// TransferLeadership hands leadership to a member, or to the most caught-up
// voter where to is empty. An error of kind unknown has no request id: Cluster
// shows who leads.
func (c *Client) TransferLeadership(ctx context.Context, to string) error {
	return c.administer(ctx, http.MethodPost, path("cluster", "transfer"), wire.Transfer{To: to})
}

// LogLevels returns the levels at which the node asked logs; WithEndpoint chooses the
// node.
func (c *Client) LogLevels(ctx context.Context) (wire.LogLevels, error) {
	var answer wire.LogLevels
	err := c.send(ctx, request{effect: reads, method: http.MethodGet, path: path("node", "log-level")}, &answer)
	return answer, err
}

// SetLogLevel changes the level at which the node asked logs, until its process
// ends; WithEndpoint chooses the node. Doing it again does no harm.
func (c *Client) SetLogLevel(ctx context.Context, l wire.SetLogLevel) (wire.LogLevels, error) {
	var answer wire.LogLevels
	b, err := encode(l)
	if err != nil {
		return answer, err
	}
	err = c.send(ctx, request{effect: varies, method: http.MethodPut, path: path("node", "log-level"), body: b}, &answer)
	return answer, err
}

// MakeJoinToken makes a token that lets one new node join; life is from a minute
// to 30 days, and node, where not empty, the id of the only node that it is for. The
// answer's Token is told only here.
func (c *Client) MakeJoinToken(ctx context.Context, node string, life time.Duration) (wire.MadeJoinToken, error) {
	var made wire.MadeJoinToken
	body, err := encode(wire.MakeJoinToken{Node: node, LifeSeconds: int64(life / time.Second)})
	if err != nil {
		return made, err
	}
	err = c.send(ctx, request{effect: varies, method: http.MethodPost, path: path("cluster", "join-tokens"), body: body}, &made)
	return made, err
}

// JoinTokens lists the tokens, used and expired ones included for a week.
func (c *Client) JoinTokens(ctx context.Context) (wire.JoinTokens, error) {
	var answer wire.JoinTokens
	err := c.send(ctx, request{effect: reads, method: http.MethodGet, path: path("cluster", "join-tokens")}, &answer)
	return answer, err
}

// RevokeJoinToken removes a token. A node that has joined with it stays.
func (c *Client) RevokeJoinToken(ctx context.Context, id string) error {
	if err := need("id", id); err != nil {
		return err
	}
	return c.administer(ctx, http.MethodDelete, path("cluster", "join-tokens", id), nil)
}

func (c *Client) administer(ctx context.Context, method, route string, body any) error {
	b, err := encode(body)
	if err != nil {
		return err
	}
	return c.send(ctx, request{effect: varies, method: method, path: route, body: b}, nil)
}
