package schema

import (
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/treenode/treenode/transport/placement/jsontext"
)

// acceptor knows of many values that they meet a schema, without the memory
// that the library takes to say so: with it, checking a claim of a hundred
// consumers cost more than executing it. What an acceptor does not accept may
// still be right; the library decides, and says what is wrong.
//
// A keyword that is not among the fields below makes an acceptor that accepts
// nothing.
type acceptor struct {
	types      []string
	closed     bool      // no other members than those described
	others     *acceptor // of other members
	properties map[string]*acceptor
	patterns   []patternAcceptor
	required   []string
	properly   int // minProperties
	items      *acceptor
	itemsMin   int
	unique     bool
	least, to  *float64 // minimum, maximum
	lengthMin  int
	lengthMax  int // -1 for any
	pattern    jsonschema.Regexp
	uuid       bool
	anyOf      []*acceptor
	unsure     bool
}

type patternAcceptor struct {
	name jsonschema.Regexp
	of   *acceptor
}

// uniqueMax is up to how many elements are compared with each other.
const uniqueMax = 64

func newAcceptor(doc map[string]any) *acceptor {
	a := &acceptor{lengthMax: -1}
	for keyword, value := range doc {
		if !a.take(keyword, value) {
			return &acceptor{unsure: true}
		}
	}
	return a
}

// take reads one keyword, and reports whether it is known in that form.
func (a *acceptor) take(keyword string, value any) (ok bool) {
	switch keyword {
	case "type":
		var name string
		if name, ok = value.(string); ok {
			a.types = []string{name}
			return true
		}
		a.types, ok = texts(value)
	case "additionalProperties":
		switch value := value.(type) {
		case bool:
			a.closed, ok = !value, true
		case map[string]any:
			a.others, ok = newAcceptor(value), true
		}
	case "properties":
		var of map[string]any
		if of, ok = value.(map[string]any); ok {
			a.properties = make(map[string]*acceptor, len(of))
			for name, v := range of {
				a.properties[name] = acceptorOf(v)
			}
		}
	case "patternProperties":
		var of map[string]any
		if of, ok = value.(map[string]any); ok {
			for name, v := range of {
				re, err := compilePattern(name)
				ok = ok && err == nil
				a.patterns = append(a.patterns, patternAcceptor{re, acceptorOf(v)})
			}
		}
	case "required":
		a.required, ok = texts(value)
	case "minProperties":
		a.properly, ok = count(value)
	case "items":
		a.items, ok = acceptorOf(value), true
	case "minItems":
		a.itemsMin, ok = count(value)
	case "uniqueItems":
		a.unique, ok = value.(bool)
	case "minimum":
		a.least, ok = bound(value)
	case "maximum":
		a.to, ok = bound(value)
	case "minLength":
		a.lengthMin, ok = count(value)
	case "maxLength":
		a.lengthMax, ok = count(value)
	case "pattern":
		var text string
		if text, ok = value.(string); ok {
			var err error
			a.pattern, err = compilePattern(text)
			ok = err == nil
		}
	case "format":
		a.uuid = true
		ok = value == "uuid"
	case "anyOf":
		var list []any
		if list, ok = value.([]any); ok {
			for _, v := range list {
				a.anyOf = append(a.anyOf, acceptorOf(v))
			}
		}
	}
	return ok
}

func acceptorOf(v any) *acceptor {
	if doc, ok := v.(map[string]any); ok {
		return newAcceptor(doc)
	}
	return &acceptor{unsure: true}
}

func texts(v any) ([]string, bool) {
	list, ok := v.([]any)
	all := make([]string, len(list))
	for i, e := range list {
		var isText bool
		all[i], isText = e.(string)
		ok = ok && isText
	}
	return all, ok
}

func count(v any) (int, bool) {
	n, ok := v.(json.Number)
	i, err := strconv.Atoi(n.String())
	return i, ok && err == nil
}

func bound(v any) (*float64, bool) {
	n, ok := v.(json.Number)
	f, err := n.Float64()
	return &f, ok && err == nil
}

// Accepts reports whether the value, as package jsontext gives it, certainly
// meets the schema.
func (s *Schema) Accepts(v any) bool { return s.quick.accepts(v) }

func (a *acceptor) accepts(v any) bool {
	if a.unsure {
		return false
	}
	if a.anyOf != nil && !slices.ContainsFunc(a.anyOf, func(of *acceptor) bool { return of.accepts(v) }) {
		return false
	}
	switch v := v.(type) {
	case *jsontext.Object:
		return a.is("object") && a.object(v)
	case []any:
		return a.is("array") && a.array(v)
	case string:
		return a.is("string") && a.text(v)
	case json.Number:
		return a.number(v)
	case nil:
		return a.is("null")
	}
	return false // a boolean: nothing here takes one
}

func (a *acceptor) is(name string) bool { return a.types == nil || slices.Contains(a.types, name) }

func (a *acceptor) object(o *jsontext.Object) bool {
	if o.Len() < a.properly {
		return false
	}
	for _, name := range a.required {
		if !o.Has(name) {
			return false
		}
	}
	for name, value := range o.All() {
		of, described := a.properties[name]
		if described && !of.accepts(value) {
			return false
		}
		for i := range a.patterns {
			if a.patterns[i].name.MatchString(name) {
				described = true
				if !a.patterns[i].of.accepts(value) {
					return false
				}
			}
		}
		if !described && (a.closed || a.others != nil && !a.others.accepts(value)) {
			return false
		}
	}
	return true
}

func (a *acceptor) array(list []any) bool {
	if len(list) < a.itemsMin || a.unique && len(list) > uniqueMax {
		return false
	}
	for i, v := range list {
		if a.items != nil && !a.items.accepts(v) {
			return false
		}
		if !a.unique {
			continue
		}
		if _, ok := v.(string); !ok || slices.Contains(list[:i], v) {
			return false
		}
	}
	return true
}

func (a *acceptor) text(s string) bool {
	n := len(s)
	if a.lengthMax >= 0 || a.lengthMin > 0 {
		n = utf8.RuneCountInString(s)
	}
	if n < a.lengthMin || a.lengthMax >= 0 && n > a.lengthMax || a.pattern != nil && !a.pattern.MatchString(s) {
		return false
	}
	if a.uuid {
		_, ok := UUID(s)
		return ok
	}
	return true
}

// number accepts an integer as long as it is written as one.
func (a *acceptor) number(n json.Number) bool {
	_, err := strconv.ParseInt(n.String(), 10, 64)
	if !a.is("number") && (err != nil || !a.is("integer")) {
		return false
	}
	f, err := n.Float64()
	return err == nil && (a.least == nil || f >= *a.least) && (a.to == nil || f <= *a.to)
}
