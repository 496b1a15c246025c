package main

import (
	"cmp"
	"fmt"
)

// step makes a request; early in a history rather one that adds something.
func (g generator) step(early bool) step {
	v := g.version()
	p := g.provider()
	one := "/resource_providers/" + p
	if early && g.IntN(3) > 0 {
		if g.IntN(2) == 0 {
			return g.createProvider(v)
		}
		return step{method: "PUT", path: one + "/inventories", version: v}.with(object{
			"resource_provider_generation": "{gen:" + p + "}", "inventories": g.inventories(),
		})
	}
	if g.oneIn(20) {
		one = "/resource_providers/" + pathText(g.written(p))
	}
	switch g.IntN(24) {
	case 0:
		return g.createProvider(v)
	case 1:
		return g.changeProvider(v, one)
	case 2:
		return step{method: pick(g, "GET", "GET", "DELETE"), path: one, version: v}
	case 3, 4:
		return g.inventoryStep(v, p, one)
	case 5:
		return g.traitStep(v, p, one)
	case 6:
		return g.aggregateStep(v, p, one)
	case 7, 8:
		return g.vocabularyStep(v)
	case 9, 10, 11, 12:
		return g.claimStep(v)
	case 13:
		return step{method: "DELETE", path: "/allocations/" + pathText(g.written(g.consumer())), version: v}
	case 14:
		return g.reshapeStep()
	case 15, 16:
		return step{method: "GET", path: "/resource_providers" + g.providerQuery(), version: v}
	case 17:
		return step{method: "GET", path: "/usages" + g.usageQuery(), version: g.since(9)}
	case 18, 19:
		return step{method: "GET", path: "/allocations/" + pathText(g.written(g.consumer())), version: v}
	case 20:
		return g.oddRoute(v, one)
	case 21:
		return step{method: "GET", path: "/allocation_candidates?" + g.candidates(minor(v)), version: v}
	}
	return step{method: "GET", path: one + pick(g, "/inventories", "/usages", "/aggregates", "/allocations", "/traits", "/inventories/"+pathText(g.class())), version: v}
}

// oddRoute is a path or method that there is not, or is seldom used.
func (g generator) oddRoute(v, one string) step {
	routes := []string{
		"/", "", "/resource_classes", "/resource_classes/VCPU", "/resource_providers", one, one + "/inventories",
		one + "/inventories/VCPU", one + "/usages", one + "/aggregates", one + "/allocations", one + "/traits", "/traits",
		"/traits/" + ownTrait, "/allocations", "/allocations/" + g.consumer(), "/allocation_candidates", "/usages", "/reshaper",
		"/nope", one + "/nope",
	}
	s := step{method: pick(g, "GET", "GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "FOO"), path: pick(g, routes...), version: v}
	switch g.IntN(10) {
	case 0:
		s.path += "/"
	case 1:
		s.path = "/" + s.path
	case 2:
		s.path += "?" + pick(g, "foo=1", "", "&", "=", "limit=1", "%ff", "%", "a=%zz")
	case 3:
		s.path = cmp.Or(s.path, "/") + pick(g, "%2f", "%20", "%C3%A9", ";x")
	}
	if s.method == "PUT" || s.method == "POST" || s.method == "PATCH" {
		s.body = pick(g, "", "", "{}", "[]", `{"name": "CUSTOM_{ns}_A"}`)
	}
	return s
}

func (g generator) createProvider(v string) step {
	body := object{"name": g.name(), "uuid": g.written(g.provider())}
	if minor(v) >= 14 && g.IntN(2) == 0 {
		body["parent_provider_uuid"] = pick[any](g, g.provider(), g.written(g.provider()), nil)
	}
	if g.seldom() {
		delete(body, pick(g, "name", "uuid"))
	}
	return step{method: "POST", path: "/resource_providers", version: v}.with(body)
}

func (g generator) changeProvider(v, one string) step {
	body := object{"name": g.name()}
	if g.IntN(2) == 0 {
		body["parent_provider_uuid"] = pick[any](g, g.provider(), g.written(g.provider()), nil)
	}
	return step{method: "PUT", path: one, version: v}.with(body)
}

func (g generator) inventory() object {
	inv := object{"total": 1 + g.IntN(20)}
	if g.IntN(3) == 0 {
		inv["reserved"] = pick(g, 0, 1, 5, 30)
	}
	if g.IntN(4) == 0 {
		inv["min_unit"] = pick(g, 1, 2, 4)
	}
	if g.IntN(4) == 0 {
		inv["max_unit"] = pick(g, 1, 4, 8, 2147483647)
	}
	if g.IntN(4) == 0 {
		inv["step_size"] = pick(g, 1, 2, 3)
	}
	if g.IntN(4) == 0 {
		inv["allocation_ratio"] = pick(g, 1.0, 1.5, 4, 0.5, 16.0)
	}
	if g.seldom() {
		inv[pick(g, "total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")] = pick[any](g, 0, 1, -1, 2147483647, 2147483648)
	}
	if g.seldom() {
		inv["allocation_ratio"] = pick[any](g, 0, 0.0, -1.5, 0.1, 1e-9, 3.40282e38, 3.5e38, 1e308, 1000000, 0.30000000000000004, "1.0")
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

func (g generator) inventoryStep(v, p, one string) step {
	class := g.class()
	switch g.IntN(5) {
	case 0:
		body := g.inventory()
		body["resource_class"] = class
		if g.oneIn(4) {
			body["resource_provider_generation"] = g.generation("gen", p)
		}
		return step{method: "POST", path: one + "/inventories", version: v}.with(body)
	case 1:
		body := g.inventory()
		body["resource_provider_generation"] = g.generation("gen", p)
		return step{method: "PUT", path: one + "/inventories/" + pathText(class), version: v}.with(body)
	case 2:
		return step{method: "DELETE", path: one + "/inventories" + pick(g, "", "/"+pathText(class), "/"+pathText(class)), version: v}
	}
	return step{method: "PUT", path: one + "/inventories", version: v}.with(object{
		"resource_provider_generation": g.generation("gen", p), "inventories": g.inventories(),
	})
}

func (g generator) traitStep(v, p, one string) step {
	if g.IntN(4) == 0 {
		return step{method: "DELETE", path: one + "/traits", version: v}
	}
	traits := []any{}
	for range g.IntN(4) {
		traits = append(traits, g.trait())
	}
	return step{method: "PUT", path: one + "/traits", version: v}.with(object{
		"resource_provider_generation": g.generation("gen", p), "traits": traits,
	})
}

func (g generator) aggregateStep(v, p, one string) step {
	aggregates := []any{}
	for range g.IntN(4) {
		aggregates = append(aggregates, g.written(g.aggregate()))
	}
	s := step{method: "PUT", path: one + "/aggregates", version: v}
	if (minor(v) < 19) == g.often() {
		return s.with(aggregates)
	}
	return s.with(object{"resource_provider_generation": g.generation("gen", p), "aggregates": aggregates})
}

func (g generator) vocabularyStep(v string) step {
	longest := "CUSTOM_{ns}_" + pick(g, text('A', 239), text('A', 240))
	switch g.IntN(10) {
	case 0:
		return step{method: "POST", path: "/resource_classes", version: v}.with(object{
			"name": pick(g, ownClass, ownClass2, ownClass3, "bad", longest, "CUSTOM_{ns}_é", "CUSTOM_", "CUSTOM_{ns}\n", "VCPU"),
		})
	case 1:
		return step{method: "PUT", path: "/resource_classes/" + pick(g, ownClass, ownClass2, "VCPU", "bad", "CUSTOM_{ns}_%C3%A9", "CUSTOM_{ns}%0A", longest), version: v}.with(
			object{"name": pick(g, ownClass, ownClass2, ownClass3, "VCPU", "bad", longest)})
	case 2:
		return step{method: "PUT", path: "/resource_classes/" + pick(g, ownClass, ownClass2, "VCPU", "bad", longest), version: v}
	case 3:
		return step{method: pick(g, "GET", "DELETE"), path: "/resource_classes/" + pathText(g.class()), version: v}
	case 4:
		return step{method: "PUT", path: "/traits/" + pick(g, ownTrait, ownTrait2, ownTrait3, "bad", "HW_CPU_X86_VMX", longest, "CUSTOM_{ns}_%C3%A9", "CUSTOM_{ns}%0A", "CUSTOM_"), version: v}
	case 5:
		return step{method: pick(g, "GET", "DELETE"), path: "/traits/" + pathText(g.trait()), version: v}
	case 6:
		return step{method: "GET", path: "/resource_classes" + pick(g, "", "", "?foo=1", "?name=VCPU"), version: v}
	}
	return step{method: "GET", path: "/traits" + g.traitQuery(), version: g.since(6)}
}

func text(r rune, n int) string {
	all := make([]rune, n)
	for i := range all {
		all[i] = r
	}
	return string(all)
}

func (g generator) resources() object {
	r := object{}
	for range 1 + g.IntN(2) {
		r[g.class()] = 1 + g.IntN(6)
	}
	if g.seldom() {
		r[g.class()] = pick[any](g, 0, 100, "1", -1, 2147483647, 2147483648, 1.5, 2.0)
	}
	if g.seldom() {
		return object{}
	}
	return r
}

// claim is what one consumer asks for in the dictionary form.
func (g generator) claim(version int, of string) object {
	allocations := object{}
	for range pick(g, 0, 1, 1, 1, 2, 3) {
		one := object{"resources": g.resources()}
		if g.seldom() {
			one["generation"] = pick[any](g, 0, 1, -1, "x", nil)
		}
		allocations[g.provider()] = one
	}
	if g.seldom() {
		allocations[g.written(g.provider())] = object{"resources": g.resources()}
	}
	body := object{"allocations": allocations, "project_id": "project-{ns}", "user_id": pick(g, "u1", "u2")}
	if g.oneIn(30) {
		body[pick(g, "project_id", "user_id")] = pick(g, "", "{ns}"+text('p', 247), "{ns}"+text('p', 248), "{ns}é名", " ", "{ns}'\"\\")
	}
	if version >= 28 || g.seldom() {
		body["consumer_generation"] = g.generation("cgen", of)
	}
	if version >= 34 && g.oneIn(4) {
		body["mappings"] = pick[any](g, object{"": []any{g.provider()}}, object{"1": []any{g.provider()}}, object{"_A-z": []any{g.written(g.provider()), g.provider()}}, object{}, object{"x": []any{}}, object{"é": []any{g.provider()}}, nil)
	}
	if version >= 38 || g.seldom() {
		body["consumer_type"] = pick(g, "INSTANCE", "MIGRATION", "INSTANCE", "X_{ns}")
		if g.seldom() {
			body["consumer_type"] = pick(g, "", "unknown", "all", "instance", text('T', 255), text('T', 256), "A-B")
		}
	}
	return body
}

func (g generator) list() any {
	all := []object{}
	for range g.IntN(4) {
		all = append(all, object{"resource_provider": object{"uuid": g.written(g.provider())}, "resources": g.resources()})
	}
	return all
}

func (g generator) claimStep(v string) step {
	c := g.consumer()
	n := minor(v)
	if n >= 12 && g.IntN(2) == 0 {
		body := object{}
		for range 1 + g.IntN(3) {
			c = g.consumer()
			body[c] = g.claim(n, c)
		}
		return step{method: "POST", path: "/allocations", version: v}.with(body)
	}
	path := c
	if g.oneIn(4) {
		path = pathText(g.written(c))
	}
	s := step{method: "PUT", path: "/allocations/" + path, version: v}
	switch {
	case (n >= 12) == g.often():
		return s.with(g.claim(n, c))
	case n >= 8:
		return s.with(object{"allocations": g.list(), "project_id": "project-{ns}", "user_id": "u1"})
	}
	return s.with(object{"allocations": g.list()})
}

// reshapeStep moves inventories and what is claimed of them, or tries to.
func (g generator) reshapeStep() step {
	v := g.since(30)
	inventories, allocations := object{}, object{}
	for range 1 + g.IntN(3) {
		p := g.provider()
		inventories[p] = object{"resource_provider_generation": g.generation("gen", p), "inventories": g.inventories()}
	}
	if g.oneIn(2) { // from one provider to another
		from, to, c := g.provider(), g.provider(), g.consumer()
		inventories[from] = object{"resource_provider_generation": g.generation("gen", from), "inventories": object{}}
		inventories[to] = object{"resource_provider_generation": g.generation("gen", to), "inventories": object{ownClass: object{"total": 10}, "VCPU": object{"total": 8}}}
		claim := g.claim(minor(v), c)
		claim["allocations"] = object{to: object{"resources": object{pick(g, ownClass, "VCPU"): 1 + g.IntN(9)}}}
		allocations[c] = claim
	}
	for range g.IntN(3) {
		c := g.consumer()
		allocations[c] = g.claim(minor(v), c)
	}
	return step{method: "POST", path: "/reshaper", version: v}.with(object{"inventories": inventories, "allocations": allocations})
}

// pathText escapes what a request line cannot have.
func pathText(s string) string {
	out := ""
	for _, b := range []byte(s) {
		if b <= ' ' || b >= 0x7f || b == '%' || b == '?' || b == '#' {
			out += fmt.Sprintf("%%%02X", b)
			continue
		}
		out += string(b)
	}
	return out
}
