package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/transport/wire"
)

func newTxn() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "txn -f FILE",
		Short: "Do the operations of a file, all or none",
		Long: "Do the operations of a YAML or JSON file in their order, all or none, if all preconditions hold. Each\n" +
			"operation and each precondition has exactly one key. Unknown keys are errors.\n\n" +
			"  preconditions:\n  - provider_generation: {provider: node1, generation: 7}\n" +
			"  ops:\n  - create_provider: {name: node1_NUMA0, parent: node1}\n" +
			"  - set_inventories:\n      provider: node1_NUMA0\n      inventories:\n        VCPU: {total: 8, allocation_ratio: 4}",
		Example: "  treenode txn -f change.yaml\n  generate | treenode txn -f - -o json",
		Args:    cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			var txn wire.Txn
			if err := readFile(s.cmd, path, &txn); err != nil {
				return err
			}
			if len(txn.Ops) == 0 {
				return usage("%s: ops: at least one operation is needed", path)
			}
			return s.done(s.Txn(ctx, txn))
		}),
	}
	fileFlag(cmd, &path)
	return clientFlags(mutation(cmd))
}

func newReshape() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "reshape -f FILE",
		Short: "Replace inventories and claims of a file together",
		Long: "Replace all inventories of the providers and all claims of the consumers in a YAML or JSON file, in one\n" +
			"step, so that inventory in use can move between providers.\n\n" +
			"  inventories:\n    node1: {}\n    node1_NUMA0:\n      VCPU: {total: 8}\n" +
			"  consumers:\n  - uuid: 6f9619ff-8b86-4011-b42d-00c04fc964ff\n    allocations:\n    - provider: node1_NUMA0\n" +
			"      resources: {VCPU: 2}",
		Example: "  treenode reshape -f numa.yaml\n  cat numa.json | treenode reshape -f -",
		Args:    cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			var body wire.Reshape
			if err := readFile(s.cmd, path, &body); err != nil {
				return err
			}
			if len(body.Inventories) == 0 {
				return usage("%s: inventories: at least one provider is needed", path)
			}
			return s.done(s.Reshape(ctx, body))
		}),
	}
	fileFlag(cmd, &path)
	return clientFlags(mutation(cmd))
}
