package health

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

var rewrite = flag.Bool("rewrite", false, "write the table of docs/monitoring/metrics.md anew")

const document = "../../docs/monitoring/metrics.md"

// rows is the document's table as it has to be.
func rows(all []family) string {
	slices.SortFunc(all, func(a, b family) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	for _, f := range all {
		labels := make([]string, len(f.labels))
		for i, l := range f.labels {
			labels[i] = "`" + l + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, f.kind, strings.Join(labels, ", "), f.help)
	}
	return b.String()
}

// The document has every metric, with its type, labels and meaning, and no other.
// "go test ./transport/health -run TestDocument -rewrite" brings it up to date.
func TestDocument(t *testing.T) {
	m, err := NewMetrics(prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	const head = "| metric | type | labels | what it tells |\n|---|---|---|---|\n"
	before, rest, found := strings.Cut(string(b), head)
	if !found {
		t.Fatalf("%s has no table that begins with %q", document, head)
	}
	table, after := rest, ""
	if i := strings.Index(rest, "\n\n"); i >= 0 {
		table, after = rest[:i+1], rest[i+1:]
	}
	want := rows(m.families.all)
	if *rewrite {
		if err := os.WriteFile(document, []byte(before+head+want+after), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
		return
	}
	have, need := strings.Split(table, "\n"), strings.Split(want, "\n")
	for _, row := range need {
		if !slices.Contains(have, row) {
			t.Errorf("not in %s: %s", document, row)
		}
	}
	for _, row := range have {
		if !slices.Contains(need, row) {
			t.Errorf("%s has a row for what is no metric, or another one: %s", document, row)
		}
	}
}

// full is a node that has something to say of everything.
type full struct{ source }

func (f full) Stats() cluster.Stats {
	return cluster.Stats{
		Status: f.status,
		Voters: 2, NonVoters: 1, FirstLog: 3, LastLog: 44, Proposing: 5, Queued: 1, Forwarding: 2, QueueMax: 100,
		Followers: []cluster.Follower{
			{NodeID: "n2", Heard: true, Match: 40, Lag: 4, Silent: time.Second},
			{NodeID: "n2", Lag: 44}, // the server whose place it takes
			{NodeID: "n3", Lag: 44},
		},
		Snapshot:   cluster.SnapshotStats{Index: 30, Bytes: 99, At: time.Unix(1000, 0)},
		Checkpoint: cluster.CheckpointStats{Index: 31, At: time.Unix(2000, 0)},
		Disk:       cluster.DiskStats{Space: cluster.Space{Free: 7, Total: 10}, Known: true, Reserve: 2},
		Clocks:     map[string]time.Duration{"n1": 0, "n2": -time.Second},
	}
}

func furnished(t *testing.T, ops ...tree.Op) *tree.State {
	t.Helper()
	s, _, err := tree.New().Apply(1, tree.Txn{Ops: ops}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func inventory(class string, total, reserved int64, ratio float64) tree.InventoryOf {
	return tree.InventoryOf{Class: class, Inventory: tree.Inventory{
		Total: total, Reserved: reserved, MinUnit: 1, MaxUnit: total, StepSize: 1, Ratio: tree.RatioOf(ratio),
	}}
}

// Whatever is counted and read shows in a scrape, under names, types and labels that
// are documented; and of what is documented nothing is missing.
func TestEverySeries(t *testing.T) {
	state := furnished(t,
		tree.CreateProvider{UUID: tree.UUID{1}, Name: "a"},
		tree.SetInventories{Provider: tree.Ref{Name: "a"}, Inventories: []tree.InventoryOf{inventory("VCPU", 10, 2, 2)}})
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry, &full{source{status: cluster.Status{State: "leader", LeaderID: "n1"}, view: &fsm.View{Index: 43, Tree: state}}})
	if err != nil {
		t.Fatal(err)
	}
	failure := &cluster.Error{Code: cluster.CodeBusy}
	for kind := cluster.EventProposal; kind <= cluster.EventFailure; kind++ {
		m.Observe(cluster.Event{Kind: kind, Took: time.Millisecond, Count: 1})
		m.Observe(cluster.Event{Kind: kind, Took: time.Millisecond, Err: failure})
	}
	m.ObserveLog(logstore.OpStoreLogs, time.Millisecond)
	m.Request("GET /x", 200, time.Millisecond)
	m.Error("busy")
	m.Error(wire.CodeForbidden)
	m.Error("placement.http_401")
	m.BackupDone(time.Unix(3000, 0))
	m.Build("1.2.3")
	m.Search(SearchSteps, 3, time.Millisecond)
	m.WatchCertificates(func() []Certificate {
		return []Certificate{{"peer", time.Unix(9000, 0)}, {"peer", time.Unix(8000, 0)}, {"api", time.Unix(7000, 0)}}
	})

	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]family{}
	for _, f := range m.families.all {
		documented[f.name] = f
	}
	for _, g := range gathered {
		f, ok := documented[g.GetName()]
		delete(documented, g.GetName())
		if !ok {
			t.Errorf("%s is not documented", g.GetName())
			continue
		}
		if kind := strings.ToLower(g.GetType().String()); kind != f.kind || g.GetHelp() != f.help {
			t.Errorf("%s is a %s: %s; want %+v", g.GetName(), kind, g.GetHelp(), f)
		}
		var labels []string
		for _, l := range g.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		if want := slices.Sorted(slices.Values(f.labels)); !slices.Equal(labels, want) {
			t.Errorf("%s has labels %v, want %v", g.GetName(), labels, want)
		}
	}
	for name := range documented {
		t.Errorf("%s is documented, and not there", name)
	}
	status, body := ask(m.Handler())
	if status != 200 {
		t.Fatalf("status %d: %s", status, body)
	}
	for _, line := range []string{
		`treenode_proposals_committed_total 1`, `treenode_proposals_failed_total{code="busy"} 1`, `treenode_proposals_failed_total{code="deadline"} 0`,
		`treenode_raft_commit_duration_seconds_count 2`, `treenode_applied_commands_total 1`, `treenode_forwards_failed_total 1`,
		`treenode_checkpoints_total{outcome="differing"} 1`, `treenode_checkpoints_total{outcome="none"} 1`, `treenode_scrubs_total{outcome="damaged"} 1`,
		`treenode_log_operation_duration_seconds_count{operation="StoreLogs"} 1`,
		`treenode_follower_lag_entries{peer="n2"} 4`, `treenode_follower_heard{peer="n3"} 0`, `treenode_clock_offset_seconds{peer="n2"} -1`,
		`treenode_members{role="voter"} 2`, `treenode_queue_length{queue="forward"} 2`, `treenode_node_down{cause="disk"} 0`,
		`treenode_snapshot_last_timestamp_seconds 1000`, `treenode_checkpoint_last_timestamp_seconds 2000`, `treenode_disk_free_bytes 7`,
		`treenode_inventory_capacity{resource_class="VCPU"} 16`, `treenode_inventory_reserved{resource_class="VCPU"} 2`, `treenode_inventory_used{resource_class="VCPU"} 0`,
		`treenode_certificate_expiry_timestamp_seconds{use="peer"} 8000`, `treenode_auth_failures_total{reason="forbidden"} 1`, `treenode_auth_failures_total{reason="unauthenticated"} 1`,
		`treenode_candidates_searches_total{outcome="steps"} 1`, `treenode_remembered_answers_max 262144`, `treenode_raft_state{state="leader"} 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}

// What is down tells why, and shows no numbers of a node that is not there.
func TestDownShows(t *testing.T) {
	m, err := NewMetrics(prometheus.NewRegistry(), &down{source{status: cluster.Status{State: "down", Failures: 3}, err: errors.New("down")}})
	if err != nil {
		t.Fatal(err)
	}
	_, body := ask(m.Handler())
	for _, line := range []string{`treenode_node_down{cause="damage"} 1`, `treenode_node_down{cause="disk"} 0`, `treenode_node_consecutive_failures 3`, `treenode_raft_state{state="down"} 1`} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(body, "treenode_disk_free_bytes") || strings.Contains(body, "treenode_members") {
		t.Errorf("a node that is down shows numbers:\n%s", body)
	}
}

type down struct{ source }

func (d down) Stats() cluster.Stats { return cluster.Stats{Status: d.status, Down: "damage"} }

// Classes beyond the bound add up to one series, the newest ones.
func TestClassesAreBounded(t *testing.T) {
	ops := []tree.Op{tree.CreateProvider{UUID: tree.UUID{1}, Name: "a"}}
	var inventories []tree.InventoryOf
	for i := range classesMax + 5 {
		name := fmt.Sprintf("CUSTOM_%03d", i)
		ops = append(ops, tree.CreateResourceClass{Class: name})
		inventories = append(inventories, inventory(name, 3, 1, 1))
	}
	s := furnished(t, append(ops, tree.SetInventories{Provider: tree.Ref{Name: "a"}, Inventories: inventories})...)
	sums := sumClasses(s)
	if len(sums) != classesMax+1 || sums[0].class != "CUSTOM_000" || sums[classesMax-1].class != fmt.Sprintf("CUSTOM_%03d", classesMax-1) {
		t.Fatalf("%d sums: %+v", len(sums), sums)
	}
	if last := sums[classesMax]; last != (classSum{"other", 10, 0, 5}) {
		t.Errorf("other is %+v", last)
	}
}

// The sums are made anew for another state only, and not before their time; until
// then the old ones show with their age.
func TestSumsRest(t *testing.T) {
	now := time.Unix(1000, 0)
	c := classSums{now: func() time.Time { return now }}
	state := func(total int64) *tree.State {
		return furnished(t, tree.CreateProvider{UUID: tree.UUID{1}, Name: "a"},
			tree.SetInventories{Provider: tree.Ref{Name: "a"}, Inventories: []tree.InventoryOf{inventory("VCPU", total, 0, 1)}})
	}
	first := state(1)
	second, _, err := first.Apply(2, tree.Txn{Ops: []tree.Op{
		tree.SetInventories{Provider: tree.Ref{Name: "a"}, Inventories: []tree.InventoryOf{inventory("VCPU", 2, 0, 1)}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(s *tree.State, capacity float64, age time.Duration) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; {
			sums, old, ok := c.of(s)
			if ok && len(sums) == 1 && sums[0].capacity == capacity && old == age {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("sums %+v of %v ago, want %v of %v", sums, old, capacity, age)
			}
		}
	}
	expect(first, 1, 0)
	now = now.Add(time.Hour)
	expect(first, 1, 0) // it is still so
	now = now.Add(capacityEvery / 2)
	expect(second, 1, capacityEvery/2)
	now = now.Add(capacityEvery)
	expect(second, 2, 0)
	c.took = time.Minute
	now = now.Add(capacityShare * time.Minute / 2)
	expect(first, 2, capacityShare*time.Minute/2) // a walk that takes long is made seldom
}
