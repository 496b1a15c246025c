package cli

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go lets the heap grow to twice what is live before it collects: a gigabyte of
// state would take two. And it collects a small heap so often that collections
// cost more than they need to. So the room for garbage is set by what is live:
// half of it, and at least garbageMin.
const (
	garbageMin       = 160 << 20
	garbagePercent   = 50
	garbageMost      = 300 // percent; bounds what a heap can grow to between two looks
	collectorLooks   = 250 * time.Millisecond
	collectorInertia = 10 // percent
)

// collectorPercent is the value of GOGC for a heap with so much alive.
func collectorPercent(live uint64) int {
	percent := uint64(garbageMost)
	if live > 0 {
		percent = min(percent, garbageMin*100/live)
	}
	return int(max(percent, garbagePercent))
}

// steerCollector keeps the collector's pace right until stop closes. An
// operator's own GOGC or GOMEMLIMIT is left alone.
func steerCollector(stop <-chan struct{}) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	go func() {
		tick := time.NewTicker(collectorLooks)
		defer tick.Stop()
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		before := debug.SetGCPercent(garbageMost)
		defer func() { debug.SetGCPercent(before) }()
		for now := garbageMost; ; {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			metrics.Read(live)
			percent := collectorPercent(live[0].Value.Uint64())
			if diff := percent - now; diff*collectorInertia > now || -diff*collectorInertia > now || percent == garbagePercent && now != percent {
				debug.SetGCPercent(percent)
				now = percent
			}
		}
	}()
}
