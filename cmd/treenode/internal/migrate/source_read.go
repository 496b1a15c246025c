package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/treenode/treenode/transport/wire"
)

// passesMax is how often what changed meanwhile is read again.
const passesMax = 6

// Read is what a source held.
type Read struct {
	Contents *Contents
	// Passes is how often the source was gone through: the last one found
	// nothing new, unless Unsettled says otherwise.
	Passes int
	// Unsettled says what still changed in the last pass; empty when nothing
	// did. Contents is then of no one moment, and consumers of providers that
	// are not in it were left out.
	Unsettled string
}

// listed is a provider as the list tells it.
type listed struct {
	path       string // as the source writes its UUID
	uuid       string
	name       string
	parent     string
	generation uint64
}

// held is what a provider's consumers hold of it, as the provider tells it.
type held struct {
	generation uint64 // of the consumer
	resources  map[string]int64
}

func (h held) equal(o held) bool {
	return h.generation == o.generation && maps.Equal(h.resources, o.resources)
}

// sourceReader gathers what a source holds over several passes.
type sourceReader struct {
	s  *Source
	mu sync.Mutex // of the maps below

	order     []string // of providers
	providers map[string]Provider
	claims    map[string]map[string]held // by provider, then consumer
	consumers map[string]Consumer
	paths     map[string]string // of consumers, as the source writes them
}

// Read goes through the source until a pass finds nothing new: every provider
// with the generation, name and parent that it was read with, and every
// consumer with the allocations that its providers tell of.
func (s *Source) Read(ctx context.Context) (Read, error) {
	r := &sourceReader{
		s: s, providers: map[string]Provider{}, claims: map[string]map[string]held{},
		consumers: map[string]Consumer{}, paths: map[string]string{},
	}
	classes, traits, err := r.vocabulary(ctx)
	if err != nil {
		return Read{}, err
	}
	result := Read{}
	for result.Passes = 1; ; result.Passes++ {
		changed, err := r.pass(ctx, result.Passes)
		if err != nil {
			return Read{}, err
		}
		again, more, err := r.vocabulary(ctx)
		if err != nil {
			return Read{}, err
		}
		if !slices.Equal(again, classes) || !slices.Equal(more, traits) {
			classes, traits, changed = again, more, append(changed, "resource classes or traits")
		}
		// The first pass finds everything new, if there is anything.
		if len(changed) == 0 {
			break
		}
		if result.Passes == passesMax {
			result.Unsettled = strings.Join(changed, ", ")
			break
		}
	}
	result.Contents, err = r.contents(classes, traits)
	return result, err
}

func (r *sourceReader) vocabulary(ctx context.Context) (classes, traits []string, err error) {
	var c struct {
		Classes []struct{ Name string } `json:"resource_classes"`
	}
	var t struct{ Traits []string }
	if err := r.s.get(ctx, "/resource_classes", &c); err != nil {
		return nil, nil, err
	}
	if err := r.s.get(ctx, "/traits?name=startswith:"+customPrefix, &t); err != nil {
		return nil, nil, err
	}
	for _, one := range c.Classes {
		classes = append(classes, one.Name)
	}
	classes, traits = customOnly(classes), customOnly(t.Traits)
	slices.Sort(classes)
	slices.Sort(traits)
	return classes, traits, nil
}

// pass compares everything with what is known, reads what differs, and says
// what that was.
func (r *sourceReader) pass(ctx context.Context, number int) (changed []string, err error) {
	list, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	var done, anew atomic.Int64
	if err := each(ctx, r.s.concurrency, list, func(ctx context.Context, l listed) error {
		fresh, err := r.provider(ctx, l)
		if fresh {
			anew.Add(1)
		}
		r.s.progress(fmt.Sprintf("reading the source, pass %d: provider %d of %d", number, done.Add(1), len(list)))
		return err
	}); err != nil {
		return nil, err
	}
	gone := r.forget(list)
	stale := r.staleConsumers()
	done.Store(0)
	if err := each(ctx, r.s.concurrency, stale, func(ctx context.Context, consumer string) error {
		r.s.progress(fmt.Sprintf("reading the source, pass %d: consumer %d of %d", number, done.Add(1), len(stale)))
		return r.consumer(ctx, consumer)
	}); err != nil {
		return nil, err
	}
	for what, n := range map[string]int{"provider": int(anew.Load()), "vanished provider or consumer": gone, "consumer": len(stale)} {
		if n > 0 {
			changed = append(changed, plural(n, what))
		}
	}
	slices.Sort(changed)
	return changed, nil
}

func (r *sourceReader) list(ctx context.Context) ([]listed, error) {
	var answer struct {
		Providers []struct {
			UUID, Name string
			Generation uint64
			Parent     *string `json:"parent_provider_uuid"`
		} `json:"resource_providers"`
	}
	if err := r.s.get(ctx, "/resource_providers", &answer); err != nil {
		return nil, err
	}
	list := make([]listed, len(answer.Providers))
	for i, p := range answer.Providers {
		l := listed{path: p.UUID, name: p.Name, generation: p.Generation}
		var err error
		if l.uuid, err = canonical(p.UUID); err != nil {
			return nil, fmt.Errorf("provider %q: %w", p.Name, err)
		}
		if p.Parent != nil {
			if l.parent, err = canonical(*p.Parent); err != nil {
				return nil, fmt.Errorf("parent of provider %q: %w", p.Name, err)
			}
		}
		list[i] = l
	}
	return list, nil
}

// provider reads a provider's allocations, and the rest of it unless that is
// known from its generation.
func (r *sourceReader) provider(ctx context.Context, l listed) (fresh bool, err error) {
	base := "/resource_providers/" + url.PathEscape(l.path)
	r.mu.Lock()
	known, had := r.providers[l.uuid]
	r.mu.Unlock()
	if !had || known.Generation != l.generation || known.Name != l.name || known.Parent != l.parent {
		p := Provider{UUID: l.uuid, Name: l.name, Parent: l.parent, Used: known.Used}
		if err := r.parts(ctx, base, &p); err != nil {
			if gone(err) { // the next pass does not see it any more
				return true, nil
			}
			return false, err
		}
		fresh = true
		r.mu.Lock()
		r.providers[l.uuid] = p
		r.mu.Unlock()
	}
	claims, err := r.claimsOf(ctx, base)
	if gone(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	before, counted := r.claims[l.uuid]
	r.claims[l.uuid] = claims
	r.mu.Unlock()
	if counted && maps.EqualFunc(before, claims, held.equal) {
		return fresh, nil
	}
	// A consumer that goes leaves no trace in the generation. What is used is
	// read after the claims, so that it is not older than they are.
	used, err := r.usedOf(ctx, base)
	if gone(err) {
		return true, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.providers[l.uuid]
	p.Used = used
	r.providers[l.uuid] = p
	return fresh, err
}

// parts reads what a provider has. Its generation is the one before all of
// them, so that a change between two makes the next pass read it again.
func (r *sourceReader) parts(ctx context.Context, base string, p *Provider) error {
	var inventories struct {
		Generation  uint64               `json:"resource_provider_generation"`
		Inventories map[string]Inventory `json:"inventories"`
	}
	if err := r.s.get(ctx, base+"/inventories", &inventories); err != nil {
		return err
	}
	p.Generation, p.Inventories = inventories.Generation, inventories.Inventories
	var traits struct{ Traits []string }
	if err := r.s.get(ctx, base+"/traits", &traits); err != nil {
		return err
	}
	p.Traits = traits.Traits
	var aggregates struct{ Aggregates []string }
	if err := r.s.get(ctx, base+"/aggregates", &aggregates); err != nil {
		return err
	}
	for _, a := range aggregates.Aggregates {
		u, err := canonical(a)
		if err != nil {
			return fmt.Errorf("aggregate of provider %q: %w", p.Name, err)
		}
		p.Aggregates = append(p.Aggregates, u)
	}
	return nil
}

// usedOf is what the source says is used of each class of a provider.
func (r *sourceReader) usedOf(ctx context.Context, base string) (map[string]int64, error) {
	var answer struct{ Usages map[string]int64 }
	err := r.s.get(ctx, base+"/usages", &answer)
	maps.DeleteFunc(answer.Usages, func(_ string, used int64) bool { return used == 0 })
	return answer.Usages, err
}

func (r *sourceReader) claimsOf(ctx context.Context, base string) (map[string]held, error) {
	var answer struct {
		Allocations map[string]struct {
			Generation uint64           `json:"consumer_generation"`
			Resources  map[string]int64 `json:"resources"`
		} `json:"allocations"`
	}
	if err := r.s.get(ctx, base+"/allocations", &answer); err != nil {
		return nil, err
	}
	claims := make(map[string]held, len(answer.Allocations))
	for path, a := range answer.Allocations {
		consumer, err := canonical(path)
		if err != nil {
			return nil, fmt.Errorf("consumer of %s: %w", base, err)
		}
		claims[consumer] = held{a.Generation, a.Resources}
		r.mu.Lock()
		r.paths[consumer] = path
		r.mu.Unlock()
	}
	return claims, nil
}

// forget drops providers that are not listed and consumers that no provider
// tells of, and says how many.
func (r *sourceReader) forget(list []listed) (gone int) {
	there := make(map[string]bool, len(list))
	r.order = r.order[:0]
	for _, l := range list {
		there[l.uuid] = true
		r.order = append(r.order, l.uuid)
	}
	count := len(r.providers) + len(r.consumers)
	maps.DeleteFunc(r.providers, func(u string, _ Provider) bool { return !there[u] })
	maps.DeleteFunc(r.claims, func(u string, _ map[string]held) bool { return !there[u] })
	told := r.told()
	maps.DeleteFunc(r.consumers, func(u string, _ Consumer) bool { return told[u] == nil })
	return count - len(r.providers) - len(r.consumers)
}

// told is what providers tell of each consumer: by consumer, then provider.
func (r *sourceReader) told() map[string]map[string]held {
	told := map[string]map[string]held{}
	for provider, claims := range r.claims {
		for consumer, h := range claims {
			if told[consumer] == nil {
				told[consumer] = map[string]held{}
			}
			told[consumer][provider] = h
		}
	}
	return told
}

// staleConsumers are those that were not read yet, or not as providers tell of
// them now.
func (r *sourceReader) staleConsumers() []string {
	var stale []string
	for consumer, told := range r.told() {
		known, had := r.consumers[consumer]
		fits := had && len(known.Allocations) == len(told)
		for _, a := range known.Allocations {
			h, ok := told[a.Provider]
			fits = fits && ok && h.equal(held{known.Generation, a.Resources})
		}
		if !fits {
			stale = append(stale, consumer)
		}
	}
	slices.Sort(stale)
	return stale
}

func (r *sourceReader) consumer(ctx context.Context, consumer string) error {
	var answer struct {
		Allocations inOrder `json:"allocations"`
		Project     string  `json:"project_id"`
		User        string  `json:"user_id"`
		Type        string  `json:"consumer_type"`
		Generation  uint64  `json:"consumer_generation"`
	}
	r.mu.Lock()
	path := r.paths[consumer]
	r.mu.Unlock()
	if err := r.s.get(ctx, "/allocations/"+url.PathEscape(path), &answer); err != nil {
		return err
	}
	c := Consumer{
		UUID: consumer, Project: answer.Project, User: answer.User, Type: answer.Type,
		Generation: answer.Generation, Allocations: answer.Allocations,
	}
	if c.Type == typeNone {
		c.Type = ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(c.Allocations) == 0 { // it has gone meanwhile
		delete(r.consumers, consumer)
		return nil
	}
	r.consumers[consumer] = c
	return nil
}

// typeNone is what Placement shows of a consumer without a type.
const typeNone = "unknown"

// contents puts together what was read.
func (r *sourceReader) contents(classes, traits []string) (*Contents, error) {
	c := &Contents{ResourceClasses: classes, Traits: traits}
	for _, u := range r.order {
		if p, ok := r.providers[u]; ok {
			c.Providers = append(c.Providers, p)
		}
	}
	for _, consumer := range r.consumers {
		if !slices.ContainsFunc(consumer.Allocations, func(a wire.Allocation) bool {
			_, ok := r.providers[a.Provider]
			return !ok
		}) {
			c.Consumers = append(c.Consumers, consumer)
		}
	}
	return c, c.arrange()
}

// inOrder are a consumer's allocations in the order of the JSON object that
// has them by provider: clients compare the order.
type inOrder []wire.Allocation

// UnmarshalJSON implements json.Unmarshaler.
func (o *inOrder) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("allocations are no object: %w", err)
	}
	*o = nil
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var one struct{ Resources map[string]int64 }
		if err := d.Decode(&one); err != nil {
			return err
		}
		text, _ := key.(string) // a key always is one
		provider, err := canonical(text)
		if err != nil {
			return err
		}
		*o = append(*o, wire.Allocation{Provider: provider, Resources: one.Resources})
	}
	return nil
}
