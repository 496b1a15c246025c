package migrate_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/treenode/treenode/cmd/treenode/internal/migrate"
	"github.com/treenode/treenode/cmd/treenode/internal/storetest"
	"github.com/treenode/treenode/transport/wire"
)

func TestImportIsComplete(t *testing.T) {
	from, to := storetest.New(t), storetest.New(t)
	furnish(t, from.URL, 60)
	source := readSource(t, from.URL)
	if len(source.Providers) != 7 || len(source.Consumers) != 60 || len(source.ResourceClasses) != 2 || len(source.Traits) != 2 {
		t.Fatalf("the source has %s", source.Counts())
	}
	summary := carry(t, source, to, migrate.PlanOptions{})
	if summary.ProvidersCreated != 7 || summary.ConsumersCreated != 60 || summary.ResourceClassesCreated != 2 || summary.TraitsCreated != 2 {
		t.Errorf("%+v", summary)
	}
	// As both APIs show it.
	target, _ := readCluster(t, connect(t, to.URL))
	wantEqual(t, source, target, exact)
	wantEqual(t, source, readSource(t, to.URL), exact)
	for i, c := range source.Consumers {
		if !slices.EqualFunc(c.Allocations, target.Consumers[i].Allocations, func(a, b wire.Allocation) bool { return a.Provider == b.Provider }) {
			t.Errorf("consumer %s: allocations %v became %v", c.UUID, c.Allocations, target.Consumers[i].Allocations)
		}
	}
	// Again: there is nothing to do, and nothing is done.
	again := carry(t, source, to, migrate.PlanOptions{Resume: true})
	if again.Transactions != 0 || again.ProvidersEqual != 7 || again.ConsumersEqual != 60 {
		t.Errorf("a second run: %+v", again)
	}
}

// cut stands before a node and hands requests on, until a number of
// transactions has come; from then on no answer arrives. Of the last one it
// depends on the number whether it happens.
type cut struct {
	to     string
	after  int64
	stop   func() // called when the first answer is lost
	seen   atomic.Int64
	active sync.WaitGroup
}

func (c *cut) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.active.Add(1)
	defer c.active.Done()
	n := int64(0)
	if strings.HasSuffix(r.URL.Path, "/txn") {
		n = c.seen.Add(1)
	}
	lost := n > c.after
	if !lost || n == c.after+1 && c.after%2 == 0 {
		body, _ := io.ReadAll(r.Body)
		ahead, err := http.NewRequest(r.Method, c.to+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		ahead.Header = r.Header.Clone()
		resp, err := http.DefaultClient.Do(ahead)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		if !lost {
			w.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(w, resp.Body)
			return
		}
	}
	c.stop()
	panic(http.ErrAbortHandler)
}

// After each number of transactions, a run that ends there is finished by the
// next one.
func TestImportIsResumed(t *testing.T) {
	from := storetest.New(t)
	furnish(t, from.URL, 900) // more than one transaction of consumers
	source := readSource(t, from.URL)
	for after := int64(0); ; after++ {
		to := storetest.New(t)
		ctx, cancel := context.WithCancel(t.Context())
		between := &cut{to: to.URL, after: after, stop: cancel}
		server := httptest.NewServer(between)
		c := connect(t, server.URL)
		have, known := readCluster(t, c)
		plan, err := migrate.NewPlan(source, have, known, migrate.PlanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		err = plan.Apply(ctx, c, quiet)
		whole := ctx.Err() == nil
		cancel()
		between.active.Wait() // what is under way may happen still
		server.Close()
		if (err == nil) != whole {
			t.Fatalf("ended after %d transactions: %v", after, err)
		}
		if whole {
			if after < 4 {
				t.Fatalf("it took %d transactions only: nothing was tried", after)
			}
			return
		}
		carry(t, source, to, migrate.PlanOptions{Resume: true})
		target, _ := readCluster(t, connect(t, to.URL))
		wantEqual(t, source, target, exact)
	}
}

func TestTargetHasSomething(t *testing.T) {
	from, to := storetest.New(t), storetest.New(t)
	furnish(t, from.URL, 6)
	source := readSource(t, from.URL)
	call(t, to.URL, "1.39", "PUT", "/traits/CUSTOM_OWN", nil)
	call(t, to.URL, "1.39", "POST", "/resource_providers", object{"uuid": uuidOf(hosts, 99), "name": "own"})
	c := connect(t, to.URL)
	have, known := readCluster(t, c)
	for _, o := range []struct {
		options migrate.PlanOptions
		part    string
	}{
		{migrate.PlanOptions{}, "the target is not empty: it has 1 provider, 0 consumers, 0 custom resource classes, 1 custom trait"},
		{migrate.PlanOptions{Resume: true}, `the target has provider "own"`},
	} {
		_, err := migrate.NewPlan(source, have, known, o.options)
		wantPart(t, err, o.part)
		var obstacles migrate.Obstacles
		if !errors.As(err, &obstacles) {
			t.Errorf("error of type %T", err)
		}
	}
	carry(t, source, to, migrate.PlanOptions{Merge: true})
	target, _ := readCluster(t, c)
	if found := migrate.Compare(source, target, exact); len(found) != 2 {
		t.Errorf("merged: %v", found)
	}
	wantEqual(t, source, target, migrate.CompareOptions{Extra: true, Usages: true})
	carry(t, source, to, migrate.PlanOptions{Prune: true})
	target, _ = readCluster(t, c)
	wantEqual(t, source, target, exact)
}

// What happened to the source since the first run is done to the target too.
func TestPruneFollowsTheSource(t *testing.T) {
	from, to := storetest.New(t), storetest.New(t)
	furnish(t, from.URL, 30)
	carry(t, readSource(t, from.URL), to, migrate.PlanOptions{})
	do := func(method, path string, body any) { t.Helper(); call(t, from.URL, "1.39", method, path, body) }
	// Consumers go, come, and change hands; a tree goes; a provider moves,
	// another is made under the name of one that went.
	for i := range 30 {
		if i%3 == 2 || i < 6 {
			do("DELETE", "/allocations/"+uuidOf(instances, i), nil)
		}
	}
	claim(t, from.URL, 4)
	claim(t, from.URL, 100)
	do("DELETE", "/resource_providers/"+uuidOf(nodes, 2), nil)
	do("DELETE", "/resource_providers/"+uuidOf(hosts, 2), nil)
	do("POST", "/resource_providers", object{"uuid": uuidOf(nodes, 50), "name": "a-numa-2"})
	do("PUT", "/resource_providers/"+uuidOf(nodes, 1), object{"name": "renamed", "parent_provider_uuid": uuidOf(nodes, 50)})
	do("DELETE", "/resource_classes/CUSTOM_UNUSED", nil)
	do("DELETE", "/traits/CUSTOM_UNUSED", nil)
	do("PUT", "/resource_providers/"+uuidOf(nodes, 1)+"/traits",
		object{"resource_provider_generation": generation(t, from.URL, uuidOf(nodes, 1)), "traits": []string{}})
	source := readSource(t, from.URL)
	carry(t, source, to, migrate.PlanOptions{Prune: true})
	target, _ := readCluster(t, connect(t, to.URL))
	wantEqual(t, source, target, exact)
}

func TestObstaclesAreFoundFirst(t *testing.T) {
	provider := migrate.Provider{UUID: uuidOf(hosts, 1), Name: "h", Inventories: map[string]migrate.Inventory{
		"VCPU":      {Total: 1, MinUnit: 1, MaxUnit: 1, StepSize: 1},
		"NEW_CLASS": {Total: 1, MinUnit: 1, MaxUnit: 1, StepSize: 1, AllocationRatio: 1},
		"DISK_GB":   {Total: 1, Reserved: 2, MinUnit: 1, MaxUnit: 1, StepSize: 1, AllocationRatio: 1},
	}, Traits: []string{"HW_NEW"}}
	source := &migrate.Contents{
		Providers: []migrate.Provider{provider, {UUID: uuidOf(hosts, 2), Name: "h"}},
		Consumers: []migrate.Consumer{{UUID: uuidOf(instances, 1), Allocations: []wire.Allocation{
			{Provider: provider.UUID, Resources: map[string]int64{"PGPU": 1}},
		}}},
	}
	known := migrate.Known{ResourceClasses: []string{"VCPU", "DISK_GB"}}
	_, err := migrate.NewPlan(source, &migrate.Contents{}, known, migrate.PlanOptions{})
	for _, part := range []string{
		"VCPU with an allocation ratio of 0", "NEW_CLASS, a standard resource class", "an inventory of DISK_GB that no service",
		"HW_NEW, a standard trait", `two providers "h"`, "holds PGPU of provider",
	} {
		wantPart(t, err, part)
	}
}

// A cluster that changes at every read is not read as if it were one state.
func TestClusterThatMoves(t *testing.T) {
	n := storetest.New(t)
	furnish(t, n.URL, 3)
	c := connect(t, n.URL)
	var writes atomic.Int64
	n.Before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && r.URL.Path == "/v1/consumers" && writes.Load() > 0 {
			writes.Add(-1)
			if _, err := c.CreateProvider(r.Context(), wire.CreateProvider{Name: r.URL.String() + string(rune('a'+writes.Load()))}); err != nil {
				t.Error(err)
			}
		}
		return false
	}
	writes.Store(2)
	contents, _, at, err := migrate.ReadCluster(context.Background(), c, quiet)
	if err != nil || len(contents.Providers) != 9 || len(contents.Consumers) != 3 {
		t.Fatalf("%v, error %v", contents, err)
	}
	if d, err := c.Digest(context.Background()); err != nil || d.Revision != at.Revision || d.Digest != at.Digest {
		t.Errorf("read at %+v, the cluster is at %+v, error %v", at, d, err)
	}
	writes.Store(1000)
	_, _, _, err = migrate.ReadCluster(context.Background(), c, quiet)
	var moved *migrate.MovedError
	if !errors.As(err, &moved) {
		t.Errorf("error %v", err)
	}
}
