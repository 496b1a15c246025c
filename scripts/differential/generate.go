package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// step is a request in which {ns} stands for the digits of a history, and
// "{gen:UUID}" for a generation as of then.
type step struct {
	method, path, version string
	headers               map[string]string
	body                  string
}

func (s step) words() []string {
	words := []string{s.method, s.path, s.version}
	for _, name := range slices.Sorted(maps.Keys(s.headers)) {
		words = append(words, name+":"+s.headers[name])
	}
	return append(words, s.body)
}

func (s step) with(body any) step {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // plain data
	}
	s.body = string(text)
	return s
}

type object = map[string]any

// generator makes histories: mostly sensible, sometimes not.
type generator struct {
	*rand.Rand
	world world
}

// world is what there is to name in a history.
type world struct{ providers, consumers, aggregates int }

func (g generator) often() bool      { return g.IntN(10) < 8 }
func (g generator) seldom() bool     { return g.IntN(16) == 0 }
func (g generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// some are up to n of them, apart, in random order.
func some[T any](g generator, n int, from ...T) []T {
	g.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:min(n, len(from))]
}

// version prefers those that changed something.
func (g generator) version() string {
	if g.often() {
		return fmt.Sprintf("1.%d", pick(g, 0, 5, 7, 8, 12, 14, 19, 20, 25, 26, 28, 30, 34, 37, 38, 39, 39))
	}
	return fmt.Sprintf("1.%d", g.IntN(40))
}

// since is a microversion that is seldom below one.
func (g generator) since(least int) string {
	if g.oneIn(20) {
		return g.version()
	}
	if g.oneIn(3) {
		return "1.39"
	}
	return fmt.Sprintf("1.%d", least+g.IntN(40-least))
}

func minor(version string) int {
	var n int
	_, _ = fmt.Sscanf(version, "1.%d", &n)
	return n
}

func identifier(kind string, n int) string {
	return fmt.Sprintf("{ns}-0000-4000-8000-000000000%s%02d", kind, n)
}

func provider(n int) string { return identifier("a", n) }

func (g generator) provider() string  { return provider(g.IntN(g.world.providers)) }
func (g generator) consumer() string  { return identifier("c", g.IntN(g.world.consumers)) }
func (g generator) aggregate() string { return identifier("e", g.IntN(g.world.aggregates)) }

// written is a UUID in any of the forms in which people write them.
func (g generator) written(uuid string) string {
	switch g.IntN(40) {
	case 0:
		return strings.ReplaceAll(uuid, "-", "")
	case 1:
		return upper(uuid)
	case 2:
		return "{" + uuid + "}"
	case 3:
		return "urn:uuid:" + uuid
	case 4:
		return pick(g, uuid[:len(uuid)-1], uuid+"0", "x-"+uuid, " "+uuid, uuid+" ", uuid[:len(uuid)-1]+"g", strings.Replace(uuid, "-", "", 1), "")
	}
	return uuid
}

// upper leaves the place of the history's digits alone.
func upper(s string) string { return strings.ReplaceAll(strings.ToUpper(s), "{NS}", "{ns}") }

const (
	ownClass  = "CUSTOM_{ns}_A"
	ownClass2 = "CUSTOM_{ns}_B"
	ownClass3 = "CUSTOM_{ns}_C"
	ownTrait  = "CUSTOM_{ns}_T"
	ownTrait2 = "CUSTOM_{ns}_U"
	ownTrait3 = "CUSTOM_{ns}_V"
	sharing   = "MISC_SHARES_VIA_AGGREGATE"
)

func (g generator) class() string {
	if g.seldom() {
		return pick(g, "NOPE", "CUSTOM_{ns}_NOPE", "vcpu", "CUSTOM_{ns}_É", "CUSTOM_{ns}-A", "")
	}
	return pick(g, "VCPU", "VCPU", "MEMORY_MB", "DISK_GB", ownClass, ownClass, ownClass2)
}

func (g generator) trait() string {
	if g.seldom() {
		return pick(g, "NOPE", "CUSTOM_{ns}_NOPE", "custom_{ns}_t", "CUSTOM_{ns}_É", "")
	}
	return pick(g, "HW_CPU_X86_VMX", "HW_CPU_X86_SGX", ownTrait, ownTrait, ownTrait2, ownTrait3)
}

func (g generator) name() string {
	if g.seldom() {
		return pick(g, "", "{ns}"+strings.Repeat("n", 192), "{ns}"+strings.Repeat("n", 193), "{ns}"+strings.Repeat("é", 192),
			"{ns}"+strings.Repeat("é", 193), "名-{ns}-\U0001F600", " n-{ns}-0 ", "N-{ns}-0", "{ns}<&>\"'\\/", "{ns}\u0000", "{ns}\n\t\u2028")
	}
	return fmt.Sprintf("n-{ns}-%d", g.IntN(g.world.providers))
}

// generation is the right one, mostly.
func (g generator) generation(kind, of string) any {
	if g.seldom() {
		return pick[any](g, 0, 1, 99, nil, "x", -1, 1.5, true, json.Number("9223372036854775808"))
	}
	return "{" + kind + ":" + of + "}"
}

// history makes one: either the whole API over a few providers, or candidates
// over a world that has some.
func (g generator) history(length int) []step {
	var steps []step
	if g.oneIn(2) {
		g.world = world{providers: 5, consumers: 4, aggregates: 3}
		steps = []step{
			{method: "PUT", path: "/resource_classes/" + ownClass, version: "1.39"},
			{method: "PUT", path: "/traits/" + ownTrait, version: "1.39"},
		}
		early := length / 4
		for len(steps) < length {
			steps = append(steps, g.disturb(g.step(len(steps) < early)))
		}
		return steps
	}
	g.world = world{providers: 3 + g.IntN(7), consumers: 3, aggregates: 3}
	steps = g.populate()
	for queries := length / 2; queries > 0; queries-- {
		s := step{method: "GET", version: g.since(10)}
		s.path = "/allocation_candidates?" + g.candidates(minor(s.version))
		if g.oneIn(6) {
			s = g.step(false)
		}
		steps = append(steps, g.disturb(s))
	}
	return steps
}
