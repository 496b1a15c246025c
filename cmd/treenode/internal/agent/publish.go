package agent

import (
	"context"
	"fmt"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/host"
	"github.com/treenode/treenode/transport/wire"
)

// attemptsMax bounds how often Publish looks again after somebody else was
// faster. More means that something is wrong rather than busy.
const attemptsMax = 5

// Report is what a Publish did.
type Report struct {
	Host      string // the host's provider: its name
	UUID      string // and its UUID
	Created   int    // providers
	Changed   int
	Removed   int
	Terms     int // custom resource classes and traits named, in case they are missing
	Attempts  int // transactions tried
	RequestID string
	Index     uint64
	// Notes tell, for people, what was left as it is although the machine has
	// it no more.
	Notes []string
}

// Nothing reports whether there was nothing to change.
func (r Report) Nothing() bool { return r.Created+r.Changed+r.Removed == 0 }

// String is the report in one line.
func (r Report) String() string {
	if r.Nothing() {
		return r.Host + ": nothing changed"
	}
	return fmt.Sprintf("%s: %d created, %d changed, %d removed (index %d)", r.Host, r.Created, r.Changed, r.Removed, r.Index)
}

// Publish makes what the cluster has under the host what the machine has, as
// far as it is the agent's; see the package. The error is a *host.OptionError
// or one of the client's: of kind unknown where the transaction may have
// happened. Publishing again is right after every error. Two calls for the
// same host at a time do no harm.
func Publish(ctx context.Context, c *client.Client, m *host.Machine, o host.Options) (Report, error) {
	wanted, err := m.Providers(o)
	if err != nil {
		return Report{}, err
	}
	report := Report{Host: wanted[0].Name, UUID: wanted[0].UUID}
	for {
		report.Attempts++
		t, err := prepare(ctx, c, wanted, o.Parent, &report)
		if err != nil {
			return Report{}, err
		}
		result, err := t.Commit(ctx, client.CreateMissing())
		if err == nil {
			report.RequestID, report.Index = result.RequestID, result.Index
			return report, nil
		}
		if !outrun(err) || report.Attempts == attemptsMax || ctx.Err() != nil {
			return Report{}, err
		}
	}
}

// outrun reports whether the transaction was refused for something that others
// did since the tree was loaded.
func outrun(err error) bool {
	switch client.CodeOf(err) {
	case wire.CodeConflict, wire.CodeProviderInUse, wire.CodeProviderHasChild, wire.CodeInventoryInUse,
		wire.CodeProviderNotFound:
		return client.IsRejected(err)
	default:
		return false
	}
}

// prepare returns a tree that is as the cluster's should be, ready to commit.
func prepare(ctx context.Context, c *client.Client, wanted []wire.PopulateProvider, parent string, report *Report) (*client.Tree, error) {
	t, parent, err := load(ctx, c, wanted[0].UUID, parent)
	if err != nil {
		return nil, err
	}
	p := &plan{ctx: ctx, client: c, tree: t, parent: parent, wanted: wanted}
	list, err := p.providers()
	if err != nil {
		return nil, err
	}
	if err := t.Populate(list...); err != nil {
		return nil, err
	}
	report.Notes = p.notes
	report.count(t.Diff(client.CreateMissing()))
	return t, nil
}

// load returns the host's tree as the cluster has it, if it has it, with the
// new parent's if the host must go there; and the UUID that the host's parent
// shall have, empty for a new root.
func load(ctx context.Context, c *client.Client, root, parent string) (*client.Tree, string, error) {
	t := client.NewTree(c)
	err := t.LoadSubtree(ctx, root)
	known := err == nil
	if err != nil && client.CodeOf(err) != wire.CodeProviderNotFound {
		return nil, "", err
	}
	var have client.ProviderData
	if known {
		if have, err = t.Data(root); err != nil {
			return nil, "", err
		}
	}
	if parent == "" {
		return t, have.Parent, nil
	}
	above, err := c.Provider(ctx, parent)
	if err != nil {
		return nil, "", err
	}
	if known && have.Parent == above.UUID {
		return t, above.UUID, nil
	}
	t = client.NewTree(c)
	if err := t.LoadSubtree(ctx, above.UUID); err != nil {
		return nil, "", err
	}
	if known && !t.Exists(root) {
		if err := t.LoadSubtree(ctx, root); err != nil {
			return nil, "", err
		}
	}
	return t, above.UUID, nil
}

// count says what a transaction does.
func (r *Report) count(txn wire.Txn) {
	r.Created, r.Changed, r.Removed, r.Terms = 0, 0, 0, 0
	created, changed := map[string]bool{}, map[string]bool{}
	for _, op := range txn.Ops {
		switch {
		case op.CreateProvider != nil:
			created[op.CreateProvider.UUID] = true
		case op.RemoveProvider != nil:
			r.Removed++
		case op.CreateResourceClass != nil, op.CreateTrait != nil:
			r.Terms++
		default:
			changed[provider(op)] = true
		}
	}
	r.Created = len(created)
	for id := range changed {
		if !created[id] {
			r.Changed++
		}
	}
}

// provider is the UUID of the provider that an operation of a client.Tree is
// about.
func provider(op wire.Op) string {
	switch {
	case op.RenameProvider != nil:
		return op.RenameProvider.Provider
	case op.MoveProvider != nil:
		return op.MoveProvider.Provider
	case op.PutInventories != nil:
		return op.PutInventories.Provider
	case op.RemoveInventories != nil:
		return op.RemoveInventories.Provider
	case op.AddTraits != nil:
		return op.AddTraits.Provider
	case op.RemoveTraits != nil:
		return op.RemoveTraits.Provider
	case op.AddResources != nil:
		return op.AddResources.Provider
	case op.RemoveResources != nil:
		return op.RemoveResources.Provider
	default:
		return ""
	}
}
