package placement

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/placementtest"
)

// send is Send with a plain answer: nothing normalised.
func send(t *testing.T, method, url, version, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", "admin")
	r.Header.Set("OpenStack-API-Version", "placement "+version)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func must(t *testing.T, status int, response *http.Response, body string) {
	t.Helper()
	if response.StatusCode != status {
		t.Fatalf("%s %s: %d, want %d: %s", response.Request.Method, response.Request.URL, response.StatusCode, status, body)
	}
}

const (
	one   = "00000000-0000-4000-8000-000000000001"
	two   = "00000000-0000-4000-8000-000000000002"
	three = "00000000-0000-4000-8000-000000000003"
)

func TestPrefix(t *testing.T) {
	url := serve(t, placementtest.NewNode(), Config{Prefix: "/placement"})
	r, body := send(t, "POST", url+"/placement/resource_providers", "1.20", `{"name":"a","uuid":"`+one+`"}`)
	must(t, 200, r, body)
	if got, want := r.Header.Get("Location"), url+"/placement/resource_providers/"+one; got != want {
		t.Errorf("location %q, want %q", got, want)
	}
	if !strings.Contains(body, `"href": "/placement/resource_providers/`+one+`/traits"`) {
		t.Errorf("links without the prefix: %s", body)
	}
	r, body = send(t, "GET", url+"/resource_providers/"+one, "1.20", "")
	must(t, 200, r, body)
	if strings.Contains(body, "/placement") {
		t.Errorf("links with a prefix that was not used: %s", body)
	}
	r, body = send(t, "GET", url+"/placementx", "1.20", "")
	must(t, 404, r, body)
	for _, path := range []string{"/placement", "/placement/"} {
		r, body = send(t, "GET", url+path, "1.0", "")
		must(t, 200, r, body)
	}
}

func TestOrders(t *testing.T) {
	url := serve(t, placementtest.NewNode(), Config{})
	for i, u := range []string{one, two} {
		r, body := send(t, "POST", url+"/resource_providers", "1.39", `{"name":"`+string(rune('a'+i))+`","uuid":"`+u+`"}`)
		must(t, 200, r, body)
		r, body = send(t, "PUT", url+"/resource_providers/"+u+"/inventories", "1.39",
			`{"resource_provider_generation":0,"inventories":{"VCPU":{"total":4},"DISK_GB":{"total":4}}}`)
		must(t, 200, r, body)
	}
	r, body := send(t, "PUT", url+"/resource_providers/"+one+"/aggregates", "1.19",
		`{"resource_provider_generation":1,"aggregates":["`+three+`","`+two+`","`+one+`"]}`)
	must(t, 200, r, body)
	var aggregates struct{ Aggregates []string }
	if err := json.Unmarshal([]byte(body), &aggregates); err != nil || !slices.Equal(aggregates.Aggregates, []string{three, two, one}) {
		t.Errorf("aggregates do not echo the order: %s (%v)", body, err)
	}
	r, body = send(t, "PUT", url+"/allocations/"+three, "1.28", `{"allocations":{"`+two+`":{"resources":{"DISK_GB":1,"VCPU":1}},"`+
		one+`":{"resources":{"VCPU":1}}},"project_id":"p","user_id":"u","consumer_generation":null}`)
	must(t, 204, r, body)
	_, body = send(t, "GET", url+"/allocations/"+three, "1.28", "")
	if strings.Index(body, two) > strings.Index(body, one) || strings.Index(body, "DISK_GB") > strings.Index(body, "VCPU") {
		t.Errorf("allocations do not keep the order: %s", body)
	}
}

// Whatever was seen before a write may have changed when it is applied.
func TestConflictsAtApply(t *testing.T) {
	bump := func(p string) tree.Op {
		u, _ := tree.ParseUUID(p)
		return tree.SetInventories{Provider: tree.ByUUID(u), Inventories: []tree.InventoryOf{{
			Class: "VCPU", Inventory: tree.Inventory{Total: 4, MinUnit: 1, MaxUnit: 4, StepSize: 1, Ratio: tree.One},
		}}}
	}
	consumer, _ := tree.ParseUUID(three)
	provider, _ := tree.ParseUUID(one)
	claim := tree.Claim{Consumers: []tree.ConsumerClaim{{Consumer: consumer, Project: "q", User: "v", Allocations: []tree.AllocationOf{
		{Provider: tree.ByUUID(provider), Class: "VCPU", Amount: 1},
	}}}}
	for _, c := range []struct {
		name, method, path, body string
		meanwhile                tree.Op
	}{
		{"inventories", "PUT", "/resource_providers/" + one + "/inventories", `{"resource_provider_generation":1,"inventories":{}}`, bump(one)},
		{"inventory", "PUT", "/resource_providers/" + one + "/inventories/VCPU", `{"resource_provider_generation":1,"total":2}`, bump(one)},
		{"traits", "PUT", "/resource_providers/" + one + "/traits", `{"resource_provider_generation":1,"traits":["HW_CPU_X86_VMX"]}`, bump(one)},
		{"aggregates", "PUT", "/resource_providers/" + one + "/aggregates", `{"resource_provider_generation":1,"aggregates":["` + two + `"]}`, bump(one)},
		{"allocations", "PUT", "/allocations/" + three, `{"allocations":{"` + one + `":{"resources":{"VCPU":1}}},"project_id":"p","user_id":"u","consumer_generation":null,"consumer_type":"T"}`, claim},
		{"reshaper", "POST", "/reshaper", `{"inventories":{"` + one + `":{"resource_provider_generation":1,"inventories":{}}},"allocations":{}}`, bump(one)},
	} {
		t.Run(c.name, func(t *testing.T) {
			node := placementtest.NewNode()
			url := serve(t, node, Config{Policy: legacy(t)})
			r, body := send(t, "POST", url+"/resource_providers", "1.39", `{"name":"a","uuid":"`+one+`"}`)
			must(t, 200, r, body)
			r, body = send(t, "PUT", url+"/resource_providers/"+one+"/inventories", "1.39", `{"resource_provider_generation":0,"inventories":{"VCPU":{"total":4}}}`)
			must(t, 200, r, body)
			node.Before = func(cmd fsm.Command) {
				other := fsm.Command{RequestID: cmd.RequestID, Txn: tree.Txn{Ops: []tree.Op{c.meanwhile}}}
				other.RequestID[15] ^= 1
				if result, err := node.Propose(context.Background(), other); err != nil || result.Refused != nil {
					t.Errorf("meanwhile: %v %v", result.Refused, err)
				}
			}
			before, body := send(t, c.method, url+c.path, "1.39", c.body)
			must(t, 409, before, body)
			if !strings.Contains(body, codeConcurrentUpdate) {
				t.Errorf("not a concurrent update: %s", body)
			}
		})
	}
}

// A claim that no longer fits reads as one that never did.
func TestCapacityTakenMeanwhile(t *testing.T) {
	node := placementtest.NewNode()
	url := serve(t, node, Config{})
	r, body := send(t, "POST", url+"/resource_providers", "1.39", `{"name":"a","uuid":"`+one+`"}`)
	must(t, 200, r, body)
	r, body = send(t, "PUT", url+"/resource_providers/"+one+"/inventories", "1.39", `{"resource_provider_generation":0,"inventories":{"VCPU":{"total":4}}}`)
	must(t, 200, r, body)
	provider, _ := tree.ParseUUID(one)
	other, _ := tree.ParseUUID(two)
	node.Before = func(cmd fsm.Command) {
		cmd.RequestID[15] ^= 1
		cmd.Txn = tree.Txn{Ops: []tree.Op{tree.Claim{Consumers: []tree.ConsumerClaim{{Consumer: other, Allocations: []tree.AllocationOf{
			{Provider: tree.ByUUID(provider), Class: "VCPU", Amount: 3},
		}}}}}}
		if result, err := node.Propose(context.Background(), cmd); err != nil || result.Refused != nil {
			t.Errorf("meanwhile: %v %v", result.Refused, err)
		}
	}
	claim := `{"allocations":{"` + one + `":{"resources":{"VCPU":2}}},"project_id":"p","user_id":"u","consumer_generation":null}`
	r, late := send(t, "PUT", url+"/allocations/"+three, "1.28", claim)
	must(t, 409, r, late)
	r, plain := send(t, "PUT", url+"/allocations/"+three, "1.28", claim)
	must(t, 409, r, plain)
	strip := func(s string) string { s, _, _ = strings.Cut(s, "request_id"); return s }
	if strip(late) != strip(plain) {
		t.Errorf("%s\nis not\n%s", late, plain)
	}
}

func TestClusterFailures(t *testing.T) {
	node := placementtest.NewNode()
	node.Fail = &cluster.Error{Code: cluster.CodeNoLeader, Message: "no leader"}
	url := serve(t, node, Config{})
	for _, path := range []string{"/", "/resource_providers"} {
		r, body := send(t, "GET", url+path, "1.39", "")
		must(t, 503, r, body)
	}
	node.Fail = &cluster.Error{Code: cluster.CodeBusy, Message: "a queue is full"}
	r, body := send(t, "POST", url+"/resource_providers", "1.39", `{"name":"a"}`)
	must(t, 503, r, body)
	if after := r.Header.Get("Retry-After"); after != "1" {
		t.Errorf("Retry-After of a busy cluster is %q", after)
	}
	node.Fail = &cluster.Error{Code: cluster.CodeForbidden, Message: "the leader does not allow it"}
	r, body = send(t, "POST", url+"/resource_providers", "1.39", `{"name":"a"}`)
	must(t, 403, r, body)
}

// What is wrong with a body is told, also where a route is tried twice.
func TestUnreadBody(t *testing.T) {
	url := serve(t, placementtest.NewNode(), Config{})
	for _, c := range []struct{ method, path string }{
		{"POST", "/resource_providers"}, {"PUT", "/allocations/" + one}, {"POST", "/allocations"},
	} {
		r, body := send(t, c.method, url+c.path, "1.39", `{"`+strings.Repeat("x", bodyBytesMax))
		must(t, http.StatusRequestEntityTooLarge, r, body)
	}
}
