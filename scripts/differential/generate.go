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

type object = map[string]any

// generator makes histories: mostly sensible, sometimes not.
type generator struct{ *rand.Rand }

func (g generator) often() bool  { return g.IntN(10) < 8 }
func (g generator) seldom() bool { return g.IntN(12) == 0 }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// version prefers those that changed something.
func (g generator) version() string {
	if g.often() {
		return fmt.Sprintf("1.%d", pick(g, 0, 5, 7, 8, 12, 14, 19, 20, 25, 26, 28, 30, 34, 37, 38, 39, 39))
	}
	return fmt.Sprintf("1.%d", g.IntN(40))
}

func (g generator) provider() string {
	return fmt.Sprintf("{ns}-0000-4000-8000-00000000000%d", 1+g.IntN(5))
}
func (g generator) consumer() string {
	return fmt.Sprintf("{ns}-0000-4000-8000-00000000005%d", 1+g.IntN(4))
}

func (g generator) aggregate() string {
	return fmt.Sprintf("{ns}-0000-4000-8000-00000000010%d", 1+g.IntN(3))
}

func (g generator) class() string {
	if g.seldom() {
		return pick(g, "NOPE", "CUSTOM_NOPE")
	}
	return pick(g, "VCPU", "VCPU", "MEMORY_MB", "DISK_GB", "CUSTOM_{ns}_A")
}

func (g generator) trait() string {
	if g.seldom() {
		return pick(g, "NOPE", "CUSTOM_NOPE")
	}
	return pick(g, "HW_CPU_X86_VMX", "HW_CPU_X86_SGX", "CUSTOM_{ns}_T", "CUSTOM_{ns}_U")
}

func (g generator) name() string {
	if g.seldom() {
		return pick(g, "", strings.Repeat("n", 201))
	}
	return fmt.Sprintf("n-{ns}-%d", g.IntN(5))
}

// generation is the right one, mostly.
func (g generator) generation(kind, of string) any {
	if g.seldom() {
		return pick[any](g, 0, 99, nil, "x")
	}
	return "{" + kind + ":" + of + "}"
}

func (g generator) inventory() object {
	inv := object{"total": 1 + g.IntN(20)}
	if g.IntN(3) == 0 {
		inv["reserved"] = pick(g, 0, 1, 5, 30)
	}
	if g.IntN(4) == 0 {
		inv["min_unit"] = pick(g, 1, 2)
	}
	if g.IntN(4) == 0 {
		inv["max_unit"] = pick(g, 4, 8, 2147483647)
	}
	if g.IntN(4) == 0 {
		inv["step_size"] = pick(g, 1, 2, 3)
	}
	if g.IntN(4) == 0 {
		inv["allocation_ratio"] = pick(g, 1.0, 1.5, 4, 0.5, 16.0)
	}
	if g.seldom() {
		inv[pick(g, "total", "reserved", "step_size", "foo")] = pick[any](g, 0, -1, 1.5, "x", 3000000000, nil)
	}
	return inv
}

func (g generator) inventories() object {
	all := object{}
	for range g.IntN(4) {
		all[g.class()] = g.inventory()
	}
	return all
}

func (g generator) resources() object {
	r := object{}
	for range 1 + g.IntN(2) {
		r[g.class()] = 1 + g.IntN(6)
	}
	if g.seldom() {
		r[g.class()] = pick[any](g, 0, 100, "1")
	}
	return r
}

func (g generator) shorten(o object) object {
	if g.seldom() {
		names := slices.Sorted(maps.Keys(o))
		delete(o, names[g.IntN(len(names))])
	}
	if g.seldom() {
		o["foo"] = 1
	}
	return o
}

func minor(version string) int {
	var n int
	_, _ = fmt.Sscanf(version, "1.%d", &n)
	return n
}

// claim is what one consumer asks for in the dictionary form.
func (g generator) claim(version int, of string) object {
	allocations := object{}
	for range pick(g, 0, 1, 1, 1, 2) {
		allocations[g.provider()] = object{"resources": g.resources()}
	}
	body := object{"allocations": allocations, "project_id": "project-{ns}", "user_id": pick(g, "u1", "u2")}
	if version >= 28 {
		body["consumer_generation"] = g.generation("cgen", of)
	}
	if version >= 38 {
		body["consumer_type"] = pick(g, "INSTANCE", "MIGRATION")
	}
	return g.shorten(body)
}

func (g generator) list() any {
	var all []object
	for range 1 + g.IntN(2) {
		all = append(all, object{"resource_provider": object{"uuid": g.provider()}, "resources": g.resources()})
	}
	return all
}

func (s step) with(body any) step {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // plain data
	}
	s.body = string(text)
	return s
}

func (g generator) history(length int) []step {
	steps := []step{
		{method: "PUT", path: "/resource_classes/CUSTOM_{ns}_A", version: "1.39"},
		{method: "PUT", path: "/traits/CUSTOM_{ns}_T", version: "1.39"},
	}
	for len(steps) < length {
		s := g.step(len(steps) < length/4)
		if g.IntN(60) == 0 {
			s.headers = map[string]string{pick(g, "Accept", "Content-Type", "X-Auth-Token", "OpenStack-API-Version"): pick(g, "text/html", "text/plain", "x", "")}
		}
		if s.body != "" && g.IntN(80) == 0 {
			s.body = s.body[:g.IntN(len(s.body))]
		}
		steps = append(steps, s)
	}
	return steps
}
