package monitoring

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// rule is an alert of alerts.yml.
type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	d := yaml.NewDecoder(strings.NewReader(load(t, directory+"alerts.yml")))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 10 {
		t.Fatalf("%d alerts", len(all))
	}
	return all
}

func TestAlerts(t *testing.T) {
	all, names := known(t), map[string]bool{}
	for _, r := range rules(t) {
		if names[r.Alert] || !strings.HasPrefix(r.Alert, "Treenode") {
			t.Errorf("alert %q is there twice, or has no name of ours", r.Alert)
		}
		names[r.Alert] = true
		for _, finding := range queryFindings(all, r.Expr) {
			t.Errorf("%s: %s: %s", r.Alert, finding, r.Expr)
		}
		if !strings.Contains(r.Expr, `job=~"treenode.*"`) {
			t.Errorf("%s looks at every job", r.Alert)
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s has severity %q", r.Alert, r.Labels["severity"])
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s has no summary or no description", r.Alert)
		}
	}
}

// unitTests are the unit tests of all alerts, by the set of alerts that they expect.
func unitTests(t *testing.T) (fires, quiet map[string]bool) {
	t.Helper()
	fires, quiet = map[string]bool{}, map[string]bool{}
	name := regexp.MustCompile(`alertname="(\w+)"`)
	for _, path := range []string{"alerts_test.yml", "alerts_days_test.yml"} {
		var file struct {
			Tests []struct {
				Name  string `yaml:"name"`
				Tests []struct {
					Samples []struct {
						Labels string `yaml:"labels"`
					} `yaml:"exp_samples"`
				} `yaml:"promql_expr_test"`
			} `yaml:"tests"`
		}
		if err := yaml.Unmarshal([]byte(load(t, directory+path)), &file); err != nil {
			t.Fatal(err)
		}
		for _, test := range file.Tests {
			about, _, _ := strings.Cut(test.Name, " ")
			expected := map[string]bool{}
			for _, part := range test.Tests {
				for _, s := range part.Samples {
					if m := name.FindStringSubmatch(s.Labels); m != nil {
						expected[m[1]], fires[m[1]] = true, true
					}
				}
			}
			if !expected[about] {
				quiet[about] = true
			}
		}
	}
	return fires, quiet
}

// Every alert has a unit test in which it fires, and one about it in which it does
// not; the one for when nothing is scraped is quiet in all others.
func TestAlertsAreTested(t *testing.T) {
	fires, quiet := unitTests(t)
	for _, r := range rules(t) {
		if !fires[r.Alert] {
			t.Errorf("%s fires in no unit test", r.Alert)
		}
		if !quiet[r.Alert] && r.Alert != "TreenodeAbsent" {
			t.Errorf("%s stays quiet in no unit test", r.Alert)
		}
	}
}

// Whoever is woken finds what the alert means and what to do.
func TestAlertsAreDescribed(t *testing.T) {
	document := load(t, "../../docs/operations.md")
	described := regexp.MustCompile("(?m)^\\| `(Treenode\\w+)` \\| (.+) \\| (.+) \\|$").FindAllStringSubmatch(document, -1)
	var names []string
	for _, row := range described {
		names = append(names, row[1])
	}
	var have []string
	for _, r := range rules(t) {
		have = append(have, r.Alert)
		if !slices.Contains(names, r.Alert) {
			t.Errorf("docs/operations.md has no row for %s", r.Alert)
		}
	}
	for _, name := range names {
		if !slices.Contains(have, name) {
			t.Errorf("docs/operations.md has a row for %s, which is no alert", name)
		}
	}
}
