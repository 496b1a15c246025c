package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// populate makes a world in which there are candidates: trees of NUMA nodes
// and devices, providers that share, inventories in part used. Its requests
// are well formed, and few.
func (g generator) populate() []step {
	var steps []step
	for _, class := range []string{ownClass, ownClass2} {
		steps = append(steps, step{method: "PUT", path: "/resource_classes/" + class, version: "1.39"})
	}
	for _, trait := range []string{ownTrait, ownTrait2} {
		steps = append(steps, step{method: "PUT", path: "/traits/" + trait, version: "1.39"})
	}
	inventories, allocations := object{}, object{}
	roots := 1 + g.IntN(3)
	var stocked []string
	stocks := map[string]object{}
	for i := range g.world.providers {
		p := provider(i)
		body := object{"name": fmt.Sprintf("n-{ns}-%d", i), "uuid": p}
		shares := i < roots && i > 0 && g.oneIn(2)
		if i >= roots {
			above := g.IntN(i)
			if g.oneIn(2) {
				above = g.IntN(roots)
			}
			body["parent_provider_uuid"] = provider(above)
			shares = g.oneIn(12)
		}
		steps = append(steps, step{method: "POST", path: "/resource_providers", version: "1.39"}.with(body))
		generation := 0
		var traits []string
		if g.oneIn(2) {
			traits = some(g, 1+g.IntN(2), ownTrait, ownTrait2, "HW_CPU_X86_VMX")
		}
		if shares {
			traits = append(traits, sharing)
		}
		if traits != nil {
			steps = append(steps, step{method: "PUT", path: "/resource_providers/" + p + "/traits", version: "1.39"}.with(
				object{"resource_provider_generation": generation, "traits": traits}))
			generation++
		}
		if shares || g.oneIn(3) {
			aggregates := some(g, 1+g.IntN(2), identifier("e", 0), identifier("e", 1), identifier("e", 2))
			steps = append(steps, step{method: "PUT", path: "/resource_providers/" + p + "/aggregates", version: "1.39"}.with(
				object{"resource_provider_generation": generation, "aggregates": aggregates}))
			generation++
		}
		if g.oneIn(8) {
			continue
		}
		stock := object{}
		for _, class := range some(g, 1+g.IntN(3), ownClass, ownClass2, "VCPU", "DISK_GB") {
			stock[class] = g.stock()
		}
		inventories[p] = object{"resource_provider_generation": generation, "inventories": stock}
		stocked, stocks[p] = append(stocked, p), stock
	}
	for c := range g.IntN(3) {
		if len(stocked) == 0 {
			break
		}
		p := stocked[g.IntN(len(stocked))]
		used := object{}
		for class := range stocks[p] {
			used[class] = 1
		}
		allocations[identifier("c", c)] = object{
			"allocations": object{p: object{"resources": used}}, "project_id": "project-{ns}", "user_id": "u1",
			"consumer_generation": nil, "consumer_type": "INSTANCE",
		}
	}
	if len(inventories) == 0 {
		return steps
	}
	return append(steps, step{method: "POST", path: "/reshaper", version: "1.39"}.with(object{"inventories": inventories, "allocations": allocations}))
}

func (g generator) stock() object {
	inv := object{"total": pick(g, 1, 2, 4, 4, 8)}
	if g.oneIn(8) {
		inv["reserved"] = 1
	}
	if g.oneIn(8) {
		inv["max_unit"] = pick(g, 1, 2)
	}
	if g.oneIn(10) {
		inv["step_size"] = 2
	}
	if g.oneIn(10) {
		inv["min_unit"] = 2
	}
	if g.oneIn(10) {
		inv["allocation_ratio"] = pick(g, 2.0, 1.5)
	}
	return inv
}

// candidates is a query for them, mostly one of that minor version. One group
// at least asks for a class of the history's own, so that others have no part
// in the answer.
func (g generator) candidates(version int) string {
	for {
		if q := g.candidateQuery(version); ownResources.MatchString(q) || g.oneIn(4) && !strings.Contains(q, "resources") {
			return q
		}
	}
}

var ownResources = regexp.MustCompile(`resources[^=&]*=[^&]*CUSTOM_\{ns\}_`)

func (g generator) candidateQuery(version int) string {
	suffixes := g.suffixes(version)
	var all []string
	add := func(name, value string) { all = append(all, name+"="+g.escape(value)) }
	for i, suffix := range suffixes {
		bare := version >= 36 && i > 0 && g.oneIn(6)
		if !bare {
			add("resources"+suffix, g.ask(i == 0))
		}
		if version >= 17 && (g.oneIn(4) || bare && g.often()) {
			for range 1 + g.IntN(2) {
				add("required"+suffix, g.wish(version))
				if version < 39 {
					break
				}
			}
		}
		if version >= 21 && g.oneIn(7) {
			for range 1 + g.IntN(2) {
				add("member_of"+suffix, g.kin(version))
				if version < 24 {
					break
				}
			}
		}
		if version >= 31 && g.oneIn(10) {
			add("in_tree"+suffix, g.written(g.provider()))
		}
	}
	if version >= 25 && (len(suffixes) > 2 && g.IntN(20) > 0 || g.oneIn(8)) {
		add("group_policy", pick(g, "none", "none", "isolate"))
	}
	if version >= 16 && g.oneIn(5) {
		add("limit", fmt.Sprint(pick(g, 1, 1, 2, 3, 5, 1000)))
	}
	if version >= 35 && g.oneIn(7) {
		add("root_required", pick(g, ownTrait, ownTrait2, "!"+ownTrait, "!"+ownTrait2, ownTrait+",!"+ownTrait2, g.traits()))
	}
	if version >= 36 && g.oneIn(4) {
		for range 1 + g.IntN(2) {
			sets := some(g, 1+g.IntN(3), slices.Clone(suffixes)...)
			add("same_subtree", strings.Trim(strings.Join(sets, ","), ","))
		}
	}
	if g.oneIn(3) {
		g.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	if g.oneIn(8) {
		g.spoilCandidates(&all)
	}
	return g.spoilQuery(all)
}

// suffixes are those of the groups of a query.
func (g generator) suffixes(version int) []string {
	var all []string
	if g.IntN(10) < 7 {
		all = append(all, "")
	}
	if version >= 25 {
		names := []string{"1", "2", "3"}
		if version >= 33 && g.oneIn(2) {
			names = []string{"_A", "-b", "1", "x_1-Y"}
		}
		all = append(all, some(g, pick(g, 0, 1, 1, 2, 2, 3), names...)...)
	}
	if all == nil {
		all = []string{""}
	}
	return all
}

func (g generator) ask(own bool) string {
	if g.seldom() {
		return g.amounts()
	}
	classes := []string{ownClass, ownClass, ownClass2, "VCPU", "DISK_GB"}
	if own {
		classes = classes[:3]
	}
	all := []string{fmt.Sprintf("%s:%d", pick(g, classes...), pick(g, 1, 1, 1, 2, 3))}
	if g.oneIn(3) {
		all = append(all, fmt.Sprintf("%s:%d", pick(g, ownClass2, "VCPU", "DISK_GB"), pick(g, 1, 1, 2)))
	}
	return strings.Join(all, ",")
}

func (g generator) wish(version int) string {
	if g.seldom() {
		return g.traits()
	}
	forms := []string{ownTrait, ownTrait2, ownTrait, "HW_CPU_X86_VMX", ownTrait + "," + ownTrait2}
	if version >= 22 {
		forms = append(forms, "!"+ownTrait, "!"+ownTrait2, ownTrait+",!"+ownTrait2)
	}
	if version >= 39 {
		forms = append(forms, "in:"+ownTrait+","+ownTrait2, "in:"+ownTrait2+",HW_CPU_X86_VMX")
	}
	return pick(g, forms...)
}

func (g generator) kin(version int) string {
	if g.seldom() {
		return g.members()
	}
	forms := []string{g.aggregate(), "in:" + g.aggregate() + "," + g.aggregate()}
	if version >= 32 {
		forms = append(forms, "!"+g.aggregate(), "!in:"+g.aggregate()+","+g.aggregate())
	}
	return pick(g, forms...)
}

// spoilCandidates breaks one of the rules of a query for candidates.
func (g generator) spoilCandidates(all *[]string) {
	p := *all
	i := g.IntN(len(p))
	name, value, _ := strings.Cut(p[i], "=")
	switch g.IntN(9) {
	case 0:
		p = slices.Delete(p, i, i+1)
	case 1:
		p[i] = name + "=" + g.escape(pick(g, "", " ", "x", "0", "-1", "1.5", "!", ",", "in:", "%", "null", ":"))
	case 2:
		p[i] = name + pick(g, "0", "01", "_", "-", "é", "!", text('x', 64), text('x', 65), "%20", ".", "9") + "=" + value
	case 3:
		p = append(p, "limit="+pick(g, "0", "-1", "x", "", "1", "01", "+1", "1.0", "99999999999999999999", "%201", "1%20", "1&limit=2", "x&limit=1", "1&limit=x"))
	case 4:
		p = append(p, "group_policy="+pick(g, "x", "", "none", "isolate", "NONE", "none&group_policy=isolate", "x&group_policy=none", "isolate&group_policy=x"))
	case 5:
		p = append(p, "same_subtree="+g.escape(pick(g, "", ",", "1,", "1,9", "9", "_A,1", " 1 , 2 ", "1,1", "1", "1,2", "é")))
	case 6:
		p = append(p, "root_required="+g.escape(pick(g, "", ",", "!", ownTrait, ownTrait+",!"+ownTrait, "in:"+ownTrait, "NOPE", "!NOPE", " "+ownTrait+" , "+ownTrait2)))
	case 7:
		p = append(p, p[i])
	case 8:
		p = append(p, pick(g, "in_tree=", "required=", "member_of=", "resources=", "in_tree1=", "required1=", "member_of1=", "resources1=")+g.escape(pick(g, g.wish(39), g.kin(39), g.ask(false), g.provider())))
	}
	*all = p
}
