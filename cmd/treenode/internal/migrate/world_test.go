package migrate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/migrate"
	"github.com/treenode/treenode/cmd/treenode/internal/storetest"
)

func quiet(string) {}

func uuidOf(kind, i int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", kind, i) }

// The kinds of things in the world below, in their UUIDs.
const (
	hosts = iota + 1
	nodes
	pools
	aggregates
	instances
)

// object is a JSON object.
type object = map[string]any

// call makes one request of the Placement API, which has to succeed.
func call(t testing.TB, base, version, method, path string, body any) {
	t.Helper()
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequest(method, base+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", "admin")
	r.Header.Set("OpenStack-API-Version", "placement "+version)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
}

// furnish fills a Placement service: trees, a provider that shares, custom
// names, consumers that hold something of several providers, of consumer types
// and of none, and one that holds more than there is by now.
func furnish(t testing.TB, base string, count int) {
	t.Helper()
	do := func(method, path string, body any) { t.Helper(); call(t, base, "1.39", method, path, body) }
	do("PUT", "/resource_classes/CUSTOM_FPGA", nil)
	do("PUT", "/resource_classes/CUSTOM_UNUSED", nil)
	do("PUT", "/traits/CUSTOM_GOLD", nil)
	do("PUT", "/traits/CUSTOM_UNUSED", nil)
	for i := range 3 {
		host, node := uuidOf(hosts, i), uuidOf(nodes, i)
		do("POST", "/resource_providers", object{"uuid": host, "name": fmt.Sprintf("höst-%d 計算 \"<&>\\", i)})
		// The parent is created first here, but named such that no order of names or UUIDs is that of the tree.
		do("POST", "/resource_providers", object{"uuid": node, "name": fmt.Sprintf("a-numa-%d", i), "parent_provider_uuid": host})
		do("PUT", "/resource_providers/"+host+"/inventories", object{
			"resource_provider_generation": 0, "inventories": object{
				"MEMORY_MB": object{"total": 1 << 20, "reserved": 512, "allocation_ratio": 1.5, "min_unit": 2, "max_unit": 1 << 20, "step_size": 2},
			},
		})
		do("PUT", "/resource_providers/"+node+"/inventories", object{
			"resource_provider_generation": 0, "inventories": object{
				"VCPU": object{"total": 4096, "allocation_ratio": 0.9}, "CUSTOM_FPGA": object{"total": 1000},
			},
		})
		do("PUT", "/resource_providers/"+node+"/traits", object{"resource_provider_generation": 1, "traits": []string{"HW_CPU_X86_AVX2", "CUSTOM_GOLD"}})
		do("PUT", "/resource_providers/"+host+"/aggregates", object{"resource_provider_generation": 1, "aggregates": []string{uuidOf(aggregates, 1), uuidOf(aggregates, 0)}})
	}
	pool := uuidOf(pools, 0)
	do("POST", "/resource_providers", object{"uuid": pool, "name": "pool"})
	do("PUT", "/resource_providers/"+pool+"/inventories", object{"resource_provider_generation": 0, "inventories": object{"DISK_GB": object{"total": 1 << 20}}})
	do("PUT", "/resource_providers/"+pool+"/traits", object{"resource_provider_generation": 1, "traits": []string{"MISC_SHARES_VIA_AGGREGATE"}})
	do("PUT", "/resource_providers/"+pool+"/aggregates", object{"resource_provider_generation": 2, "aggregates": []string{uuidOf(aggregates, 0)}})
	for i := range count {
		claim(t, base, i)
	}
	// Less than is claimed: as when a ratio is turned down, or memory fails.
	do("PUT", "/resource_providers/"+uuidOf(nodes, 0)+"/inventories/CUSTOM_FPGA",
		object{"resource_provider_generation": generation(t, base, uuidOf(nodes, 0)), "total": 1, "min_unit": 1, "max_unit": 1, "step_size": 1})
}

// claim makes an instance.
func claim(t testing.TB, base string, i int) {
	t.Helper()
	body := object{
		"project_id": fmt.Sprintf("project-%d", i%3), "user_id": "jané", "consumer_generation": nil,
		"allocations": object{
			// In another order than that of their UUIDs: the order of the list is to stay.
			uuidOf(pools, 0):     object{"resources": object{"DISK_GB": 1 + i%7}},
			uuidOf(nodes, i%3):   object{"resources": object{"VCPU": 1 + i%3, "CUSTOM_FPGA": 1}},
			uuidOf(hosts, (i)%3): object{"resources": object{"MEMORY_MB": 2 + 2*(i%5)}},
		},
	}
	version := "1.28"
	if i%2 == 0 {
		version, body["consumer_type"] = "1.38", []string{"INSTANCE", "MIGRATION"}[i/2%2]
	}
	call(t, base, version, "PUT", "/allocations/"+uuidOf(instances, i), body)
}

// placement reads a service's answer.
func placement(t testing.TB, base, path string, into any) {
	t.Helper()
	r, err := http.NewRequest("GET", base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", "admin")
	r.Header.Set("OpenStack-API-Version", "placement 1.39")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func generation(t testing.TB, base, provider string) uint64 {
	t.Helper()
	var p struct{ Generation uint64 }
	placement(t, base, "/resource_providers/"+provider, &p)
	return p.Generation
}

func connect(t testing.TB, url string) *client.Client {
	t.Helper()
	c, err := client.New([]string{url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// readSource reads a Placement service, which has to come to rest.
func readSource(t testing.TB, url string) *migrate.Contents {
	t.Helper()
	s, err := migrate.OpenSource(context.Background(), migrate.SourceConfig{URL: url, Auth: migrate.StaticToken("admin")})
	if err != nil {
		t.Fatal(err)
	}
	read, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if read.Unsettled != "" {
		t.Fatalf("the source did not come to rest: %s", read.Unsettled)
	}
	return read.Contents
}

func readCluster(t testing.TB, c *client.Client) (*migrate.Contents, migrate.Known) {
	t.Helper()
	contents, known, _, err := migrate.ReadCluster(context.Background(), c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return contents, known
}

// carry plans and writes, and returns what was counted.
func carry(t testing.TB, source *migrate.Contents, target *storetest.Node, o migrate.PlanOptions) migrate.Summary {
	t.Helper()
	c := connect(t, target.URL)
	have, known := readCluster(t, c)
	plan, err := migrate.NewPlan(source, have, known, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(context.Background(), c, quiet); err != nil {
		t.Fatal(err)
	}
	return plan.Summary
}

// exact compares all; generations may be ahead.
var exact = migrate.CompareOptions{Usages: true, Resources: true, Behind: true}

func wantEqual(t testing.TB, source, target *migrate.Contents, o migrate.CompareOptions) {
	t.Helper()
	for _, d := range migrate.Compare(source, target, o) {
		t.Errorf("%+v", d)
	}
}

func wantPart(t testing.TB, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("error %v, want one with %q", err, part)
	}
}
