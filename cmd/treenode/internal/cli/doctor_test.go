package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/wire"
)

// examined runs the doctor and returns its worst verdict of each check.
func examined(t *testing.T, code int, args ...string) map[string]verdict {
	t.Helper()
	out, errs, got := run(t, "", append([]string{"doctor", "-o", "json"}, args...)...)
	if got != code {
		t.Fatalf("exit code %d, want %d\n%s%s", got, code, out, errs)
	}
	var told struct{ Findings findings }
	if err := json.Unmarshal([]byte(out), &told); err != nil {
		t.Fatal(err)
	}
	rank := map[verdict]int{fine: 0, warning: 1, failing: 2}
	worst := map[string]verdict{}
	for _, f := range told.Findings {
		if f.Verdict != fine && f.Fix == "" {
			t.Errorf("nothing to do about %+v", f)
		}
		if before, seen := worst[f.Check]; !seen || rank[f.Verdict] > rank[before] {
			worst[f.Check] = f.Verdict
		}
	}
	return worst
}

func TestDoctorOfACluster(t *testing.T) {
	n := furnished(t)
	minute := 2 * time.Minute
	second := func(m cluster.Member) cluster.Member {
		m.NodeID, m.RaftID, m.Leader = "n2", "n2@b", false
		return m
	}
	one := n.Describe[0]
	for _, c := range []struct {
		name    string
		members []cluster.Member
		code    int
		want    map[string]verdict
	}{
		{"one node", []cluster.Member{one}, exitOK, map[string]verdict{
			"cluster": fine, "leader": fine, "quorum": warning, "versions": fine, "lag": fine, "api": fine, "digest": fine,
		}},
		{"one of two is away", []cluster.Member{one, {NodeID: "n2", RaftID: "n2@b", Voter: true, Error: "refused"}}, exitFailure,
			map[string]verdict{"quorum": failing, "member": failing}},
		{"another version, another clock", []cluster.Member{one, func() cluster.Member {
			m := second(one)
			m.Version, m.ClockOffset = "9.9.9", &minute
			return m
		}()}, exitFailure, map[string]verdict{"versions": warning, "clock": failing, "quorum": warning}},
		{"its API is elsewhere", []cluster.Member{func() cluster.Member {
			m := one
			m.API = "http://127.0.0.1:1"
			return m
		}()}, exitFailure, map[string]verdict{"api": failing}},
	} {
		n.Describe = c.members
		worst := examined(t, c.code, "--endpoint", n.URL, "--timeout", "5s")
		for check, want := range c.want {
			if worst[check] != want {
				t.Errorf("%s: check %s is %q, want %q", c.name, check, worst[check], want)
			}
		}
	}
	n.Describe = []cluster.Member{one}
	if table := succeed(t, n, "doctor"); !strings.Contains(table, "→ start two more nodes") {
		t.Errorf("no advice in\n%s", table)
	}
}

func TestDoctorWithoutACluster(t *testing.T) {
	if worst := examined(t, exitFailure, "--endpoint", "127.0.0.1:1", "--timeout", "1s"); worst["cluster"] != failing {
		t.Errorf("%v", worst)
	}
}

func TestDoctorOfADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	look := func() map[string]verdict {
		var f findings
		examineDirectory(dir, &f)
		worst := map[string]verdict{}
		for _, one := range f {
			worst[one.Check] = one.Verdict
		}
		return worst
	}
	if worst := look(); worst["directory"] != failing {
		t.Errorf("none: %v", worst)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if worst := look(); worst["directory"] != fine || worst["disk"] == "" || worst["room"] == "" || len(worst) != 3 {
		t.Errorf("a new one: %v", worst)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // what the doctor has to find
		t.Fatal(err)
	}
	for _, note := range []string{"diverged.json", "damaged-20260101T000000Z-1"} {
		if err := os.WriteFile(filepath.Join(dir, note), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if worst := look(); worst["directory"] != warning || worst["divergence"] != failing || worst["damage"] != warning {
		t.Errorf("%v", worst)
	}
}

func TestDoctorOfCertificates(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		left time.Duration
		want verdict
	}{{90 * 24 * time.Hour, fine}, {24 * time.Hour, warning}, {-time.Hour, failing}} {
		var f findings
		judgeCertificate("n1", now.Add(c.left), now, &f)
		if f[0].Verdict != c.want {
			t.Errorf("%v left: %+v", c.left, f[0])
		}
	}
}

func TestDoctorOfLag(t *testing.T) {
	for _, c := range []struct {
		applied uint64
		want    verdict
	}{{lagMax, fine}, {0, warning}} {
		var f findings
		examineMember(wire.Member{ID: "n2", Healthy: true, Applied: c.applied}, lagMax+1, &f)
		if f[0].Verdict != c.want {
			t.Errorf("applied %d: %+v", c.applied, f[0])
		}
	}
}
