package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/treenode/treenode/transport/wire"
)

func TestCommitOfNothing(t *testing.T) {
	cluster, _, tree := grown(t)
	result := must(tree.Commit(t.Context()))(t)
	if n := len(cluster.nodes[0].requests()); n != 0 || result.RequestID != "" {
		t.Errorf("%d requests, result %+v: want none", n, result)
	}
	ok(t, tree.Rename("gpu", "x"))
	ok(t, tree.Rename("x", "gpu"))
	must(tree.Commit(t.Context()))(t)
	if n := len(cluster.nodes[0].requests()); n != 0 {
		t.Errorf("%d requests for changes that cancel out", n)
	}
}

// A Tree goes on from what it committed: one request each, no reading between.
func TestCommitGoesOn(t *testing.T) {
	cluster, c, tree := grown(t)
	for i := range 5 {
		ok(t, tree.PutInventory("numa0", vcpu(int64(10+i))))
		ok(t, tree.SetTraits("gpu", []string{"HW_CPU_X86_AVX", "HW_CPU_X86_AVX2"}[i%2]))
		must(tree.NewChild(fmt.Sprint("port", i), "gpu"))(t)
		must(tree.Commit(t.Context()))(t)
	}
	if n := len(cluster.nodes[0].requests()); n != 5 {
		t.Errorf("%d requests for 5 commits", n)
	}
	same(t, "in the end", stored(t, c), snapshot(t, tree))
}

// A UUID may come back after its provider was removed; its generation does not.
func TestUUIDComesBack(t *testing.T) {
	_, c, tree := grown(t)
	gpu := uuidOf(t, tree, "gpu")
	ok(t, tree.Remove("gpu"))
	must(tree.Commit(t.Context()))(t)
	must(tree.Create(wire.CreateProvider{UUID: gpu, Name: "gpu"}))(t)
	if g := must(tree.Data("gpu"))(t).Generation; g != 0 {
		t.Errorf("a new provider has generation %d", g)
	}
	must(tree.Commit(t.Context()))(t)
	same(t, "committed", stored(t, c), snapshot(t, tree))

	// In one transaction it is the same provider, changed.
	ok(t, tree.Remove("gpu"))
	must(tree.Create(wire.CreateProvider{UUID: gpu, Name: "gpu2", Parent: "host"}))(t)
	must(tree.Commit(t.Context()))(t)
	same(t, "committed", stored(t, c), snapshot(t, tree))
}

// Whatever somebody else did to a provider that the transaction changes comes
// back as a conflict that names it, and nothing happens.
func TestConflicts(t *testing.T) {
	number := func(n *uint64) string {
		if n == nil {
			return "-"
		}
		return fmt.Sprint(*n)
	}
	for _, test := range []struct {
		name   string
		change func(t *testing.T, tree *Tree)
		others func(t *testing.T, c *Client)
		want   []string // name, generations wanted and had, reasons
	}{
		{
			name:   "changed",
			change: func(t *testing.T, tree *Tree) { ok(t, tree.PutInventory("numa0", vcpu(9))) },
			others: func(t *testing.T, c *Client) { must(c.AddTraits(t.Context(), "numa0", []string{"CUSTOM_T"}))(t) },
			want:   []string{"numa0 1 2 [changed]"},
		},
		{
			name: "two changed",
			change: func(t *testing.T, tree *Tree) {
				ok(t, tree.PutInventory("numa0", vcpu(9)))
				ok(t, tree.SetTraits("gpu"))
				ok(t, tree.SetTraits("host", "CUSTOM_T"))
			},
			others: func(t *testing.T, c *Client) {
				must(c.AddTraits(t.Context(), "numa0", []string{"CUSTOM_T"}))(t)
				must(c.SetTraits(t.Context(), "gpu", []string{"HW_CPU_X86_AVX"}))(t)
				must(c.SetInventories(t.Context(), "gpu", vcpu(1)))(t)
			},
			want: []string{"numa0 1 2 [changed]", "gpu 1 3 [changed]"},
		},
		{
			name:   "missing",
			change: func(t *testing.T, tree *Tree) { ok(t, tree.Rename("numa1", "numa2")) },
			others: func(t *testing.T, c *Client) { must(c.RemoveProvider(t.Context(), "numa1"))(t) },
			want:   []string{"numa1 0 - [missing]"},
		},
		{
			name:   "removed by both",
			change: func(t *testing.T, tree *Tree) { ok(t, tree.Remove("numa0")) },
			others: func(t *testing.T, c *Client) { must(c.RemoveSubtree(t.Context(), "numa0"))(t) },
			want:   []string{"numa0 1 - [missing]", "gpu 1 - [missing]"},
		},
		{
			name:   "moved by both",
			change: func(t *testing.T, tree *Tree) { ok(t, tree.Move("gpu", "numa1")) },
			others: func(t *testing.T, c *Client) { must(c.MoveProvider(t.Context(), "gpu", "host"))(t) },
			want:   []string{"gpu - - [moved]"},
		},
		{
			name:   "moved out of what is removed",
			change: func(t *testing.T, tree *Tree) { ok(t, tree.Remove("numa0")) },
			others: func(t *testing.T, c *Client) { must(c.MoveProvider(t.Context(), "gpu", "host"))(t) },
			want:   []string{"gpu - - [moved]"},
		},
		{
			name:   "changed and moved",
			change: func(t *testing.T, tree *Tree) { ok(t, tree.Move("gpu", "numa1")) },
			others: func(t *testing.T, c *Client) {
				must(c.SetTraits(t.Context(), "gpu", nil))(t)
				must(c.MoveProvider(t.Context(), "gpu", "host"))(t)
			},
			want: []string{"gpu 1 2 [changed moved]"},
		},
		{
			name:   "renamed by both",
			change: func(t *testing.T, tree *Tree) { ok(t, tree.Rename("gpu", "gpu1")) },
			others: func(t *testing.T, c *Client) { must(c.RenameProvider(t.Context(), "gpu", "gpu2"))(t) },
			want:   []string{"gpu - - [renamed]"},
		},
		{
			name:   "renamed and changed by both",
			change: func(t *testing.T, tree *Tree) { ok(t, tree.Rename("gpu", "gpu1")) },
			others: func(t *testing.T, c *Client) { must(c.SetTraits(t.Context(), "gpu", nil))(t) },
			want:   []string{"gpu 1 2 [changed]"},
		},
		{
			name:   "created by both",
			change: func(t *testing.T, tree *Tree) { must(tree.NewChild("nic", "host"))(t) },
			others: func(t *testing.T, c *Client) { must(c.CreateProvider(t.Context(), root("nic")))(t) },
			want:   []string{"nic - - [exists]"},
		},
		{
			name: "created by both under one UUID",
			change: func(t *testing.T, tree *Tree) {
				must(tree.Create(wire.CreateProvider{UUID: consumer, Name: "nic"}))(t)
			},
			others: func(t *testing.T, c *Client) {
				must(c.CreateProvider(t.Context(), wire.CreateProvider{UUID: consumer, Name: "disk"}))(t)
			},
			want: []string{"nic - - [exists]"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, c, tree := grown(t)
			test.change(t, tree)
			test.others(t, c)
			before, local := stored(t, c), snapshot(t, tree)
			_, err := tree.Commit(t.Context())
			wantError(t, err, wire.Rejected, wire.CodeConflict)
			conflict, is := errors.AsType[*ConflictError](err)
			if !is {
				t.Fatalf("%v is no *ConflictError", err)
			}
			var got []string
			for _, p := range conflict.Conflicts {
				got = append(got, fmt.Sprint(p.Name, " ", number(p.Want), " ", number(p.Have), " ", p.Reasons))
				if !strings.Contains(err.Error(), p.Name) || !strings.Contains(err.Error(), p.UUID) {
					t.Errorf("error %q does not name provider %s (%s)", err, p.Name, p.UUID)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("conflicts %q, want %q", got, test.want)
			}
			same(t, "the cluster", stored(t, c), before)
			same(t, "the tree", snapshot(t, tree), local)
			if _, again := tree.Commit(t.Context()); CodeOf(again) != wire.CodeConflict {
				t.Errorf("the second commit gives %v", again)
			}
		})
	}
}

// What somebody else added below a provider that goes is not swept away.
func TestRemoveKeepsWhatOthersAdded(t *testing.T) {
	_, c, tree := grown(t)
	ok(t, tree.Remove("numa0"))
	must(c.CreateProvider(t.Context(), wire.CreateProvider{Name: "nic", Parent: "gpu"}))(t)
	before := stored(t, c)
	_, err := tree.Commit(t.Context())
	wantError(t, err, wire.Rejected, wire.CodeProviderHasChild)
	same(t, "the cluster", stored(t, c), before)
}

// Generations that the answer tells of providers that the transaction did not
// guard are not believed: they may count what this Tree has not seen.
func TestUnguardedGenerationsAreNotTaken(t *testing.T) {
	_, c, tree := grown(t)
	ok(t, tree.Move("numa0", "")) // gpu gets another root
	must(c.SetTraits(t.Context(), "gpu", []string{"HW_CPU_X86_AVX"}))(t)
	must(tree.Commit(t.Context()))(t)
	ok(t, tree.SetInventory("gpu", vcpu(1)))
	_, err := tree.Commit(t.Context())
	wantError(t, err, wire.Rejected, wire.CodeConflict)
}

func TestCreateMissing(t *testing.T) {
	_, c, tree := grown(t)
	ok(t, tree.AddTraits("gpu", "CUSTOM_NEW"))
	ok(t, tree.PutInventory("gpu", map[string]wire.Inventory{"CUSTOM_THING": {Total: 1}}))
	_, err := tree.Commit(t.Context())
	wantError(t, err, wire.Rejected, wire.CodeClassNotFound)
	must(c.CreateTrait(t.Context(), "CUSTOM_NEW"))(t) // one exists already
	must(tree.Commit(t.Context(), CreateMissing()))(t)
	same(t, "committed", stored(t, c), snapshot(t, tree))
}

// meeting is a context that ends when the node has met two requests with the
// fault; it goes on with it until it is told otherwise.
func meeting(t *testing.T, n *fakeNode, f fault) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	met := 0
	n.failAlways(func(n *fakeNode, w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		if met++; met == 2 {
			defer cancel()
		}
		n.mu.Unlock()
		f(n, w, r)
	})
	return ctx
}

// While nothing is known and nothing was changed, the same request is sent.
func TestCommitAfterUnknown(t *testing.T) {
	for name, test := range map[string]struct {
		fault   fault
		applied bool
	}{
		"done":     {lost, true},
		"not done": {broken, false},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, c, tree := grown(t)
			n := cluster.nodes[0]
			before := stored(t, c)
			ok(t, tree.PutInventory("numa0", vcpu(9)))
			must(tree.NewChild("nic", "host"))(t)
			n.requests()
			_, err := tree.Commit(meeting(t, n, test.fault))
			e := wantError(t, err, wire.Unknown, wire.CodeOutcomeUnknown)
			wantError(t, tree.Load(t.Context(), "host"), wire.Rejected, wire.CodeInvalid)

			// Not even "not applied" settles it: an earlier attempt may have been.
			_, err = tree.Commit(meeting(t, n, says(wire.CodeNoLeader)))
			if again := wantError(t, err, wire.Unknown, wire.CodeOutcomeUnknown); again.RequestID != e.RequestID {
				t.Errorf("request id %s, then %s", e.RequestID, again.RequestID)
			}
			n.failAlways(nil)
			if test.applied {
				same(t, "done all the same", stored(t, c), snapshot(t, tree))
			} else {
				same(t, "not done", stored(t, c), before)
			}
			n.requests()
			result := must(tree.Commit(t.Context()))(t)
			if result.Replayed != test.applied || result.RequestID != e.RequestID || len(n.requests()) != 1 {
				t.Errorf("result %+v, want one request under %s", result, e.RequestID)
			}
			same(t, "committed", stored(t, c), snapshot(t, tree))
			ok(t, tree.PutInventory("numa0", vcpu(10)))
			n.requests()
			must(tree.Commit(t.Context()))(t)
			if all := n.requests(); len(all) != 1 || all[0].id == e.RequestID {
				t.Errorf("requests %v, want one under a new id", ids(all))
			}
			same(t, "and on", stored(t, c), snapshot(t, tree))
		})
	}
}

// When the second commit certainly did nothing, the first one may still have.
func TestNotAppliedAfterUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := newMemoryCluster(1)
		c := connect(t, cluster.endpoints(), WithTimeout(time.Second), WithHTTPClient(&http.Client{Transport: cluster}))
		tree := NewTree(c)
		must(tree.NewRoot("a"))(t)
		cluster.nodes[0].fail(lost)
		cluster.nodes[0].failAlways(says(wire.CodeNoLeader))
		_, err := tree.Commit(t.Context())
		first := wantError(t, err, wire.Unknown, wire.CodeOutcomeUnknown)
		_, err = tree.Commit(t.Context())
		second := wantError(t, err, wire.Unknown, wire.CodeOutcomeUnknown)
		if second.RequestID != first.RequestID || !strings.Contains(err.Error(), "no_leader") {
			t.Errorf("%v, then %v", first, err)
		}
		cluster.nodes[0].failAlways(nil)
		if result := must(tree.Commit(t.Context()))(t); !result.Replayed {
			t.Errorf("result %+v", result)
		}
	})
}

// What was changed since follows as a second transaction, even if it is back
// to what was loaded.
func TestChangeAfterUnknown(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, tree *Tree){
		"more": func(t *testing.T, tree *Tree) {
			ok(t, tree.SetTraits("nic", "CUSTOM_T"))
			ok(t, tree.PutInventory("numa0", vcpu(10)))
		},
		"back": func(t *testing.T, tree *Tree) {
			ok(t, tree.PutInventory("numa0", vcpu(8)))
			ok(t, tree.Move("gpu", "numa0"))
			ok(t, tree.Remove("nic"))
		},
	} {
		for _, fault := range []fault{lost, broken} {
			t.Run(name, func(t *testing.T) {
				cluster, c, tree := grown(t)
				n := cluster.nodes[0]
				ok(t, tree.PutInventory("numa0", vcpu(9)))
				must(tree.NewChild("nic", "host"))(t)
				ok(t, tree.Move("gpu", "nic"))
				_, err := tree.Commit(meeting(t, n, fault))
				e := wantError(t, err, wire.Unknown, wire.CodeOutcomeUnknown)
				n.failAlways(nil)
				change(t, tree)
				n.requests()
				must(tree.Commit(WithRequestID(t.Context(), e.RequestID)))(t)
				if all := ids(n.requests()); len(all) != 2 || all[0] != e.RequestID || all[1] == e.RequestID {
					t.Errorf("requests %v, want %s and a new one", all, e.RequestID)
				}
				same(t, "committed", stored(t, c), snapshot(t, tree))
			})
		}
	}
}

// A pending transaction that turns out to be refused gives way to what the
// Tree has become.
func TestRefusedAfterUnknown(t *testing.T) {
	cluster, c, tree := grown(t)
	n := cluster.nodes[0]
	ok(t, tree.AddTraits("gpu", "CUSTOM_UNHEARD_OF"))
	_, err := tree.Commit(meeting(t, n, broken))
	wantError(t, err, wire.Unknown, wire.CodeOutcomeUnknown)
	n.failAlways(nil)
	ok(t, tree.RemoveTraits("gpu", "CUSTOM_UNHEARD_OF"))
	ok(t, tree.PutInventory("gpu", vcpu(1)))
	must(tree.Commit(t.Context()))(t)
	same(t, "committed", stored(t, c), snapshot(t, tree))

	// Unchanged, the refusal is the answer, and the next commit is a new one.
	ok(t, tree.AddTraits("gpu", "CUSTOM_UNHEARD_OF"))
	_, err = tree.Commit(meeting(t, n, broken))
	e := wantError(t, err, wire.Unknown, wire.CodeOutcomeUnknown)
	n.failAlways(nil)
	n.requests()
	_, err = tree.Commit(t.Context())
	wantError(t, err, wire.Rejected, wire.CodeTraitNotFound)
	if all := ids(n.requests()); len(all) != 1 || all[0] != e.RequestID {
		t.Errorf("requests %v, want one under %s", all, e.RequestID)
	}
	must(tree.Commit(t.Context(), CreateMissing()))(t)
	if all := ids(n.requests()); len(all) != 1 || all[0] == e.RequestID {
		t.Errorf("requests %v", all)
	}
	same(t, "committed", stored(t, c), snapshot(t, tree))
}

// The context's request id is that of the transaction.
func TestCommitWithRequestID(t *testing.T) {
	_, _, tree := grown(t)
	id := must(NewRequestID())(t)
	ok(t, tree.SetTraits("host", "CUSTOM_T"))
	if result := must(tree.Commit(WithRequestID(t.Context(), id)))(t); result.RequestID != id {
		t.Errorf("request id %s, want %s", result.RequestID, id)
	}
}

// A difference over the limit of a body is refused before it is sent, and
// leaves the Tree as it is.
func TestCommitTooLarge(t *testing.T) {
	cluster, _, tree := grown(t)
	for i := range 6000 {
		must(tree.NewRoot(fmt.Sprintf("a provider with a rather long name, of number %d", i)))(t)
	}
	cluster.nodes[0].requests()
	_, err := tree.Commit(t.Context())
	wantError(t, err, wire.Rejected, wire.CodeTooLarge)
	if n := len(cluster.nodes[0].requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if n := len(tree.Diff().Ops); n != 6000 {
		t.Errorf("%d operations are left, want all", n)
	}
}
