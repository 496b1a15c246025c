package monitoring

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

const directory = "../../docs/monitoring/"

func load(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// metric is a row of metrics.md.
type metric struct {
	kind   string
	labels []string
}

var (
	metricRow = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| ([a-z]+) \\| ([^|]*) \\| .* \\|$")
	quoted    = regexp.MustCompile("`([^`]+)`")
)

// known are the metrics that the program has, by name: a test of the program
// compares the document with it.
func known(t *testing.T) map[string]metric {
	t.Helper()
	all := map[string]metric{}
	for _, row := range metricRow.FindAllStringSubmatch(load(t, directory+"metrics.md"), -1) {
		m := metric{kind: row[2]}
		for _, l := range quoted.FindAllStringSubmatch(row[3], -1) {
			m.labels = append(m.labels, l[1])
		}
		all[row[1]] = m
	}
	if len(all) < 10 {
		t.Fatalf("metrics.md has %d metrics", len(all))
	}
	return all
}

// fromElsewhere are metrics that Prometheus and its client library add.
var fromElsewhere = []string{
	"up", "ALERTS", "process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total", "go_memstats_heap_alloc_bytes",
}

// atEveryTarget are labels that a scrape adds to every series.
var atEveryTarget = []string{"__name__", "job", "instance"}

// selectorFindings says what is wrong with one selector of a query.
func selectorFindings(all map[string]metric, s *parser.VectorSelector) []string {
	name := s.Name
	if slices.Contains(fromElsewhere, name) {
		return nil
	}
	labels := slices.Clone(atEveryTarget)
	m, ok := all[name]
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		base, cut := strings.CutSuffix(name, part)
		if of, there := all[base]; cut && there && of.kind == "histogram" {
			m, ok = of, true
			labels = append(labels, "le")
		}
	}
	switch {
	case !ok:
		return []string{fmt.Sprintf("there is no metric %q", name)}
	case m.kind == "histogram" && name == strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count"):
		return []string{fmt.Sprintf("%s is a histogram: it has _bucket, _sum and _count only", name)}
	}
	var found []string
	labels = append(labels, m.labels...)
	for _, l := range s.LabelMatchers {
		if !slices.Contains(labels, l.Name) {
			found = append(found, fmt.Sprintf("%s has no label %q", name, l.Name))
		}
	}
	return found
}

// queryFindings says what is wrong with a query.
func queryFindings(all map[string]metric, query string) []string {
	expr, err := parser.ParseExpr(query)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	selectors, grouped := 0, []string(nil)
	possible := append(slices.Clone(atEveryTarget), "le")
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			selectors++
			found = append(found, selectorFindings(all, n)...)
			for _, part := range []string{"", "_bucket", "_sum", "_count"} {
				possible = append(possible, all[strings.TrimSuffix(n.Name, part)].labels...)
			}
		case *parser.AggregateExpr:
			grouped = append(grouped, n.Grouping...)
		}
		return nil
	})
	if selectors == 0 {
		found = append(found, "it asks for no metric")
	}
	for _, l := range grouped {
		if !slices.Contains(possible, l) {
			found = append(found, fmt.Sprintf("it groups by %q, which none of its metrics has", l))
		}
	}
	return found
}

func TestQueryFindings(t *testing.T) {
	all := map[string]metric{"a_total": {"counter", []string{"code"}}, "b_seconds": {"histogram", nil}}
	for query, want := range map[string]string{
		`rate(a_total{job="x", code="1"}[5m])`:                              "",
		`histogram_quantile(0.9, sum by (le) (rate(b_seconds_bucket[5m])))`: "",
		`sum by (code) (a_total) / on (job) up`:                             "",
		`rate(a_total[5m]`:                                                  "parse error",
		`c_total > 1`:                                                       `no metric "c_total"`,
		`a_total{root="1"}`:                                                 `no label "root"`,
		`rate(b_seconds[5m])`:                                               "is a histogram",
		`a_total_bucket`:                                                    `no metric "a_total_bucket"`,
		`sum by (route) (a_total)`:                                          `groups by "route"`,
		`1 + 1`:                                                             "no metric",
	} {
		got := strings.Join(queryFindings(all, query), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: findings %q, want %q", query, got, want)
		}
	}
}

// panel is what these tests need of a panel of Grafana's.
type panel struct {
	Title   string
	Type    string
	GridPos struct{ H, W, X, Y int }
	ID      int
	Targets []struct{ Expr string }
}

// variables stand for what Grafana puts in their place.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$job", "treenode", "$instance", ".*")

func TestDashboard(t *testing.T) {
	var dashboard struct {
		Panels     []panel
		Templating struct{ List []struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(load(t, directory+"grafana-dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	all := known(t)
	queries, ids := 0, map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("panel %q has id %d, as another one or none", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W == 0 || p.GridPos.H == 0 {
			t.Errorf("panel %q is at %+v", p.Title, p.GridPos)
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q has no query", p.Title)
		}
		for _, target := range p.Targets {
			queries++
			query := variables.Replace(target.Expr)
			if strings.Contains(query, "$") {
				t.Errorf("panel %q: a variable is unknown in %s", p.Title, target.Expr)
			}
			for _, finding := range queryFindings(all, query) {
				t.Errorf("panel %q: %s: %s", p.Title, finding, target.Expr)
			}
		}
	}
	if queries < 20 {
		t.Errorf("only %d queries were seen", queries)
	}
	var names []string
	for _, v := range dashboard.Templating.List {
		names = append(names, v.Name)
	}
	if !slices.Equal(names, []string{"datasource", "job", "instance"}) {
		t.Errorf("variables %v", names)
	}
}
