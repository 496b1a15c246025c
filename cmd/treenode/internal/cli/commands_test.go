package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cmd/treenode/internal/storetest"
	"github.com/treenode/treenode/transport/wire"
)

const (
	uuidA    = "00000000-0000-4000-8000-00000000000a"
	uuidB    = "00000000-0000-4000-8000-00000000000b"
	consumer = "00000000-0000-4000-8000-0000000000c1"
)

// furnished is a store with two providers and a claim.
func furnished(t *testing.T) *storetest.Node {
	t.Helper()
	n := storetest.New(t)
	for _, line := range []string{
		"provider create node1 --uuid " + uuidA,
		"provider create node1_NUMA0 --parent node1 --uuid " + uuidB,
		"trait create CUSTOM_GOLD",
		"class create CUSTOM_LICENCE",
		"trait set node1 CUSTOM_GOLD HW_CPU_X86_AVX2",
		"inventory set node1_NUMA0 VCPU=8,reserved=1,ratio=16 MEMORY_MB=16384,max=8192,step=512",
		"aggregate set node1_NUMA0 " + uuidA,
		"device set node1_NUMA0 CUSTOM_LICENCE:key=a=b PCI_DEVICE:0000:3b:00.0",
		"claim set " + consumer + " node1_NUMA0:VCPU=3,MEMORY_MB=4096 --project web --user ann --type VM",
	} {
		succeed(t, n, strings.Fields(line)...)
	}
	return n
}

// What each command prints.
func TestOutput(t *testing.T) {
	n := furnished(t)
	for _, c := range []struct{ name, line string }{
		{"tree", "tree"},
		{"tree-ascii", "tree node1 --ascii --traits --aggregates --uuids --generations"},
		{"tree-subtree", "tree node1_NUMA0"},
		{"tree-whole", "tree node1_NUMA0 --whole"},
		{"tree-json", "tree -o json"},
		{"provider-list", "provider list"},
		{"provider-list-filter", "provider list --class VCPU --member-of " + uuidA},
		{"provider-show", "provider show node1_NUMA0"},
		{"provider-show-yaml", "provider show node1_NUMA0 -o yaml"},
		{"inventory-list", "inventory list node1_NUMA0"},
		{"inventory-list-json", "inventory list node1_NUMA0 -o json"},
		{"trait-list", "trait list node1"},
		{"trait-list-json", "trait list node1 --custom -o json"},
		{"class-list", "class list --custom"},
		{"aggregate-list", "aggregate list node1_NUMA0"},
		{"device-list", "device list node1_NUMA0"},
		{"device-list-json", "device list node1 -o json"},
		{"claim-show", "claim show " + consumer},
		{"claim-show-json", "claim show " + consumer + " -o json"},
		{"claim-list", "claim list node1_NUMA0"},
		{"cluster-status", "cluster status"},
		{"cluster-members", "cluster members"},
		{"cluster-token-list", "cluster token list"},
		{"cluster-digest", "cluster digest -o json"},
		{"health", "health"},
		{"mutation", "trait add node1 COMPUTE_NODE"},
		{"mutation-json", "trait add node1 COMPUTE_NODE -o json"},
		{"create", "provider create rack1 --uuid 00000000-0000-4000-8000-0000000000f1"},
		{"create-yaml", "provider create rack2 --uuid 00000000-0000-4000-8000-0000000000f2 -o yaml"},
		{"claim-set-json", "claim set " + consumer + " node1_NUMA0:VCPU=4 -o json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := succeed(t, n, strings.Fields(c.line)...)
			golden(t, c.name, regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(out, "DIGEST"))
			switch {
			case strings.HasSuffix(c.line, "json") && !json.Valid([]byte(out)):
				t.Errorf("not JSON:\n%s", out)
			case strings.HasSuffix(c.line, "yaml"):
				var v any
				if err := yaml.Unmarshal([]byte(out), &v); err != nil {
					t.Errorf("not YAML: %v\n%s", err, out)
				}
			}
		})
	}
}

// What each command changes.
func TestMutations(t *testing.T) {
	n := furnished(t)
	provider := func(name string) wire.Provider {
		t.Helper()
		var p wire.Provider
		if err := json.Unmarshal([]byte(succeed(t, n, "provider", "show", name, "-o", "json")), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	step := func(line string) { t.Helper(); succeed(t, n, strings.Fields(line)...) }

	step("inventory put node1_NUMA0 DISK_GB=100,min=5,step=5")
	if i := provider("node1_NUMA0").Inventories["DISK_GB"]; i.Total != 100 || i.MinUnit != 5 || i.StepSize != 5 {
		t.Errorf("put: %+v", i)
	}
	step("inventory remove node1_NUMA0 DISK_GB")
	if _, there := provider("node1_NUMA0").Inventories["DISK_GB"]; there {
		t.Error("remove: the inventory is there")
	}
	step("inventory put node1 DISK_GB=1 FPGA=1")
	step("inventory remove node1 --all")
	if p := provider("node1"); len(p.Inventories) != 0 {
		t.Errorf("remove --all: %+v", p.Inventories)
	}
	step("trait add node1 COMPUTE_NODE")
	step("trait remove node1 CUSTOM_GOLD HW_CPU_X86_AVX2")
	step("trait delete CUSTOM_GOLD")
	if p := provider("node1"); !slices.Equal(p.Traits, []string{"COMPUTE_NODE"}) {
		t.Errorf("traits: %v", p.Traits)
	}
	step("trait set node1")
	if p := provider("node1"); len(p.Traits) != 0 {
		t.Errorf("traits: %v", p.Traits)
	}
	step("aggregate add node1_NUMA0 " + uuidB)
	step("aggregate remove node1_NUMA0 " + uuidA)
	if p := provider("node1_NUMA0"); !slices.Equal(p.Aggregates, []string{uuidB}) {
		t.Errorf("aggregates: %v", p.Aggregates)
	}
	step("device add node1_NUMA0 PCI_DEVICE:0000:3b:00.1=x")
	step("device remove node1_NUMA0 PCI_DEVICE:0000:3b:00.0 CUSTOM_LICENCE:key")
	if p := provider("node1_NUMA0"); len(p.Resources) != 1 || !slices.Equal(p.Resources["PCI_DEVICE"], []wire.Device{{Identifier: "0000:3b:00.1", Metadata: "x"}}) {
		t.Errorf("devices: %+v", p.Resources)
	}
	step("class delete CUSTOM_LICENCE")
	generation := number(provider("node1_NUMA0").Generation)
	if errs := fails(t, n, exitRejected, "trait", "add", "node1_NUMA0", "COMPUTE_NODE", "--if-generation", "1"); !strings.Contains(errs, "conflict") {
		t.Errorf("%s", errs)
	}
	step("trait add node1_NUMA0 COMPUTE_NODE --if-generation " + generation)
	step("provider rename node1 renamed")
	step("provider create rack")
	step("provider move renamed rack")
	if p := provider("renamed"); p.Parent == "" {
		t.Error("move: it is a root")
	}
	step("provider move renamed --to-root")
	if p := provider("renamed"); p.Parent != "" {
		t.Error("move --to-root: it is no root")
	}
	step("provider remove rack")
	fails(t, n, exitRejected, "provider", "remove", "renamed", "--subtree") // in use
	step("claim release " + consumer)
	fails(t, n, exitRejected, "claim", "show", consumer)
	fails(t, n, exitRejected, "provider", "remove", "renamed") // it has children
	step("provider remove renamed --subtree")
	if out := succeed(t, n, "tree"); out != "" {
		t.Errorf("left over:\n%s", out)
	}
	step("cluster add n2@b 127.0.0.1:9001")
	step("cluster add n3@c 127.0.0.1:9002 --nonvoter")
	step("cluster remove n2")
	step("cluster transfer n3")
	step("cluster transfer")
	step("cluster token revoke 0123456789abcdef")
	want := []string{"add n2@b at 127.0.0.1:9001 as voter", "add n3@c at 127.0.0.1:9002 as nonvoter", "remove n2", "transfer to n3", "transfer to ", "revoke join token 0123456789abcdef"}
	if got := n.Calls(); !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
}

// A new claim tells its consumer; the same request id does nothing twice.
func TestClaimNew(t *testing.T) {
	n := furnished(t)
	out := succeed(t, n, "claim", "new", "node1_NUMA0:VCPU=1")
	id := regexp.MustCompile(`(?m)^consumer ([0-9a-f-]{36})$`).FindStringSubmatch(out)
	if id == nil {
		t.Fatalf("no consumer in:\n%s", out)
	}
	if shown := succeed(t, n, "claim", "show", id[1]); !strings.Contains(shown, uuidB+":VCPU=1") {
		t.Errorf("it claims:\n%s", shown)
	}
	request := regexp.MustCompile(`request id (\S+)`).FindStringSubmatch(succeed(t, n, "trait", "add", "node1", "COMPUTE_NODE"))
	again := succeed(t, n, "trait", "add", "node1", "COMPUTE_NODE", "--request-id", request[1])
	if !strings.Contains(again, "had been done before") {
		t.Errorf("again:\n%s", again)
	}
	if errs := fails(t, n, exitRejected, "trait", "add", "node1", "HW_CPU_X86_SSE", "--request-id", request[1]); !strings.Contains(errs, "request_id_reused") {
		t.Errorf("another body:\n%s", errs)
	}
}

func TestFiles(t *testing.T) {
	n := furnished(t)
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	succeed(t, n, "provider", "populate", "-f", write("p.yaml",
		"providers:\n- name: p1\n  inventories: {VCPU: {total: 2}}\n- {name: p2, parent: p1, traits: [COMPUTE_NODE]}\n"))
	succeed(t, n, "txn", "-f", write("t.json",
		`{"preconditions": [{"provider_absent": "p3"}], "ops": [{"create_provider": {"name": "p3", "parent": "p2"}}, {"rename_provider": {"provider": "p1", "name": "p0"}}]}`))
	succeed(t, n, "reshape", "-f", write("r.yaml",
		"inventories:\n  node1_NUMA0: {MEMORY_MB: {total: 16384}}\n  node1: {VCPU: {total: 8}}\n"+
			"consumers:\n- uuid: "+consumer+"\n  allocations: [{provider: node1, resources: {VCPU: 3}}]\n"))
	golden(t, "files", succeed(t, n, "tree"))
	out, errs, code := run(t, "ops: [{remove_provider: {provider: p0, subtree: true}}]", "txn", "-f", "-", "--endpoint", n.URL)
	if code != exitOK {
		t.Errorf("from standard input: %d %s%s", code, out, errs)
	}
	if out := succeed(t, n, "tree"); strings.Contains(out, "p0") {
		t.Errorf("it is there:\n%s", out)
	}
}

// Members that have different states, or can't be asked.
func TestDigest(t *testing.T) {
	one, other := furnished(t), furnished(t)
	one.Describe = append(one.Describe, cluster.Member{RaftID: "n2@b", NodeID: "n2", Voter: true, Healthy: true, API: other.URL})
	// The stores were made at different times, which is part of their state.
	if errs := fails(t, one, exitFailure, "cluster", "digest"); !strings.Contains(errs, "differ at index 9") {
		t.Errorf("%s", errs)
	}
	one.Describe[1] = cluster.Member{RaftID: "n2@b", NodeID: "n2", Error: "connection refused"}
	if errs := fails(t, one, exitNotApplied, "cluster", "digest"); !strings.Contains(errs, "1 of 2 members did not answer") {
		t.Errorf("%s", errs)
	}
}

// A token alone is printed, so that it can go into a file.
func TestClusterTokenMake(t *testing.T) {
	n := storetest.New(t)
	out, errs, code := run(t, "", "cluster", "token", "make", "--node", "n4", "--expires", "10m", "--endpoint", n.URL)
	if code != exitOK || out != "tnj-0123456789abcdef-secret\n" || !strings.Contains(errs, "0123456789abcdef") || strings.Contains(errs, "secret") {
		t.Errorf("exit code %d: %q, %q", code, out, errs)
	}
	if calls := n.Calls(); len(calls) != 1 || calls[0] != "make a join token for n4" {
		t.Errorf("%v", calls)
	}
}
