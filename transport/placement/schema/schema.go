package schema

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Schema is a compiled schema. It is immutable and safe for concurrent use.
type Schema struct {
	doc      map[string]any
	compiled *jsonschema.Schema
	quick    *acceptor
	// strangersFirst: unknown members are told before missing ones, below the
	// pointer within.
	strangersFirst bool
	within         string
}

// document is the URL of every schema: each has a compiler of its own.
const document = "mem:///request"

// compile panics on a bad schema, like regexp.MustCompile: they are all
// variables of this package.
func compile(doc map[string]any, strangersFirst bool) *Schema {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseRegexpEngine(compilePattern)
	c.RegisterFormat(&jsonschema.Format{Name: "uuid", Validate: func(v any) error {
		if s, ok := v.(string); ok {
			if _, ok := UUID(s); !ok {
				return errors.New("not a UUID")
			}
		}
		return nil
	}})
	if err := c.AddResource(document, doc); err != nil {
		panic(err)
	}
	return &Schema{doc: doc, compiled: c.MustCompile(document), quick: newAcceptor(doc), strangersFirst: strangersFirst}
}

// below limits strangersFirst to a part of the schema.
func (s *Schema) below(pointer string) *Schema { s.within = pointer; return s }

// Check compares a value, as encoding/json gives it with UseNumber, with the
// schema. It returns what is wrong, or "".
func (s *Schema) Check(v any) string {
	err := s.compiled.Validate(v)
	var found *jsonschema.ValidationError
	if !errors.As(err, &found) {
		if err != nil {
			return err.Error()
		}
		return ""
	}
	problems := flatten(found, nil)
	if len(problems) == 0 {
		return found.Error()
	}
	best := slices.MinFunc(problems, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(
			cmp.Compare(len(a.InstanceLocation), len(b.InstanceLocation)),
			cmp.Compare(alternatives(a), alternatives(b)),
			cmp.Compare(wrongType(a), wrongType(b)),
			slices.CompareFunc(a.InstanceLocation, b.InstanceLocation, compareMembers),
			cmp.Compare(s.rank(a), s.rank(b)),
			cmp.Compare(a.SchemaURL, b.SchemaURL),
		)
	})
	if _, ok := best.ErrorKind.(*kind.AnyOf); ok {
		if inner := plainest(best); inner != nil {
			return text(inner, at(v, inner.InstanceLocation), s.at(inner), "[0]", "")
		}
	}
	return text(best, at(v, best.InstanceLocation), s.at(best), path(pointer(best)), path(best.InstanceLocation))
}

// wrongType is 0 for a value of the wrong type, which is told before what is
// wrong with others as deep, and 1 for those.
func wrongType(e *jsonschema.ValidationError) int {
	if _, ok := e.ErrorKind.(*kind.Type); ok {
		return 0
	}
	return 1
}

// alternatives is 1 for a value that none of several schemas fits, which is
// told after all else that is as deep.
func alternatives(e *jsonschema.ValidationError) int {
	if _, ok := e.ErrorKind.(*kind.AnyOf); ok {
		return 1
	}
	return 0
}

// memberOrder is the order in which clients know members to be looked at.
var memberOrder = []string{
	"resource_provider_generation", "inventories", "allocations", "total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio",
	"project_id", "user_id", "consumer_generation", "mappings", "consumer_type",
}

func compareMembers(a, b string) int {
	place := func(name string) int {
		if i := slices.Index(memberOrder, name); i >= 0 {
			return i
		}
		return len(memberOrder)
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
}

// plainest is the one alternative whose type is right, if there is just one.
func plainest(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	var one *jsonschema.ValidationError
	for _, c := range flatten(&jsonschema.ValidationError{ErrorKind: &kind.Group{}, Causes: e.Causes}, nil) {
		if _, ok := c.ErrorKind.(*kind.Type); ok {
			continue
		}
		if one != nil {
			return nil
		}
		one = c
	}
	return one
}

func flatten(e *jsonschema.ValidationError, into []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	switch e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf:
		for _, c := range e.Causes {
			into = flatten(c, into)
		}
		return into
	}
	return append(into, e)
}

// rank orders the problems of one value as clients know them.
func (s *Schema) rank(e *jsonschema.ValidationError) int {
	switch e.ErrorKind.(type) {
	case *kind.Type:
		return 0
	case *kind.AdditionalProperties:
		if s.strangersFirst && strings.HasPrefix(e.SchemaURL, document+"#"+s.within) && !s.ofProvider(e) {
			return 1
		}
		return 3
	case *kind.Required:
		return 2
	case *kind.MinLength: // a pattern says more
		return 5
	}
	return 4
}

// ofProvider reports whether a value is what is asked of one provider: there,
// missing members are told first everywhere.
func (s *Schema) ofProvider(e *jsonschema.ValidationError) bool {
	of, _ := s.at(e).(map[string]any)
	properties, _ := of["properties"].(map[string]any)
	_, ok := properties["resources"]
	return ok
}

// pointer is where the violated schema lies in the document.
func pointer(e *jsonschema.ValidationError) []string {
	_, fragment, _ := strings.Cut(e.SchemaURL, "#")
	fragment, err := url.PathUnescape(fragment)
	if err != nil || fragment == "" {
		return nil
	}
	parts := strings.Split(strings.TrimPrefix(fragment, "/"), "/")
	for i, p := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(p)
	}
	return parts
}

func (s *Schema) at(e *jsonschema.ValidationError) any { return at(s.doc, pointer(e)) }

func at(v any, location []string) any {
	for _, step := range location {
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

func path(steps []string) string {
	var b strings.Builder
	for _, step := range steps {
		if _, err := strconv.Atoi(step); err == nil {
			fmt.Fprintf(&b, "[%s]", step)
		} else {
			fmt.Fprintf(&b, "[%s]", Quoted(step))
		}
	}
	return b.String()
}

// text is the whole refusal.
func text(e *jsonschema.ValidationError, value, of any, schemaPath, valuePath string) string {
	message, keyword := message(e.ErrorKind, value, of)
	return fmt.Sprintf("%s\n\nFailed validating '%s' in schema%s:\n    %s\n\nOn instance%s:\n    %s",
		message, keyword, schemaPath, literal(of), valuePath, literal(value))
}
