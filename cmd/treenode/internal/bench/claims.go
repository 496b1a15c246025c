package bench

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/uuid"
)

// plenty is a total that no run uses up.
const plenty = 1 << 30

// postConsumers is how many consumers claims-post claims for in one request.
const postConsumers = 100

// hosts lays so many flat hosts out that never fill up.
func hosts(w *world, o Options) {
	for i := range o.Hosts {
		w.root(fmt.Sprintf("host-%d", i), map[string]int{"VCPU": plenty, "MEMORY": plenty, "DISK": plenty})
	}
}

var claims = workload{
	name: "claims", about: "PUT /allocations of a new consumer and three classes, spread over the hosts", lay: hosts, shares: true,
	rows: func(w *world, o Options) []row {
		var all []row
		for _, n := range o.Clients {
			all = append(all, row{name: named("claims", n), clients: n, unit: "claims", do: func(c *caller) (int, error) {
				return 1, w.claim(c, w.providers[c.random.IntN(len(w.providers))])
			}})
		}
		return all
	},
}

// appendClaim appends the body of a claim of a host for a new consumer, as
// claimBody has it. It is put together by hand: encoding it cost as much as all
// else that a client does.
func (w *world) appendClaim(b []byte, p *provider) []byte {
	b = append(append(b, `{"allocations":{"`...), p.uuid...)
	before := `":{"resources":{"`
	for _, name := range [...]string{"DISK", "MEMORY", "VCPU"} {
		b = append(append(append(b, before...), classPrefix...), w.upper...)
		b = append(append(b, '_'), name...)
		before = `":1,"`
	}
	return append(b, `":1}}},"consumer_generation":null,"consumer_type":"INSTANCE","project_id":"bench-project","user_id":"bench-user"}`...)
}

// claim claims of a provider, for a new consumer.
func (w *world) claim(c *caller, p *provider) error {
	c.text = w.appendClaim(c.text[:0], p)
	_, err := c.want(http.StatusNoContent, request{http.MethodPut, "/allocations/" + uuid.NewString(), c.text})
	return err
}

func (w *world) claimAll(c *caller, allocations jsonObject) error {
	b, err := json.Marshal(claimBody(allocations, nil))
	if err != nil {
		return err
	}
	_, err = c.want(http.StatusNoContent, request{http.MethodPut, "/allocations/" + uuid.NewString(), b})
	return err
}

var claimsPost = workload{
	name: "claims-post", about: fmt.Sprintf("POST /allocations of %d new consumers, spread over the hosts", postConsumers), lay: hosts, shares: true,
	rows: func(w *world, _ Options) []row {
		var all []row
		for _, n := range []int{1, 10} {
			all = append(all, row{name: named("claims-post", n), clients: n, unit: "consumers", do: func(c *caller) (int, error) {
				b := append(c.text[:0], '{')
				for i := range postConsumers {
					if i > 0 {
						b = append(b, ',')
					}
					b = append(append(append(b, '"'), uuid.NewString()...), `":`...)
					b = w.appendClaim(b, w.providers[c.random.IntN(len(w.providers))])
				}
				c.text = append(b, '}')
				_, err := c.want(http.StatusNoContent, request{http.MethodPost, "/allocations", c.text})
				return postConsumers, err
			}})
		}
		return all
	},
}

var claimsOne = workload{
	name: "claims-one", about: "PUT /allocations of a new consumer and three classes, all on one provider",
	lay: func(w *world, o Options) { o.Hosts = 1; hosts(w, o) },
	rows: func(w *world, _ Options) []row {
		var all []row
		for _, n := range []int{10, 64} {
			all = append(all, row{name: named("claims-one", n), clients: n, unit: "claims", do: func(c *caller) (int, error) {
				return 1, w.claim(c, w.providers[0])
			}})
		}
		return all
	},
}

var reads = workload{
	name: "reads", about: "GET /resource_providers/{uuid}/inventories of hosts at random, linearizable", lay: hosts, shares: true,
	rows: func(w *world, _ Options) []row {
		var all []row
		for _, n := range []int{1, 256} {
			all = append(all, row{name: named("reads", n), clients: n, unit: "reads", do: func(c *caller) (int, error) {
				p := w.providers[c.random.IntN(len(w.providers))]
				a, err := c.want(http.StatusOK, request{http.MethodGet, "/resource_providers/" + p.uuid + "/inventories", nil})
				if err != nil {
					return 0, err
				}
				c.bytes += int64(len(a.body))
				return 1, w.checkInventories(a.body, p)
			}})
		}
		return all
	},
}

func (w *world) checkInventories(body []byte, p *provider) error {
	var found struct {
		Inventories map[string]struct {
			Total int `json:"total"`
		} `json:"inventories"`
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return fmt.Errorf("inventories: %w", err)
	}
	if len(found.Inventories) != len(p.totals) {
		return fmt.Errorf("inventories: %d classes, want %d", len(found.Inventories), len(p.totals))
	}
	for class, total := range p.totals {
		if got := found.Inventories[w.class(class)].Total; got != total {
			return fmt.Errorf("inventories: a total of %d, want %d", got, total)
		}
	}
	return nil
}
