//go:build failpoints

package clock

import (
	"testing"
	"time"
)

func TestSet(t *testing.T) {
	t.Cleanup(func() { current.Store(nil) })
	since := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for _, c := range []struct {
		text string
		at   time.Duration // after since
		want time.Duration // after since
	}{
		{"2026-01-02T03:04:05.000006Z 2h 1", 10 * time.Second, 2*time.Hour + 10*time.Second},
		{"2026-01-02T03:04:05.000006Z -1h30m 1", 0, -90 * time.Minute},
		{"2026-01-02T03:04:05.000006Z 0s 1.5", 10 * time.Second, 15 * time.Second},
		{"2026-01-02T03:04:05.000006Z 1m 0.5", 10 * time.Second, time.Minute + 5*time.Second},
	} {
		if err := set(c.text); err != nil {
			t.Fatal(err)
		}
		if got := current.Load().at(since.Add(c.at)).Sub(since); got != c.want {
			t.Errorf("%s: %v later it shows %v, want %v", c.text, c.at, got, c.want)
		}
	}
	if err := set(""); err != nil || time.Until(Now()).Abs() > time.Second {
		t.Errorf("set right it is %v off: %v", time.Until(Now()), err)
	}
	for _, bad := range []string{"2h", "now 2h 1", "2026-01-02T03:04:05Z long 1"} {
		if err := set(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
