package schema

import "encoding/json"

// A shape is a schema under construction.
type shape = map[string]any

func num(text string) json.Number { return json.Number(text) }

func list(names ...string) []any {
	all := make([]any, len(names))
	for i, n := range names {
		all[i] = n
	}
	return all
}

// object is closed: it has these members and no others.
func object(properties shape, required ...string) shape {
	s := shape{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		s["required"] = list(required...)
	}
	return s
}

// mapping has members whose names match a pattern.
func mapping(pattern string, of shape, least string) shape {
	s := shape{"type": "object", "additionalProperties": false, "patternProperties": shape{pattern: of}}
	if least != "" {
		s["minProperties"] = num(least)
	}
	return s
}

// with copies a shape and adds members.
func with(s, more shape) shape {
	all := shape{}
	for k, v := range s {
		all[k] = v
	}
	for k, v := range more {
		all[k] = v
	}
	return all
}

const (
	uuidKey  = "^[0-9a-fA-F-]{36}$"
	classKey = "^[A-Z0-9_]+$"
)

func anyUUID() shape { return shape{"type": "string", "format": "uuid"} }

func anyText() shape { return shape{"type": "string"} }

func integer() shape { return shape{"type": "integer"} }

func owner() shape {
	return shape{"type": "string", "minLength": num("1"), "maxLength": num("255")}
}

func amount(least string) shape {
	return shape{"type": "integer", "minimum": num(least), "maximum": num("2147483647")}
}
