// Command migration-check moves everything from the reference Placement service
// into this one, as an operator would, and fails if anything is lost.
//
//	go run ./scripts/migration-check
//
// It fills the reference with trees, sharing providers, custom names, aggregates,
// names in several scripts, a provider that shrank below what is claimed of it,
// and consumers of several providers, with types and without. Then it runs
// "treenode import" against a node, kills it at a transaction whose answer it
// never gets, refuses it without --resume, finishes it with --resume, and compares
// with --verify: with the reference, and through this service's own Placement API.
// It plants differences and wants --verify to find just those. At last the node's
// export is imported into another node and compared.
//
// Exit codes: 1 when something is lost or found wrongly, 3 when the packages of
// the reference are missing.
package main
