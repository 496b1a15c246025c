package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// message says in one sentence what a value gets wrong, and the keyword.
func message(k jsonschema.ErrorKind, value, of any) (string, string) {
	schema, _ := of.(map[string]any)
	v := literal(value)
	switch k := k.(type) {
	case *kind.Type:
		names, several := schema["type"].([]any) // in the schema's order
		if !several {
			names = []any{schema["type"]}
		}
		want := make([]string, len(names))
		for i, name := range names {
			want[i] = literal(name)
		}
		return v + " is not of type " + strings.Join(want, ", "), "type"
	case *kind.Required:
		return Quoted(k.Missing[0]) + " is a required property", "required"
	case *kind.AdditionalProperties:
		return strangers(k.Properties, schema), "additionalProperties"
	case *kind.Format:
		return v + " is not a " + Quoted(k.Want), "format"
	case *kind.Minimum:
		return v + " is less than the minimum of " + literal(schema["minimum"]), "minimum"
	case *kind.Maximum:
		return v + " is greater than the maximum of " + literal(schema["maximum"]), "maximum"
	case *kind.Pattern:
		return v + " does not match " + Quoted(k.Want), "pattern"
	case *kind.MinLength:
		return v + " is too short", "minLength"
	case *kind.MaxLength:
		return v + " is too long", "maxLength"
	case *kind.MinItems:
		return v + " is too short", "minItems"
	case *kind.UniqueItems:
		return v + " has non-unique elements", "uniqueItems"
	case *kind.MinProperties:
		return v + " does not have enough properties", "minProperties"
	case *kind.Enum:
		return v + " is not one of " + literal(schema["enum"]), "enum"
	case *kind.AnyOf:
		return v + " is not valid under any of the given schemas", "anyOf"
	}
	keyword := strings.Join(k.KeywordPath(), ".")
	return fmt.Sprintf("%s does not satisfy %s", v, keyword), keyword
}

func strangers(names []string, schema map[string]any) string {
	names = slices.Sorted(slices.Values(names))
	for i, name := range names {
		names[i] = Quoted(name)
	}
	list, verb, match := strings.Join(names, ", "), "was", "does"
	if len(names) > 1 {
		verb, match = "were", "do"
	}
	if patterns, ok := schema["patternProperties"].(map[string]any); ok {
		var regexes []string
		for _, p := range slices.Sorted(maps.Keys(patterns)) {
			regexes = append(regexes, Quoted(p))
		}
		return fmt.Sprintf("%s %s not match any of the regexes: %s", list, match, strings.Join(regexes, ", "))
	}
	return fmt.Sprintf("Additional properties are not allowed (%s %s unexpected)", list, verb)
}

// Literal writes texts as clients know a list of them: ['a', 'b'].
func Literal(texts []string) string { return literal(list(texts...)) }

// literal writes a value as clients know it: True, None, 'text'.
func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return Quoted(v)
	case json.Number:
		return number(v)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = literal(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, Quoted(name)+": "+literal(v[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// number writes an integer as it is, and what has a point or an exponent as the
// shortest text of its value that has one too.
func number(n json.Number) string {
	text := n.String()
	if !strings.ContainsAny(text, ".eE") {
		if strings.Trim(text, "-0") == "" {
			return "0"
		}
		return text
	}
	f, err := n.Float64()
	switch {
	case err != nil && f > 0:
		return "inf"
	case err != nil:
		return "-inf"
	case f != 0 && (math.Abs(f) < 1e-4 || math.Abs(f) >= 1e16):
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// Number writes a number as clients know it.
func Number(v any) string {
	n, ok := v.(json.Number)
	if !ok {
		return literal(v)
	}
	return number(n)
}

// Quoted puts a text between single quotes, or double ones where it has single
// ones only.
func Quoted(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	var b strings.Builder
	b.WriteString(quote)
	for _, r := range s {
		switch {
		case r == '\\' || string(r) == quote:
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteString(quote)
	return b.String()
}
