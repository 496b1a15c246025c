package main

import (
	"fmt"
	"strings"
)

// members is a value of member_of.
func (g generator) members() string {
	one := func() string { return g.written(g.aggregate()) }
	several := func() string {
		all := []string{one()}
		for range g.IntN(3) {
			all = append(all, one())
		}
		return strings.Join(all, ",")
	}
	if g.seldom() {
		return pick(g, "", "in:", "!", "!in:", several(), "in:"+several()+",", "!!"+one(), "in:!"+one(), "not:"+one(), "IN:"+one(), "in: "+one(), " "+one(), "!in"+one())
	}
	return pick(g, one(), one(), "in:"+several(), "!"+one(), "!in:"+several())
}

// traits is a value of required.
func (g generator) traits() string {
	var all []string
	for range 1 + g.IntN(2) {
		all = append(all, pick(g, "", "", "!")+g.trait())
	}
	list := strings.Join(all, ",")
	switch g.IntN(16) {
	case 0:
		return pick(g, "", ",", list+",", "!", "!!"+list, " "+list+" ", "in:", "in:,", "in:"+list+",", "!in:"+list, "in:!"+list, list+",in:"+list)
	case 1, 2, 3:
		return "in:" + strings.ReplaceAll(list, "!", "") + "," + g.trait()
	case 4:
		return strings.ReplaceAll(list, ",", " , ")
	}
	return list
}

// amounts is a value of resources.
func (g generator) amounts() string {
	var all []string
	for range 1 + g.IntN(2) {
		all = append(all, fmt.Sprintf("%s:%d", g.class(), 1+g.IntN(4)))
	}
	list := strings.Join(all, ",")
	if g.oneIn(8) {
		c := g.class()
		return pick(g, "", ",", list+",", c, c+":", c+":0", c+":-1", c+":x", c+":1.5", c+":1:2", c+": 1", c+":1 ", " "+c+":1", c+" :1",
			c+":+1", c+":01", c+":1_0", c+":0x1", c+":2147483648", c+":99999999999999999999", c+":٣", c+":1,"+c+":2", ":1", "VCPU=1", c+";1")
	}
	return list
}

func (g generator) providerQuery() string {
	var all []string
	add := func(name, value string) { all = append(all, name+"="+g.escape(value)) }
	// Something that only a history's own providers can meet.
	for range 1 + g.IntN(3) {
		switch g.IntN(8) {
		case 0:
			add("name", g.name())
		case 1:
			add("uuid", g.written(g.provider()))
		case 2:
			add("in_tree", g.written(g.provider()))
		case 3, 4:
			add("member_of", g.members())
		case 5, 6:
			add("required", g.traits())
		case 7:
			add("resources", g.amounts())
		}
	}
	return "?" + g.spoilQuery(all)
}

func (g generator) traitQuery() string {
	var all []string
	add := func(name, value string) { all = append(all, name+"="+g.escape(value)) }
	for range g.IntN(3) {
		switch g.IntN(3) {
		case 0:
			add("name", pick(g, "startswith:CUSTOM_{ns}", "startswith:HW_CPU_X86_V", "startswith:", "startswith:"+g.trait()))
		case 1:
			add("name", pick(g, "in:"+g.trait()+","+g.trait(), "in:", "in:,", "in:"+g.trait(), "x", "", "in:"+g.trait()+", "+g.trait(), "STARTSWITH:A"))
		case 2:
			add("associated", pick(g, "true", "false", "True", "FALSE", "yes", "1", "0", "", "t"))
		}
	}
	return "?" + g.spoilQuery(all)
}

func (g generator) usageQuery() string {
	all := []string{"project_id=project-{ns}"}
	add := func(name, value string) { all = append(all, name+"="+g.escape(value)) }
	if g.oneIn(3) {
		add("user_id", pick(g, "u1", "u2", "u3", "", text('u', 255), text('u', 256), "é"))
	}
	if g.oneIn(2) {
		add("consumer_type", pick(g, "all", "unknown", "INSTANCE", "MIGRATION", "X_{ns}", "X", "", "instance", "ALL", "all2", text('A', 255), text('A', 256)))
	}
	if g.seldom() {
		all[0] = "project_id=" + g.escape(pick(g, "", "é{ns}", text('p', 255), text('p', 256)))
	}
	return "?" + g.spoilQuery(all)
}

// escape writes a value so that it can be in a query; some clients escape what
// need not be.
func (g generator) escape(value string) string {
	all := g.oneIn(12)
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '{' || c == '}': // places to fill in
			b.WriteByte(c)
		case c == ' ' && !all:
			b.WriteByte('+')
		case all && strings.IndexByte(":,!", c) >= 0, c <= ' ', c >= 0x7f, strings.IndexByte("&;+%#=\"<>\\^`|", c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// spoilQuery joins the pairs of a query, mostly as one should.
func (g generator) spoilQuery(all []string) string {
	between := "&"
	if g.oneIn(12) && len(all) > 0 {
		i := g.IntN(len(all))
		name, value, _ := strings.Cut(all[i], "=")
		switch g.IntN(9) {
		case 0:
			all = append(all, all[i])
		case 1:
			all = append(all, name+"=")
		case 2:
			all[i] = name
		case 3:
			all[i] = pick(g, "%ff", "%c3%28", "%E2%82", "%ed%a0%80", "%00") + all[i]
		case 4:
			all[i] += pick(g, "%ff", "%c3%28", "%E2%82", "%ed%a0%80", "%", "%zz", "%4", "%00", "%0a", "%C3%A9")
		case 5:
			all = append(all, pick(g, "foo=1", "limit=1", "=1", "=", "é=1", "Required=X", "resources%20=VCPU:1", "%C3%A9=1"))
		case 6:
			all[i] = strings.ToUpper(name) + "=" + value
		case 7:
			between = pick(g, "&&", ";", "&;&")
		case 8:
			all = append([]string{"", ""}, append(all, "")...)
		}
	}
	return strings.Join(all, between)
}
