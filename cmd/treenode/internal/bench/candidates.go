package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// query asks for candidates.
type query struct {
	// wants are the resources by group; "" is the group without suffix.
	wants map[string]map[string]int
	// rest is the rest of the query, with a leading "&".
	rest string
	// candidates is how many there must be, providers how many each takes from.
	candidates, providers int
	// together are groups whose providers must have one parent, or be it.
	together []string
}

// path is the query's, the same each time.
func (w *world) path(q query) string {
	var parts []string
	for group, amounts := range q.wants {
		var resources []string
		for class, amount := range amounts {
			resources = append(resources, fmt.Sprintf("%s:%d", w.class(class), amount))
		}
		slices.Sort(resources)
		parts = append(parts, "resources"+group+"="+strings.Join(resources, ","))
	}
	slices.Sort(parts)
	return "/allocation_candidates?" + strings.Join(parts, "&") + q.rest
}

// candidateRow asks the same from so many clients.
func (w *world) candidateRow(name string, clients int, ask func() query) row {
	return row{name: name, clients: clients, unit: "searches", do: func(c *caller) (int, error) {
		q := ask()
		a, err := c.want(http.StatusOK, request{http.MethodGet, w.path(q), nil})
		if err != nil {
			return 0, err
		}
		c.bytes += int64(len(a.body))
		if !c.parsed {
			// In all parts once for each client: it takes the client longer
			// than the answer took.
			if err := w.checkCandidates(a.body, q); err != nil {
				return 0, fmt.Errorf("candidates: %w", err)
			}
			c.parsed = true
			return 1, nil
		}
		if n := bytes.Count(a.body, []byte(`"mappings":`)); n != q.candidates || !bytes.HasSuffix(bytes.TrimSpace(a.body), []byte("}")) {
			return 0, fmt.Errorf("candidates: %d, want %d", n, q.candidates)
		}
		return 1, nil
	}}
}

type candidate struct {
	Allocations map[string]struct {
		Resources map[string]int `json:"resources"`
	} `json:"allocations"`
	Mappings map[string][]string `json:"mappings"`
}

type candidatesAnswer struct {
	Candidates []candidate                `json:"allocation_requests"`
	Summaries  map[string]json.RawMessage `json:"provider_summaries"`
}

// checkCandidates checks the number of candidates, that no two are the same,
// and that each has the amounts wanted, of this world's providers.
func (w *world) checkCandidates(body []byte, q query) error {
	var a candidatesAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	if len(a.Candidates) != q.candidates {
		return fmt.Errorf("%d, want %d", len(a.Candidates), q.candidates)
	}
	parents := map[string]string{}
	for _, p := range w.providers {
		parents[p.uuid] = p.parent
	}
	want := map[string]int{}
	for _, amounts := range q.wants {
		for class, amount := range amounts {
			want[w.class(class)] += amount
		}
	}
	seen := map[string]bool{}
	for _, one := range a.Candidates {
		got := map[string]int{}
		for uuid, of := range one.Allocations {
			if _, ours := parents[uuid]; !ours {
				return fmt.Errorf("provider %s is not of this workload", uuid)
			}
			if a.Summaries[uuid] == nil {
				return fmt.Errorf("provider %s has no summary", uuid)
			}
			for class, amount := range of.Resources {
				got[class] += amount
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) { // maps are printed in order
			return fmt.Errorf("one has %v, want %v", got, want)
		}
		if len(one.Allocations) != q.providers {
			return fmt.Errorf("one is of %d providers, want %d", len(one.Allocations), q.providers)
		}
		if len(one.Mappings) != len(q.wants) {
			return fmt.Errorf("one maps %d groups, want %d", len(one.Mappings), len(q.wants))
		}
		key := fmt.Sprint(one.Mappings, one.Allocations)
		if seen[key] {
			return fmt.Errorf("one is there twice: %s", key)
		}
		seen[key] = true
		if err := together(one, q.together, parents); err != nil {
			return err
		}
	}
	return nil
}

// together checks that the groups' providers are the first group's, or below.
func together(one candidate, groups []string, parents map[string]string) error {
	if len(groups) == 0 {
		return nil
	}
	top := one.Mappings[groups[0]]
	for _, g := range groups[1:] {
		if of := one.Mappings[g]; len(top) != 1 || len(of) != 1 || of[0] != top[0] && parents[of[0]] != top[0] {
			return fmt.Errorf("groups %v are not in one subtree: %v", groups, one.Mappings)
		}
	}
	return nil
}

func flatQuery(o Options) query {
	return query{wants: map[string]map[string]int{"": {"VCPU": 2, "MEMORY": 2048, "DISK": 20}}, candidates: o.Hosts, providers: 1}
}

var candidatesFlat = workload{
	name: "candidates-flat", about: "GET /allocation_candidates of three classes: every flat host is returned", lay: hosts, shares: true,
	rows: func(w *world, o Options) []row {
		ask := func() query { return flatQuery(o) }
		return []row{w.candidateRow("candidates-flat@1", 1, ask), w.candidateRow("candidates-flat@10", 10, ask)}
	},
}

// treeWorld lays trees of seven out: a root with a disk, two NUMA nodes below
// it, an FPGA and a GPU below each.
func treeWorld(w *world, o Options) {
	for i := range o.Trees {
		name := fmt.Sprintf("host-%d", i)
		root := w.root(name, map[string]int{"DISK": 2000})
		for n := range 2 {
			name := fmt.Sprintf("%s-numa-%d", name, n)
			node := w.below(root, name, map[string]int{"VCPU": 32, "MEMORY": 1 << 17})
			w.below(node, name+"-fpga", map[string]int{"FPGA": 1})
			w.below(node, name+"-gpu", map[string]int{"GPU": 1})
		}
	}
}

var candidatesTree = workload{
	name: "candidates-tree", about: "GET /allocation_candidates over trees of 7 with same_subtree: two of each tree are returned", lay: treeWorld,
	rows: func(w *world, o Options) []row {
		ask := func() query {
			return query{
				wants: map[string]map[string]int{
					"": {"DISK": 20}, "_C": {"VCPU": 2, "MEMORY": 2048}, "_F": {"FPGA": 1}, "_G": {"GPU": 1},
				},
				rest:       "&group_policy=none&same_subtree=_C,_F,_G",
				candidates: 2 * o.Trees, providers: 4, together: []string{"_C", "_F", "_G"},
			}
		}
		return []row{w.candidateRow("candidates-tree@1", 1, ask), w.candidateRow("candidates-tree@10", 10, ask)}
	},
}

// bootLimit is how many candidates a boot asks for.
const bootLimit = 10

var boot = workload{
	name: "boot", about: fmt.Sprintf("GET /allocation_candidates with limit %d, then PUT /allocations of one of them", bootLimit), lay: hosts, shares: true,
	rows: func(w *world, o Options) []row {
		q := flatQuery(o)
		q.candidates, q.rest = min(bootLimit, o.Hosts), fmt.Sprintf("&limit=%d", bootLimit)
		return []row{{name: "boot@10", clients: 10, unit: "boots", do: func(c *caller) (int, error) {
			a, err := c.want(http.StatusOK, request{http.MethodGet, w.path(q), nil})
			if err != nil {
				return 0, err
			}
			var found struct {
				Candidates []struct {
					Allocations jsonObject `json:"allocations"`
				} `json:"allocation_requests"`
			}
			if err := json.Unmarshal(a.body, &found); err != nil {
				return 0, fmt.Errorf("candidates: %w", err)
			}
			if len(found.Candidates) != q.candidates {
				return 0, fmt.Errorf("candidates: %d, want %d", len(found.Candidates), q.candidates)
			}
			return 1, w.claimAll(c, found.Candidates[c.random.IntN(len(found.Candidates))].Allocations)
		}}}
	},
}
