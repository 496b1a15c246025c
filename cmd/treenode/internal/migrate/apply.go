package migrate

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

// writersMax is how many transactions are under way at once.
const writersMax = 4

// Apply carries the plan out. Each transaction is all or nothing; after an
// error, which is the client's, some have happened and the rest has not: a new
// plan goes on from there.
func (p *Plan) Apply(ctx context.Context, c *client.Client, progress func(string)) error {
	var done atomic.Int64
	for _, s := range p.stages {
		writers := 1
		if s.parallel {
			writers = writersMax
		}
		if err := each(ctx, writers, s.batches, func(ctx context.Context, txn wire.Txn) error {
			if _, err := c.Txn(ctx, txn); err != nil {
				return fmt.Errorf("writing %s: %w", s.what, err)
			}
			progress(fmt.Sprintf("writing %s: transaction %d of %d", s.what, done.Add(1), p.Summary.Transactions))
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
