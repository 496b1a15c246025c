package server

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The metrics of this package are in the document, with the same help.
func TestKeyMetricsAreDocumented(t *testing.T) {
	document, err := os.ReadFile("../../../../docs/monitoring/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc, 64)
	(&keys{}).Describe(descs)
	close(descs)
	form, seen := regexp.MustCompile(`fqName: "([^"]+)", help: "([^"]+)"`), 0
	for d := range descs {
		m := form.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%s can't be read", d)
		}
		seen++
		found := false
		for row := range strings.Lines(string(document)) {
			found = found || strings.HasPrefix(row, "| `"+m[1]+"` |") && strings.Contains(row, "| "+m[2]+" |")
		}
		if !found {
			t.Errorf("docs/monitoring/metrics.md has no row for %s: %s", m[1], m[2])
		}
	}
	if seen == 0 {
		t.Error("no metric was seen")
	}
}
