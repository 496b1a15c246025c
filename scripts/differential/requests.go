package main

import "fmt"

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
	switch g.IntN(20) {
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
	case 7:
		return g.vocabularyStep(v)
	case 8, 9, 10, 11:
		return g.claimStep(v)
	case 12:
		return step{method: "DELETE", path: "/allocations/" + g.consumer(), version: v}
	case 13:
		return g.reshapeStep(v)
	case 14, 15:
		return step{method: "GET", path: "/resource_providers?" + g.filter(), version: v}
	case 16:
		return step{method: "GET", path: "/usages?project_id=project-{ns}" + pick(g, "", "&user_id=u1", "&consumer_type=all", "&consumer_type=INSTANCE", "&consumer_type=unknown"), version: v}
	case 17:
		return step{method: "GET", path: "/allocations/" + g.consumer(), version: v}
	case 18:
		return step{method: pick(g, "GET", "GET", "GET", "PATCH", "POST"), path: one + pick(g, "/nope", "/"), version: v}
	}
	return step{method: "GET", path: one + pick(g, "/inventories", "/usages", "/aggregates", "/allocations", "/traits", "/inventories/VCPU"), version: v}
}

func (g generator) createProvider(v string) step {
	body := object{"name": g.name(), "uuid": g.provider()}
	if minor(v) >= 14 && g.IntN(2) == 0 {
		body["parent_provider_uuid"] = pick[any](g, g.provider(), g.provider(), nil)
	}
	return step{method: "POST", path: "/resource_providers", version: v}.with(g.withoutUUIDKept(body))
}

// withoutUUIDKept spoils a body, but leaves the UUID: a random one would differ.
func (g generator) withoutUUIDKept(body object) object {
	if g.seldom() {
		body["foo"] = 1
	}
	if g.seldom() {
		delete(body, "name")
	}
	return body
}

func (g generator) changeProvider(v, one string) step {
	body := object{"name": g.name()}
	if g.IntN(2) == 0 {
		body["parent_provider_uuid"] = pick[any](g, g.provider(), g.provider(), nil)
	}
	return step{method: "PUT", path: one, version: v}.with(g.shorten(body))
}

func (g generator) inventoryStep(v, p, one string) step {
	class := g.class()
	switch g.IntN(5) {
	case 0:
		body := g.inventory()
		body["resource_class"] = class
		return step{method: "POST", path: one + "/inventories", version: v}.with(body)
	case 1:
		body := g.inventory()
		body["resource_provider_generation"] = g.generation("gen", p)
		return step{method: "PUT", path: one + "/inventories/" + class, version: v}.with(body)
	case 2:
		return step{method: "DELETE", path: one + "/inventories" + pick(g, "", "/"+class, "/"+class), version: v}
	}
	return step{method: "PUT", path: one + "/inventories", version: v}.with(g.shorten(object{
		"resource_provider_generation": g.generation("gen", p), "inventories": g.inventories(),
	}))
}

func (g generator) traitStep(v, p, one string) step {
	if g.IntN(4) == 0 {
		return step{method: "DELETE", path: one + "/traits", version: v}
	}
	traits := []any{}
	for range g.IntN(3) {
		traits = append(traits, g.trait())
	}
	return step{method: "PUT", path: one + "/traits", version: v}.with(g.shorten(object{
		"resource_provider_generation": g.generation("gen", p), "traits": traits,
	}))
}

func (g generator) aggregateStep(v, p, one string) step {
	aggregates := []any{}
	for range g.IntN(3) {
		aggregates = append(aggregates, g.aggregate())
	}
	s := step{method: "PUT", path: one + "/aggregates", version: v}
	if minor(v) < 19 {
		return s.with(aggregates)
	}
	return s.with(g.shorten(object{"resource_provider_generation": g.generation("gen", p), "aggregates": aggregates}))
}

func (g generator) vocabularyStep(v string) step {
	switch g.IntN(6) {
	case 0:
		return step{method: "POST", path: "/resource_classes", version: v}.with(g.shorten(object{"name": pick(g, "CUSTOM_{ns}_A", "CUSTOM_{ns}_B", "bad")}))
	case 1:
		return step{method: "PUT", path: "/resource_classes/" + pick(g, "CUSTOM_{ns}_A", "CUSTOM_{ns}_B", "VCPU", "bad"), version: v}.with(object{"name": "CUSTOM_{ns}_C"})
	case 2:
		return step{method: pick(g, "GET", "DELETE"), path: "/resource_classes/" + g.class(), version: v}
	case 3:
		return step{method: "PUT", path: "/traits/" + pick(g, "CUSTOM_{ns}_T", "CUSTOM_{ns}_U", "bad"), version: v}
	case 4:
		return step{method: pick(g, "GET", "DELETE"), path: "/traits/" + g.trait(), version: v}
	}
	return step{method: "GET", path: "/traits?name=" + pick(g, "startswith:CUSTOM_{ns}", "in:CUSTOM_{ns}_T,HW_CPU_X86_VMX", "startswith:CUSTOM_{ns}&associated=true", "x"), version: v}
}

func (g generator) claimStep(v string) step {
	c := g.consumer()
	n := minor(v)
	if n >= 13 && g.IntN(2) == 0 {
		body := object{}
		for range 1 + g.IntN(2) {
			c = g.consumer()
			body[c] = g.claim(n, c)
		}
		return step{method: "POST", path: "/allocations", version: v}.with(body)
	}
	s := step{method: "PUT", path: "/allocations/" + c, version: v}
	switch {
	case n >= 12:
		return s.with(g.claim(n, c))
	case n >= 8:
		return s.with(g.shorten(object{"allocations": g.list(), "project_id": "project-{ns}", "user_id": "u1"}))
	}
	return s.with(object{"allocations": g.list()})
}

func (g generator) reshapeStep(v string) step {
	if minor(v) < 30 && g.often() {
		v = fmt.Sprintf("1.%d", 30+g.IntN(10))
	}
	inventories, allocations := object{}, object{}
	for range 1 + g.IntN(2) {
		p := g.provider()
		inventories[p] = g.shorten(object{"resource_provider_generation": g.generation("gen", p), "inventories": g.inventories()})
	}
	for range g.IntN(3) {
		c := g.consumer()
		allocations[c] = g.claim(minor(v), c)
	}
	return step{method: "POST", path: "/reshaper", version: v}.with(object{"inventories": inventories, "allocations": allocations})
}

// filter is a query that only a history's own providers can meet.
func (g generator) filter() string {
	q := pick(g, "name="+fmt.Sprintf("n-{ns}-%d", g.IntN(5)), "uuid="+g.provider(), "in_tree="+g.provider(), "member_of="+g.aggregate(), "member_of=in:"+g.aggregate()+","+g.aggregate())
	for range g.IntN(3) {
		q += pick(g, "&resources="+g.class()+":"+pick(g, "1", "2", "0", "x"), "&required="+g.trait(), "&required=!"+g.trait(),
			"&required=in:"+g.trait()+","+g.trait(), "&member_of=!"+g.aggregate(), "&member_of=!in:"+g.aggregate(), "&foo=1", "&limit=1")
	}
	return q
}
