package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/treenode/treenode/transport/wire"
)

const (
	// builders is how many clients make and remove worlds.
	builders = 16
	// builderTimeout bounds each of their requests.
	builderTimeout = 2 * time.Minute
	// nativeBatch is how many providers the native API is given at once.
	nativeBatch = 500
	// removeBatch is how many consumers are removed by one request.
	removeBatch = 100
)

// provider is one to make.
type provider struct {
	uuid, name, parent string
	totals             map[string]int // by class
	traits, aggregates []string
	depth              int
}

// world is what one workload works on.
type world struct {
	target *Target
	word   string // in all names
	upper  string // the same for classes
	note   func(string)

	providers []*provider
	classes   []string
	traits    []string
}

const classPrefix = "CUSTOM_BENCH_"

// class, trait and name make names that no other world has.
func (w *world) class(name string) string { return classPrefix + strings.ToUpper(w.word+"_"+name) }
func (w *world) trait(name string) string { return w.class(name) }
func (w *world) name(name string) string  { return "bench-" + w.word + "-" + name }

// root and below add a provider to those to be made. The classes of totals are
// short: class makes them whole.
func (w *world) root(name string, totals map[string]int) *provider {
	p := &provider{uuid: uuid.NewString(), name: w.name(name), totals: totals}
	w.providers = append(w.providers, p)
	return p
}

func (w *world) below(parent *provider, name string, totals map[string]int) *provider {
	p := w.root(name, totals)
	p.parent, p.depth = parent.uuid, parent.depth+1
	return p
}

// each calls for every index from several connections, and returns the first
// error.
func (w *world) each(ctx context.Context, what string, n int, call func(c *connection, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next, done atomic.Int64
	var wait sync.WaitGroup
	for b := range min(builders, n) {
		wait.Go(func() {
			c := w.target.connect(ctx, b, builderTimeout)
			defer c.close()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := call(c, i); err != nil {
					cancel(fmt.Errorf("%s: %w", what, err))
					return
				}
				w.note(fmt.Sprintf("%s %d of %d", what, done.Add(1), n))
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

// build makes the providers from the given one on; earlier calls have made
// those before it.
func (w *world) build(ctx context.Context, first int) error {
	if err := w.vocabulary(ctx); err != nil {
		return err
	}
	if w.target.Native != nil {
		return w.buildNative(ctx, w.providers[first:])
	}
	for depth := 0; ; depth++ {
		var level []*provider
		for _, p := range w.providers[first:] {
			if p.depth == depth {
				level = append(level, p)
			}
		}
		if len(level) == 0 {
			return nil
		}
		if err := w.each(ctx, "making providers", len(level), func(c *connection, i int) error { return w.make(c, level[i]) }); err != nil {
			return err
		}
	}
}

// vocabulary makes the classes and traits that providers name.
func (w *world) vocabulary(ctx context.Context) error {
	known := map[string]bool{}
	for _, name := range append(w.classes, w.traits...) {
		known[name] = true
	}
	c := w.target.connect(ctx, 0, builderTimeout)
	defer c.close()
	declare := func(route, name string, names *[]string) error {
		if known[name] {
			return nil
		}
		known[name] = true
		*names = append(*names, name)
		_, err := c.want(http.StatusCreated, request{http.MethodPut, route + name, nil})
		return err
	}
	for _, p := range w.providers {
		for class := range p.totals {
			if err := declare("/resource_classes/", w.class(class), &w.classes); err != nil {
				return err
			}
		}
		for _, trait := range p.traits {
			if err := declare("/traits/", trait, &w.traits); err != nil {
				return err
			}
		}
	}
	return nil
}

type jsonObject = map[string]any

// inventory is a plain one; the defaults are those of the API.
func inventory(total int) jsonObject { return jsonObject{"total": total} }

func (w *world) inventories(p *provider) jsonObject {
	all := jsonObject{}
	for class, total := range p.totals {
		all[w.class(class)] = inventory(total)
	}
	return all
}

// send2xx calls with a JSON body and takes any success.
func (c *connection) send2xx(method, path string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r := request{method, path, b}
	a, err := c.call(r)
	if err == nil && a.status/100 != 2 {
		err = statusError(r, a)
	}
	return err
}

func (w *world) make(c *connection, p *provider) error {
	body := jsonObject{"name": p.name, "uuid": p.uuid}
	if p.parent != "" {
		body["parent_provider_uuid"] = p.parent
	}
	if err := c.send2xx(http.MethodPost, "/resource_providers", body); err != nil {
		return err
	}
	of, generation := "/resource_providers/"+p.uuid, 0
	if len(p.totals) > 0 {
		if err := c.send2xx(http.MethodPut, of+"/inventories", jsonObject{"resource_provider_generation": generation, "inventories": w.inventories(p)}); err != nil {
			return err
		}
		generation++
	}
	if len(p.traits) > 0 {
		if err := c.send2xx(http.MethodPut, of+"/traits", jsonObject{"resource_provider_generation": generation, "traits": p.traits}); err != nil {
			return err
		}
		generation++
	}
	if len(p.aggregates) > 0 {
		return c.send2xx(http.MethodPut, of+"/aggregates", jsonObject{"resource_provider_generation": generation, "aggregates": p.aggregates})
	}
	return nil
}

func (w *world) buildNative(ctx context.Context, providers []*provider) error {
	for first := 0; first < len(providers); first += nativeBatch {
		var all []wire.PopulateProvider
		for _, p := range providers[first:min(first+nativeBatch, len(providers))] {
			n := wire.PopulateProvider{UUID: p.uuid, Name: p.name, Parent: p.parent, Traits: p.traits, Aggregates: p.aggregates,
				Inventories: map[string]wire.Inventory{}}
			for class, total := range p.totals {
				n.Inventories[w.class(class)] = wire.Inventory{Total: int64(total)}
			}
			all = append(all, n)
		}
		if _, err := w.target.Native.Populate(ctx, all...); err != nil {
			return fmt.Errorf("making providers: %w", err)
		}
		w.note(fmt.Sprintf("making providers %d of %d", first+len(all), len(providers)))
	}
	return nil
}

// release removes what was claimed from the world's providers.
func (w *world) release(ctx context.Context) error {
	var mu sync.Mutex
	generations := map[string]*int{} // by consumer
	err := w.each(ctx, "finding claims", len(w.providers), func(c *connection, i int) error {
		r := request{http.MethodGet, "/resource_providers/" + w.providers[i].uuid + "/allocations", nil}
		a, err := c.call(r)
		if err == nil && a.status == http.StatusNotFound {
			return nil // making it had failed
		}
		if err == nil && a.status != http.StatusOK {
			err = statusError(r, a)
		}
		if err != nil {
			return err
		}
		var found struct {
			Allocations map[string]struct {
				Generation *int `json:"consumer_generation"`
			} `json:"allocations"`
		}
		if err := json.Unmarshal(a.body, &found); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for consumer, of := range found.Allocations {
			generations[consumer] = of.Generation
		}
		return nil
	})
	if err != nil {
		return err
	}
	var bodies []jsonObject
	for consumer, generation := range generations {
		if len(bodies) == 0 || len(bodies[len(bodies)-1]) == removeBatch {
			bodies = append(bodies, jsonObject{})
		}
		bodies[len(bodies)-1][consumer] = claimBody(jsonObject{}, generation)
	}
	return w.each(ctx, "removing claims, batch", len(bodies), func(c *connection, i int) error {
		b, err := json.Marshal(bodies[i])
		if err != nil {
			return err
		}
		r := request{http.MethodPost, "/allocations", b}
		a, err := c.call(r)
		switch {
		case err != nil || a.status == http.StatusNoContent:
			return err
		case a.status != http.StatusConflict:
			return statusError(r, a)
		}
		// Some services let two such requests meet at a provider's generation.
		for consumer := range bodies[i] {
			r := request{http.MethodDelete, "/allocations/" + consumer, nil}
			if a, err := c.call(r); err != nil {
				return err
			} else if a.status != http.StatusNoContent && a.status != http.StatusNotFound {
				return statusError(r, a)
			}
		}
		return nil
	})
}

// remove removes the world. Claims must have been released.
func (w *world) remove(ctx context.Context) error {
	deepest := 0
	for _, p := range w.providers {
		deepest = max(deepest, p.depth)
	}
	for depth := deepest; depth >= 0; depth-- {
		var level []string
		for _, p := range w.providers {
			if p.depth == depth {
				level = append(level, p.uuid)
			}
		}
		if err := w.removeEach(ctx, "removing providers", "/resource_providers/", level); err != nil {
			return err
		}
	}
	if err := w.removeEach(ctx, "removing traits", "/traits/", w.traits); err != nil {
		return err
	}
	return w.removeEach(ctx, "removing classes", "/resource_classes/", w.classes)
}

func (w *world) removeEach(ctx context.Context, what, route string, names []string) error {
	return w.each(ctx, what, len(names), func(c *connection, i int) error {
		r := request{http.MethodDelete, route + names[i], nil}
		a, err := c.call(r)
		if err == nil && a.status != http.StatusNoContent && a.status != http.StatusNotFound {
			err = statusError(r, a)
		}
		return err
	})
}

// claimBody is the body of PUT /allocations/{consumer}, or one consumer's part
// of POST /allocations.
func claimBody(allocations jsonObject, generation *int) jsonObject {
	body := jsonObject{
		"allocations": allocations, "project_id": "bench-project", "user_id": "bench-user", "consumer_generation": nil, "consumer_type": "INSTANCE",
	}
	if generation != nil {
		body["consumer_generation"] = *generation
	}
	return body
}
