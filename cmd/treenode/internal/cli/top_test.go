package cli

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestTopOnce(t *testing.T) {
	n := furnished(t)
	succeed(t, n, "claim", "new", "node1_NUMA0:VCPU=2")
	var l topLook
	if err := json.Unmarshal([]byte(succeed(t, n, "top", "--once", "--every", "200ms", "-o", "json")), &l); err != nil {
		t.Fatal(err)
	}
	if l.Leader != "n1" || len(l.Nodes) != 1 || l.Nodes[0].Role != "leader" || l.Nodes[0].Error != "" {
		t.Fatalf("%+v", l)
	}
	// Its own question for the metrics was counted between the two looks.
	if node := l.Nodes[0]; node.Requests <= 0 || node.P50 <= 0 || node.P99 < node.P50 {
		t.Errorf("nothing happened: %+v", node)
	}
	if len(l.Fullest) == 0 || l.Fullest[0].Used == 0 {
		t.Errorf("nothing is claimed: %+v", l.Fullest)
	}
	table := succeed(t, n, "top", "--every", "200ms")
	for _, want := range []string{"leader n1", "REQUESTS/S", l.Fullest[0].Provider} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	fails(t, n, exitUsage, "top", "--every", "1ms")
}

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	before := map[float64]float64{.001: 10, .01: 10, inf: 10}
	for _, c := range []struct {
		q    float64
		now  map[float64]float64
		want float64
	}{
		{.5, before, 0},
		{.5, map[float64]float64{.001: 110, .01: 110, inf: 110}, .001},
		{.99, map[float64]float64{.001: 108, .01: 110, inf: 110}, .01},
		{.99, map[float64]float64{.001: 10, .01: 10, inf: 12}, .01}, // beyond every bound
		{.5, nil, 0},
	} {
		if got := quantile(c.q, before, c.now); got != c.want {
			t.Errorf("quantile %v of %v: %v, want %v", c.q, c.now, got, c.want)
		}
	}
}

// What is drawn fits the terminal and ends its lines as a raw one needs it.
func TestFitted(t *testing.T) {
	if got := fitted("a\nb", &strings.Builder{}); got != "a\x1b[K\r\nb\x1b[K\r\n" {
		t.Errorf("%q", got)
	}
}
