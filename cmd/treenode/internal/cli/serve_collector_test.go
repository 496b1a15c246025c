package cli

import "testing"

func TestCollectorPercent(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 300}, {40 << 20, 300}, {80 << 20, 200}, {160 << 20, 100}, {200 << 20, 80}, {320 << 20, 50}, {1 << 30, 50}, {1 << 40, 50},
	} {
		if got := collectorPercent(c.live); got != c.want {
			t.Errorf("with %d MiB alive: %d, want %d", c.live>>20, got, c.want)
		}
	}
}
