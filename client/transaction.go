package client

import (
	"context"
	"net/http"

	"github.com/treenode/treenode/transport/wire"
)

// Txn executes the operations in their order if all preconditions hold: all of
// them or none. A precondition that does not hold rejects the transaction with
// wire.CodeConflict, and Error.Conflicts lists every one that did not.
func (c *Client) Txn(ctx context.Context, txn wire.Txn) (wire.Result, error) {
	if len(txn.Ops) > wire.OpsPerTxnMax {
		return wire.Result{}, refuse(wire.CodeTooLarge, "ops", "the transaction has %d operations; at most %d are taken", len(txn.Ops), wire.OpsPerTxnMax)
	}
	return c.mutate(ctx, http.MethodPost, path("txn"), nil, txn)
}

// Reshape replaces inventories of some providers and allocations of some
// consumers together, so that inventory in use can move between providers.
func (c *Client) Reshape(ctx context.Context, r wire.Reshape) (wire.Result, error) {
	return c.mutate(ctx, http.MethodPost, path("reshape"), nil, r)
}

// Populate adds or replaces providers, in any order. Descendants of a given
// provider that are not given themselves are removed. A parent must exist or
// be given; the error names those that have none (wire.CodeOrphan).
func (c *Client) Populate(ctx context.Context, providers ...wire.PopulateProvider) (wire.Result, error) {
	return c.mutate(ctx, http.MethodPost, path("populate"), nil, wire.Populate{Providers: providers})
}
