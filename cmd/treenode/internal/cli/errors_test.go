package cli

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cmd/treenode/internal/storetest"
	"github.com/treenode/treenode/transport/wire"
)

func TestExitCodes(t *testing.T) {
	n := furnished(t)
	for _, c := range []struct {
		line string
		want int
		says string
	}{
		{"provider show nowhere", exitRejected, "provider_not_found"},
		{"claim new node1_NUMA0:VCPU=999", exitRejected, "capacity_exceeded"},
		{"provider show", exitUsage, "accepts 1 arg"},
		{"provider nothing", exitUsage, "unknown command"},
		{"provider list --nothing", exitUsage, "unknown flag"},
		{"tree --whole", exitUsage, "PROVIDER is needed"},
		{"tree --output xml", exitUsage, `output: "xml" is not one of table, json, yaml`},
		{"tree --consistency lax", exitUsage, `consistency: "lax" is not one of`},
		{"tree --timeout 0s", exitUsage, "timeout: 0s"},
		{"trait create CUSTOM_A --request-id 1", exitUsage, "request-id"},
		{"trait create CUSTOM_A --request-id " + uuidA, exitUsage, "UUID of version 7"},
		{"claim new VCPU=1", exitUsage, "PROVIDER:CLASS=AMOUNT"},
		{"claim new p:VCPU", exitUsage, "CLASS=AMOUNT"},
		{"claim new p:VCPU=1,VCPU=2", exitUsage, "twice"},
		{"claim new p:VCPU=1.5", exitUsage, "CLASS=AMOUNT"},
		{"inventory put p VCPU", exitUsage, "KEY=VALUE"},
		{"inventory put p VCPU=x", exitUsage, `"x" is not a number`},
		{"inventory put p VCPU=1,colour=2", exitUsage, "reserved, min, max, step, ratio"},
		{"inventory put p VCPU=1,min=2,min_unit=3", exitUsage, "twice"},
		{"inventory put p VCPU=1 VCPU=2", exitUsage, "twice"},
		{"inventory remove p", exitUsage, "--all"},
		{"inventory remove p VCPU --all", exitUsage, "--all"},
		{"device add p PCI_DEVICE", exitUsage, "CLASS:IDENTIFIER"},
		{"provider move p", exitUsage, "--to-root"},
		{"provider move p q --to-root", exitUsage, "--to-root"},
		{"txn", exitUsage, "-f FILE is needed"},
		{"txn -f /nonexistent.yaml", exitUsage, "nonexistent.yaml"},
		{"agent --interval 1ms", exitUsage, "interval"},
		{"health --timeout 0s", exitUsage, "timeout"},
	} {
		if errs := fails(t, n, c.want, strings.Fields(c.line)...); !strings.Contains(errs, c.says) {
			t.Errorf("treenode %s: %q is not in:\n%s", c.line, c.says, errs)
		}
	}
	for _, endpoint := range []string{"nonsense", "ftp://a:1", ""} {
		if _, errs, code := run(t, "", "tree", "--endpoint", endpoint); code != exitUsage || !strings.Contains(errs, "endpoint") {
			t.Errorf("endpoint %q: exit code %d: %s", endpoint, code, errs)
		}
	}
}

// The four kinds of error, as a node says them.
func TestKinds(t *testing.T) {
	n := furnished(t)
	n.Fail(cluster.CodeNoLeader, "nobody leads")
	if errs := fails(t, n, exitNotApplied, "trait", "create", "CUSTOM_A", "--timeout", "300ms"); !strings.Contains(errs, "safe to try again") {
		t.Errorf("%s", errs)
	}
	fails(t, n, exitNotApplied, "tree", "--timeout", "300ms")
	if errs := fails(t, n, exitNotApplied, "health"); !strings.Contains(errs, "not ready") {
		t.Errorf("%s", errs)
	}
	n.Fail(cluster.CodeHalted, "an invariant broke")
	fails(t, n, exitInternal, "tree", "--timeout", "300ms")
	n.Fail(cluster.CodeOutcomeUnknown, "the leader is gone")
	fails(t, n, exitUnknown, "cluster", "remove", "n2", "--timeout", "300ms")
	errs := fails(t, n, exitUnknown, "provider", "create", "it's new", "--timeout", "300ms", "--parent", "node1")
	hint := regexp.MustCompile(`(?m)^  (treenode .*)$`).FindStringSubmatch(errs)
	if hint == nil {
		t.Fatalf("no hint in:\n%s", errs)
	}
	want := regexp.MustCompile(`^treenode provider create --endpoint ` + regexp.QuoteMeta(n.URL) +
		` --parent node1 --timeout 300ms --request-id [0-9a-f-]{36} 'it'\\''s new'$`)
	if !want.MatchString(hint[1]) {
		t.Errorf("hint %q", hint[1])
	}
}

// The advice after an unknown outcome, when followed, does what was asked for
// once, even for a consumer whose UUID was made up.
func TestRepeat(t *testing.T) {
	n := furnished(t)
	failing := true
	n.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if !failing || r.Method == http.MethodGet {
			return false
		}
		w.WriteHeader(http.StatusGatewayTimeout)
		fmt.Fprintf(w, `{"error": {"kind": "unknown", "code": "outcome_unknown", "message": "who knows", "request_id": %q}}`, r.Header.Get(wire.HeaderRequestID))
		return true
	}
	errs := fails(t, n, exitUnknown, "claim", "new", "node1_NUMA0:VCPU=1", "--project", "a b", "--timeout", "200ms")
	failing = false
	hint := regexp.MustCompile(`(?m)^  treenode (.*)$`).FindStringSubmatch(errs)
	if hint == nil {
		t.Fatalf("no hint in:\n%s", errs)
	}
	words := strings.Fields(strings.ReplaceAll(hint[1], "'a b'", "a+b"))
	for range 2 {
		if out, errs, code := run(t, "", words...); code != exitOK {
			t.Fatalf("%q: exit code %d\n%s%s", words, code, out, errs)
		}
	}
	if list := succeed(t, n, "claim", "list", "node1_NUMA0"); strings.Count(list, "VCPU=1") != 1 || !strings.Contains(list, "a+b") {
		t.Errorf("claims:\n%s", list)
	}
}

func TestErrorTells(t *testing.T) {
	n := furnished(t)
	errs := fails(t, n, exitRejected, "claim", "set", consumer, "node1_NUMA0:VCPU=999")
	for _, part := range []string{"capacity_exceeded: ", "field: consumers[0].allocations[0].resources.VCPU", "provider: " + uuidB, "request id: "} {
		if !strings.Contains(errs, part) {
			t.Errorf("%q is not in:\n%s", part, errs)
		}
	}
	out, errs, code := run(t, "preconditions: [{provider_generation: {provider: node1, generation: 99}}]\nops: [{create_provider: {name: x}}]",
		"txn", "-f", "-", "--endpoint", n.URL)
	if code != exitRejected || !strings.Contains(errs, "precondition 0: provider "+uuidA+", want 99, have ") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

func TestHealthUnready(t *testing.T) {
	n := storetest.New(t)
	n.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"status": "unavailable", "reason": "catching \u001b[31mup"}`)
		return true
	}
	if errs := fails(t, n, exitNotApplied, "health"); errs != "treenode: not ready: catching \\x1b[31mup\n" {
		t.Errorf("%q", errs)
	}
}
