package bench

import "fmt"

// groupsLimit is the limit that the rows of groups give.
const groupsLimit = 1000

// groups asks for like devices, each in a group of its own, of roots with like
// children. The number of ways is a factorial, and where one device is missing
// there is none at all.
var groups = workload{
	name: "groups", about: fmt.Sprintf("GET /allocation_candidates, limit %d, one group for each of many like devices", groupsLimit),
	lay: func(w *world, _ Options) {
		devices := func(host, class string, n int) {
			root := w.root(host, nil)
			for i := range n {
				w.below(root, fmt.Sprintf("%s-%d", host, i), map[string]int{class: 1})
			}
		}
		devices("one", "FEW", 8)
		devices("left", "MANY", 48)
		devices("right", "MANY", 48)
	},
	rows: func(w *world, _ Options) []row {
		of := func(name, class string, n, candidates int) row {
			return w.candidateRow(name, 1, func() query {
				q := query{wants: map[string]map[string]int{}, rest: fmt.Sprintf("&group_policy=none&limit=%d", groupsLimit), candidates: candidates, providers: n}
				for i := range n {
					q.wants[fmt.Sprint(i+1)] = map[string]int{class: 1}
				}
				return q
			})
		}
		return []row{
			of("groups-6-of-8", "FEW", 6, groupsLimit), of("groups-8-of-8", "FEW", 8, groupsLimit),
			of("groups-48-of-2x48", "MANY", 48, groupsLimit), of("groups-49-of-2x48", "MANY", 49, 0),
		}
	},
}
