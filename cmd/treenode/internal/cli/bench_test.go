package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/treenode/treenode/cmd/treenode/internal/bench"
)

func TestBenchUsage(t *testing.T) {
	for line, want := range map[string]string{
		"--workload nothing":           "workload: no workload \"nothing\"",
		"--row [":                      "row: ",
		"--skip [":                     "skip: ",
		"--skip-on-compare [":          "skip: ",
		"--nodes 10":                   "nodes: 10",
		"--clients 0":                  "clients: 0",
		"--duration 1h":                "duration: ",
		"--target ftp://h":             "target: ",
		"--compare http://":            "compare: ",
		"--target h:1 --cpu-profile f": "cpu-profile, dir, node-arg and leader-only",
		"--target h:1 --leader-only":   "cpu-profile, dir, node-arg and leader-only",
		"--output yaml":                "output: \"yaml\" is not one of table, json",
	} {
		_, errs, code := run(t, "", append([]string{"bench"}, strings.Fields(line)...)...)
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d: %s", line, code, errs)
		}
	}
}

func TestBenchList(t *testing.T) {
	out, _, code := run(t, "", "bench", "--list", "--clients", "7")
	if code != exitOK || !strings.Contains(out, "claims@7") || strings.Contains(out, "claims@16") || !strings.Contains(out, "(when asked)") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	out, _, code = run(t, "", "bench", "--list", "-o", "json")
	var all []bench.Workload
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != exitOK || len(all) < 9 {
		t.Errorf("exit code %d, %v:\n%s", code, err, out)
	}
}

// placementStub takes everything and knows nothing: enough for claims.
func placementStub(t *testing.T, claim int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/allocations/"):
			w.WriteHeader(claim)
		case r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/resource_classes/"):
			w.WriteHeader(http.StatusCreated)
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = io.WriteString(w, "{}")
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestBenchCompare(t *testing.T) {
	fine, broken := placementStub(t, http.StatusNoContent), placementStub(t, http.StatusConflict)
	short := []string{"bench", "--row", "claims@*", "--clients", "1,2", "--hosts", "10", "--duration", "20ms", "--warm-up", "1ms", "--runs", "2"}
	out, errs, code := run(t, "", append(short, "--target", fine, "--compare", fine, "--skip-on-compare", "claims@2", "-o", "json")...)
	var report benchReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitOK {
		t.Fatalf("exit code %d, %v: %s%s", code, err, errs, out)
	}
	if len(report.Results) != 2 || report.Results[0].Rows[0].Work == 0 || report.Results[0].Rows[1].Skipped || !report.Results[1].Rows[1].Skipped {
		t.Errorf("%+v", report.Results)
	}
	if len(report.Ratios) != 1 || report.Ratios[0].Row != "claims@1" || report.Ratios[0].PerSecond <= 0 || report.Ratios[0].Latency <= 0 {
		t.Errorf("%+v", report.Ratios)
	}
	if report.Machine.Cores == 0 || report.Machine.FdatasyncMillis <= 0 || report.Machine.MemoryBytes == 0 {
		t.Errorf("%+v", report.Machine)
	}
	out, errs, code = run(t, "", append(short, "--target", fine, "--compare", broken)...)
	if code != exitFailure || !strings.Contains(errs, "errors; see the rows") || !strings.Contains(out, "claims@1: error: PUT /allocations/{}: status 409") {
		t.Errorf("exit code %d: %s%s", code, errs, out)
	}
	if !strings.Contains(out, "how many times better") || !strings.Contains(out, "fdatasync") {
		t.Errorf("%s", out)
	}
	// Nobody there.
	_, errs, code = run(t, "", append(short, "--target", "127.0.0.1:1")...)
	if code != exitFailure || !strings.Contains(errs, "connection refused") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
