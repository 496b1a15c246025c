package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/treenode/treenode/transport/wire"
)

// Consumer returns a consumer and what it holds. One without allocations does
// not exist (wire.CodeConsumerNotFound).
func (c *Client) Consumer(ctx context.Context, consumer string) (wire.Consumer, error) {
	var answer wire.ConsumerAnswer
	if err := need("consumer", consumer); err != nil {
		return answer.Consumer, err
	}
	err := c.get(ctx, path("consumers", consumer), nil, &answer)
	return answer.Consumer, err
}

// Allocations goes through the consumers with allocations on the provider,
// each with its allocations there only, page by page. It ends after the first
// error.
func (c *Client) Allocations(ctx context.Context, provider string) iter.Seq2[wire.Consumer, error] {
	return pages(func(after string) ([]wire.Consumer, string, error) {
		page, err := c.AllocationsPage(ctx, provider, 0, after)
		return page.Consumers, page.Next, err
	})
}

// AllocationsPage returns one page of Allocations: at most limit consumers (0:
// as many as the server gives), from the one after "after" on.
func (c *Client) AllocationsPage(ctx context.Context, provider string, limit int, after string) (wire.Consumers, error) {
	var answer wire.Consumers
	if err := need("provider", provider); err != nil {
		return answer, err
	}
	q := url.Values{}
	if err := page(q, limit, after); err != nil {
		return answer, err
	}
	err := c.get(ctx, path("providers", provider, "allocations"), q, &answer)
	return answer, err
}

// Consumers goes through all consumers by UUID, page by page. It ends after
// the first error.
func (c *Client) Consumers(ctx context.Context) iter.Seq2[wire.Consumer, error] {
	return pages(func(after string) ([]wire.Consumer, string, error) {
		page, err := c.ConsumersPage(ctx, 0, after)
		return page.Consumers, page.Next, err
	})
}

// ConsumersPage returns one page of Consumers: at most limit (0: as many as
// the server gives), from the one after "after" on.
func (c *Client) ConsumersPage(ctx context.Context, limit int, after string) (wire.Consumers, error) {
	var answer wire.Consumers
	q := url.Values{}
	if err := page(q, limit, after); err != nil {
		return answer, err
	}
	err := c.get(ctx, path("consumers"), q, &answer)
	return answer, err
}

// PutConsumer replaces the allocations of one consumer; without any, it is
// released.
func (c *Client) PutConsumer(ctx context.Context, consumer string, claim wire.PutConsumer) (wire.Result, error) {
	if err := need("consumer", consumer); err != nil {
		return wire.Result{}, err
	}
	return c.mutate(ctx, http.MethodPut, path("consumers", consumer), nil, claim)
}

// DeleteConsumer removes all allocations of one consumer, and the consumer
// with them.
func (c *Client) DeleteConsumer(ctx context.Context, consumer string) (wire.Result, error) {
	if err := need("consumer", consumer); err != nil {
		return wire.Result{}, err
	}
	return c.mutate(ctx, http.MethodDelete, path("consumers", consumer), nil, nil)
}

// Claim replaces the allocations of each consumer given: all of them or none.
func (c *Client) Claim(ctx context.Context, claims ...wire.ConsumerClaim) (wire.Result, error) {
	return c.mutate(ctx, http.MethodPost, path("claims"), nil, wire.Claim{Consumers: claims})
}

// Release removes all allocations of the consumers: of all or none.
func (c *Client) Release(ctx context.Context, consumers ...string) (wire.Result, error) {
	return c.Txn(ctx, wire.Txn{Ops: []wire.Op{{Release: &wire.Release{Consumers: consumers}}}})
}
