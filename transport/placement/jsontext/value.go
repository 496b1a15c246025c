package jsontext

import (
	"iter"
	"slices"
)

// Object is a JSON object whose members keep the order of their first mention.
type Object struct {
	names  []string
	values map[string]any
}

// NewObject returns an empty object.
func NewObject() *Object { return &Object{values: map[string]any{}} }

// Set adds a member or replaces its value.
func (o *Object) Set(name string, value any) *Object {
	if _, ok := o.values[name]; !ok {
		o.names = append(o.names, name)
	}
	o.values[name] = value
	return o
}

// Get returns a member's value, nil where there is none.
func (o *Object) Get(name string) any { return o.values[name] }

// Has reports whether there is such a member.
func (o *Object) Has(name string) bool { _, ok := o.values[name]; return ok }

// All yields the members in order.
func (o *Object) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, name := range o.names {
			if !yield(name, o.values[name]) {
				return
			}
		}
	}
}

// Names are the members' names in order.
func (o *Object) Names() []string { return slices.Clone(o.names) }

// Len counts the members.
func (o *Object) Len() int { return len(o.names) }

// Object returns a member that is an object, else an empty one.
func (o *Object) Object(name string) *Object {
	if v, ok := o.values[name].(*Object); ok {
		return v
	}
	return NewObject()
}

// String returns a member that is a string, else "".
func (o *Object) String(name string) string { s, _ := o.values[name].(string); return s }

// Array returns a member that is an array, else nil.
func (o *Object) Array(name string) []any { a, _ := o.values[name].([]any); return a }

// Plain converts a value of this package to what encoding/json would give with
// UseNumber: maps instead of objects.
func Plain(v any) any {
	switch v := v.(type) {
	case *Object:
		m := make(map[string]any, len(v.names))
		for name, member := range v.values {
			m[name] = Plain(member)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = Plain(v[i])
		}
		return list
	}
	return v
}
