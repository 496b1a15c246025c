package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// disturb breaks a request now and then: its body's values, its body's text,
// or its headers.
func (g generator) disturb(s step) step {
	switch {
	case g.oneIn(25):
		s = g.header(s)
	case s.body != "" && g.oneIn(7):
		s.body = g.spoilValues(s.body)
	case s.body != "" && g.oneIn(25):
		s.body = g.spoilText(s.body)
	case s.body == "" && g.oneIn(60):
		s.body = pick(g, "{}", "x", "[]", `{"name": "CUSTOM_{ns}_A"}`)
	}
	return s
}

func (g generator) header(s step) step {
	s.headers = map[string]string{}
	set := func(name string, values ...string) { s.headers[name] = pick(g, values...) }
	switch g.IntN(6) {
	case 0, 1:
		set("Accept", "text/html", "text/plain", "x", "*/*", "application/json", "application/*", "text/*", "application/json;q=0.5, text/html",
			"application/json;q=0", "application/json; charset=utf-8", "text/html, application/json;q=0.1", ",", "application/xml", "*/*;q=0.1, text/plain")
	case 2:
		set("Content-Type", "", "text/plain", "x", "application/json; charset=utf-8", "APPLICATION/JSON", "application/json;", " application/json ", "application/x-www-form-urlencoded")
	case 3:
		set("X-Auth-Token", "", "admin", "user", "user:project-{ns}", "admin:project-{ns}", "admin:", ":", "a:b:c")
	case 4, 5:
		set("OpenStack-API-Version", "placement 1.39", "placement latest", "placement LATEST", "Placement 1.30", "placement 1.40", "placement 2.0", "placement 0.5",
			"placement 1", "placement 1.2.3", "placement 1.x", "placement", "1.10", "", "compute 2.1", "compute 2.1, placement 1.10", "placement 1.10, compute 2.1",
			"placement 1.9, placement 1.20", "placement  1.10", "placement 1.010", "placement -1.1", "placement 1.-1", ", placement 1.10", "placement1.10", "placement 1.10,", "placement 1. 1", "placement 1.10 x", "placement 00.1", "placement +1.1", "placement 1.١")
	}
	return s
}

// values are what may stand in place of another. Texts have the history's
// digits, so that what gets stored is its own.
func (g generator) value() any {
	deep := any(1)
	for range 30 {
		deep = []any{deep}
	}
	return pick[any](g, nil, true, false, 0, 1, -1, 2.0, 1.5, 2147483647, 2147483648, json.Number("9223372036854775807"), json.Number("9223372036854775808"),
		json.Number("-9223372036854775809"), json.Number("1e2"), json.Number("1E400"), json.Number("-0"), json.Number("1.0e0"), json.Number("100000000000000000000000"),
		"", "x{ns}", "{ns}é\U0001F600", "{ns}'\"\\", "{ns}\u0000\u007f\n", "{ns}"+text('x', 192), "{ns}"+text('x', 193), "{ns}"+text('x', 247), "{ns}"+text('x', 248),
		[]any{}, []any{nil}, []any{"x{ns}", "x{ns}"}, object{}, object{"x": 1}, object{"": nil}, deep, g.provider(), g.class(), g.trait(), "{ns}-0000-4000-8000-00000000zzzz")
}

// spoilValues changes a value somewhere in a body, or several.
func (g generator) spoilValues(body string) string {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return body
	}
	for range pick(g, 1, 1, 1, 1, 2, 3) {
		v = g.spoil(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return string(text)
}

func (g generator) spoil(v any) any {
	switch in := v.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(in))
		if len(names) == 0 || g.oneIn(8) {
			in[pick(g, "foo", "", "é", "x-{ns}", "total", "name", "uuid", g.provider(), g.class())] = g.value()
			return in
		}
		name := names[g.IntN(len(names))]
		switch {
		case g.oneIn(5):
			delete(in, name)
		case g.oneIn(10):
			in[upper(name)] = in[name]
			delete(in, name)
		case g.oneIn(12):
			return g.value()
		default:
			in[name] = g.spoil(in[name])
		}
		return in
	case []any:
		switch {
		case len(in) == 0 || g.oneIn(6):
			return append(in, g.value())
		case g.oneIn(6):
			return append(in, in[g.IntN(len(in))])
		case g.oneIn(12):
			return g.value()
		}
		i := g.IntN(len(in))
		in[i] = g.spoil(in[i])
		return in
	}
	return g.value()
}

// spoilText changes the text of a body.
func (g generator) spoilText(body string) string {
	at := g.IntN(len(body))
	switch g.IntN(12) {
	case 0, 1:
		return body[:at]
	case 2:
		return body + pick(g, "x", "}", " ", "\n", "{}", ",", "\x00")
	case 3:
		return pick(g, " ", "\n\t", "\ufeff", ",", "\xff", "\v") + body
	case 4:
		return strings.ReplaceAll(body, `"`, "'")
	case 5:
		return strings.Replace(body, "{", `{"foo":1,"foo":2,`, 1)
	case 6: // the last of two members counts
		return strings.Replace(body, `"name":`, `"name":"other-{ns}","name":`, 1)
	case 7:
		return strings.Replace(body, `"total":`, `"total":`+pick(g, "NaN,\"total\":", "Infinity,\"total\":", "01,\"total\":", "1.,\"total\":", "+1,\"total\":", "0x1,\"total\":", "-,\"total\":"), 1)
	case 8:
		return body[:at] + pick(g, "\xff", "\xc3\x28", `\u00e9`, `\ud800`, "\x01", "\n", "\t", "\\", "\"") + body[at:]
	case 9:
		return strings.Replace(body, `"`, `"`+pick(g, `\u0041`, `\ud83d\ude00`, `\ud800`, `\x`, `\u12`, `\/`), 1)
	case 10:
		return pick(g, "null", "1", `"x"`, "[]", "{}", "true", "", "{", "NaN", "[1]", fmt.Sprintf("%q", body))
	}
	return strings.Repeat("[", 400) + strings.Repeat("]", 400)
}
