package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// writers is how many clients write at once where it is not one.
const writers = 10

// writes has a provider for each client, so that nobody is in another's way.
var writes = workload{
	name: "writes", about: "PUT inventories of three classes, and PUT of three traits, each client on its own provider",
	lay: func(w *world, _ Options) {
		for i := range writers {
			p := w.root(fmt.Sprintf("host-%d", i), map[string]int{"VCPU": 1, "MEMORY": 1, "DISK": 1})
			p.traits = []string{w.trait("A"), w.trait("B"), w.trait("C"), w.trait("D")}
		}
	},
	rows: func(w *world, _ Options) []row {
		generations := make([]int, writers) // of each client's provider; -1 is unknown
		turns := make([]int, writers)
		for i := range generations {
			generations[i] = -1
		}
		var all []row
		for _, n := range []int{1, writers} {
			all = append(all,
				row{name: named("writes-inventories", n), clients: n, unit: "writes", do: func(c *caller) (int, error) {
					total := 1 + c.random.IntN(1<<20)
					return 1, w.write(c, &generations[c.index], "inventories", jsonObject{
						w.class("VCPU"): inventory(total), w.class("MEMORY"): inventory(total), w.class("DISK"): inventory(total),
					})
				}},
				row{name: named("writes-traits", n), clients: n, unit: "writes", do: func(c *caller) (int, error) {
					traits := w.providers[c.index].traits
					leave := turns[c.index] % len(traits) // another set each time, else nothing changes
					turns[c.index]++
					var set []string
					for i, t := range traits {
						if i != leave {
							set = append(set, t)
						}
					}
					return 1, w.write(c, &generations[c.index], "traits", set)
				}})
		}
		return all
	},
}

// write replaces one part of the client's provider and checks that this counted
// one generation.
func (w *world) write(c *caller, generation *int, part string, value any) error {
	path := "/resource_providers/" + w.providers[c.index].uuid + "/" + part
	var found struct {
		Generation *int `json:"resource_provider_generation"`
	}
	if *generation < 0 {
		a, err := c.want(http.StatusOK, request{http.MethodGet, path, nil})
		if err == nil {
			err = json.Unmarshal(a.body, &found)
		}
		if err != nil {
			return err
		}
		if found.Generation == nil {
			return errors.New(part + ": no generation in the answer")
		}
		*generation = *found.Generation
	}
	b, err := json.Marshal(jsonObject{"resource_provider_generation": *generation, part: value})
	if err != nil {
		return err
	}
	want := *generation + 1
	*generation = -1 // until the answer tells
	a, err := c.want(http.StatusOK, request{http.MethodPut, path, b})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(a.body, &found); err != nil {
		return fmt.Errorf("%s: %w", part, err)
	}
	if found.Generation == nil || *found.Generation != want {
		return fmt.Errorf("%s: the answer does not have generation %d", part, want)
	}
	*generation = want
	return nil
}
