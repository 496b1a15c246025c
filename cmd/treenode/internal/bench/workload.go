package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
)

// workload is one kind of work and the world that it needs.
type workload struct {
	name, about string
	// asked is for workloads that run only when they are named.
	asked bool
	// shares: the world is the one of flat hosts that others share. Nothing
	// but claims may change in it, and those are taken back.
	shares bool
	// lay lays the world out, if rows do not do it themselves.
	lay  func(w *world, o Options)
	rows func(w *world, o Options) []row
}

// row is one line of the table: requests from a number of clients.
type row struct {
	name    string
	clients int
	unit    string
	// prepare, where there is one, comes before the first request.
	prepare func(ctx context.Context) error
	// do sends one request, or a few that belong together, checks what comes
	// back and returns how many units of work were done.
	do func(c *caller) (int, error)
}

// caller is one of a row's clients.
type caller struct {
	*connection
	index  int
	random *rand.Rand
	// parsed is set once an answer of the row was checked in all parts.
	parsed bool
	bytes  int64
	text   []byte // of a body, reused
}

// named makes the name of a row that differs from others by its clients.
func named(workload string, clients int) string { return fmt.Sprintf("%s@%d", workload, clients) }

// Workload is what --list tells of one.
type Workload struct {
	Name  string   `json:"name"`
	About string   `json:"about"`
	Rows  []string `json:"rows"`
	// Asked: it only runs when it is named.
	Asked bool `json:"asked,omitempty"`
}

var workloads = []workload{writes, claims, claimsPost, claimsOne, reads, candidatesFlat, candidatesTree, boot, groups, scale}

// Workloads are all there are, in the order in which they run. The groups come
// last of those that run unasked: a service that never answers them may still
// be busy with them afterwards.
func Workloads(o Options) []Workload {
	var all []Workload
	for _, l := range workloads {
		of := Workload{Name: l.name, About: l.about, Asked: l.asked}
		for _, r := range l.rows(&world{}, o) {
			of.Rows = append(of.Rows, r.name)
		}
		all = append(all, of)
	}
	return all
}

// choose returns the workloads named, all that run unasked for no name.
func choose(names []string) ([]workload, error) {
	var chosen []workload
	for _, l := range workloads {
		if len(names) == 0 && !l.asked || slices.Contains(names, l.name) {
			chosen = append(chosen, l)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(workloads, func(l workload) bool { return l.name == name }) {
			return nil, fmt.Errorf("no workload %q; --list tells them", name)
		}
	}
	return chosen, nil
}

// Match reports whether a row has a name of the pattern: "claims@64",
// "claims@*", "groups-*".
func Match(pattern, row string) bool {
	matched, err := path.Match(pattern, row)
	return err == nil && matched
}
