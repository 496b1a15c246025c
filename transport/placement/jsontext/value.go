package jsontext

import "iter"

// Object is a JSON object whose members keep the order of their first mention.
type Object struct {
	members []member
	// at finds members by name where there are too many to look through.
	at map[string]int
}

type member struct {
	name  string
	value any
}

// lookedThrough is how many members are found without an index.
const lookedThrough = 8

// NewObject returns an empty object.
func NewObject() *Object { return &Object{} }

// find returns where a member is, or -1.
func (o *Object) find(name string) int {
	if o.at != nil {
		if i, ok := o.at[name]; ok {
			return i
		}
		return -1
	}
	for i := range o.members {
		if o.members[i].name == name {
			return i
		}
	}
	return -1
}

// Set adds a member or replaces its value.
func (o *Object) Set(name string, value any) *Object {
	if i := o.find(name); i >= 0 {
		o.members[i].value = value
		return o
	}
	o.members = append(o.members, member{name, value})
	switch n := len(o.members); {
	case o.at != nil:
		o.at[name] = n - 1
	case n > lookedThrough:
		o.at = make(map[string]int, 2*n)
		for i := range o.members {
			o.at[o.members[i].name] = i
		}
	}
	return o
}

// Get returns a member's value, nil where there is none.
func (o *Object) Get(name string) any {
	if i := o.find(name); i >= 0 {
		return o.members[i].value
	}
	return nil
}

// Has reports whether there is such a member.
func (o *Object) Has(name string) bool { return o.find(name) >= 0 }

// All yields the members in order.
func (o *Object) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, m := range o.members {
			if !yield(m.name, m.value) {
				return
			}
		}
	}
}

// Names are the members' names in order.
func (o *Object) Names() []string {
	names := make([]string, len(o.members))
	for i := range o.members {
		names[i] = o.members[i].name
	}
	return names
}

// Len counts the members.
func (o *Object) Len() int { return len(o.members) }

// Object returns a member that is an object, else an empty one.
func (o *Object) Object(name string) *Object {
	if v, ok := o.Get(name).(*Object); ok {
		return v
	}
	return NewObject()
}

// String returns a member that is a string, else "".
func (o *Object) String(name string) string { s, _ := o.Get(name).(string); return s }

// Array returns a member that is an array, else nil.
func (o *Object) Array(name string) []any { a, _ := o.Get(name).([]any); return a }

// Plain converts a value of this package to what encoding/json would give with
// UseNumber: maps instead of objects.
func Plain(v any) any {
	switch v := v.(type) {
	case *Object:
		m := make(map[string]any, len(v.members))
		for _, one := range v.members {
			m[one.name] = Plain(one.value)
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
