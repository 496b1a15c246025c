package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/treenode/treenode/transport/wire"
)

// decode reads a request's body into the struct that into points at. It takes
// less than encoding/json does, because what that lets pass hides a caller's
// mistake: a key given twice or in another case, an unknown field, null for a
// value, 3.0 for a whole number, text that is not UTF-8.
//
// A field without omitempty or omitzero in its tag must be there, so that a
// missing list is never taken for an empty one. Lists and maps that are there
// are never nil.
func decode(body []byte, into any) *wire.Error {
	if err := wellFormed(body); err != nil {
		return err
	}
	d := decoder{json.NewDecoder(bytes.NewReader(body))}
	d.tokens.UseNumber()
	return d.value(nil, reflect.ValueOf(into).Elem())
}

// place leads to a value. It is put in words only when there is an error.
type place struct {
	up    *place
	name  string // of a field or key
	index int    // in a list, where name is empty
}

func (p *place) String() string {
	if p == nil {
		return ""
	}
	if p.name == "" {
		return p.up.String() + "[" + strconv.Itoa(p.index) + "]"
	}
	if up := p.up.String(); up != "" {
		return up + "." + excerpt(p.name)
	}
	return excerpt(p.name)
}

func (p *place) refuse(format string, args ...any) *wire.Error {
	return reject(wire.CodeInvalid, p.String(), format, args...)
}

// excerpt keeps a caller's text from blowing up an error.
func excerpt(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

type decoder struct{ tokens *json.Decoder }

func (d *decoder) next(at *place) (json.Token, *wire.Error) {
	token, err := d.tokens.Token()
	if err != nil {
		return nil, reject(wire.CodeMalformed, at.String(), "%v", err)
	}
	return token, nil
}

// value reads the next value into v.
func (d *decoder) value(at *place, v reflect.Value) *wire.Error {
	token, err := d.next(at)
	if err != nil {
		return err
	}
	return d.from(token, at, v)
}

// from reads the value that begins with token into v.
func (d *decoder) from(token json.Token, at *place, v reflect.Value) *wire.Error {
	if isNullable(v.Type()) {
		v.FieldByName("Present").SetBool(true)
		if token == nil {
			return nil
		}
		return d.from(token, at, v.FieldByName("Value"))
	}
	if token == nil {
		return at.refuse("null is not allowed here; %s is needed", expected(v.Type()))
	}
	switch v.Kind() { //nolint:exhaustive // the kinds that requests have; others end below
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.from(token, at, v.Elem())
	case reflect.Struct:
		if token == json.Delim('{') {
			return d.object(at, v)
		}
	case reflect.Map:
		if token == json.Delim('{') {
			return d.table(at, v)
		}
	case reflect.Slice:
		if token == json.Delim('[') {
			return d.list(at, v)
		}
	case reflect.String:
		if s, ok := token.(string); ok {
			v.SetString(s)
			return nil
		}
	case reflect.Bool:
		if b, ok := token.(bool); ok {
			v.SetBool(b)
			return nil
		}
	case reflect.Int64, reflect.Uint64, reflect.Float64:
		if n, ok := token.(json.Number); ok {
			return number(n.String(), at, v)
		}
	}
	return at.refuse("%s is needed, not %s", expected(v.Type()), found(token))
}

func (d *decoder) object(at *place, v reflect.Value) *wire.Error {
	fields := fieldsOf(v.Type())
	seen := make([]bool, len(fields))
	for d.tokens.More() {
		key, err := d.key(at)
		if err != nil {
			return err
		}
		here := &place{up: at, name: key}
		i := indexOf(fields, key)
		switch {
		case i < 0:
			return here.refuse("there is no field %q here%s", excerpt(key), suggestion(fields, key))
		case seen[i]:
			return reject(wire.CodeMalformed, here.String(), "the field is given twice")
		}
		seen[i] = true
		if err := d.value(here, v.Field(fields[i].index)); err != nil {
			return err
		}
	}
	for i, f := range fields {
		if f.required && !seen[i] {
			return (&place{up: at, name: f.name}).refuse("the field is missing; %s is needed", expected(v.Field(f.index).Type()))
		}
	}
	_, err := d.next(at) // the closing brace
	return err
}

func (d *decoder) key(at *place) (string, *wire.Error) {
	token, err := d.next(at)
	if err != nil {
		return "", err
	}
	key, _ := token.(string) // where More was true in an object, a string follows
	return key, nil
}

func (d *decoder) table(at *place, v reflect.Value) *wire.Error {
	v.Set(reflect.MakeMap(v.Type()))
	for d.tokens.More() {
		key, err := d.key(at)
		if err != nil {
			return err
		}
		here := &place{up: at, name: key}
		if key == "" {
			return at.refuse("an empty key names nothing")
		}
		if v.MapIndex(reflect.ValueOf(key)).IsValid() {
			return reject(wire.CodeMalformed, here.String(), "the key is given twice")
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(here, element); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), element)
	}
	_, err := d.next(at)
	return err
}

// listMax bounds lists whose elements take far more memory than their text.
var listMax = map[reflect.Type]int{
	reflect.TypeFor[wire.Op]():           wire.OpsPerTxnMax,
	reflect.TypeFor[wire.Precondition](): wire.OpsPerTxnMax,
}

func (d *decoder) list(at *place, v reflect.Value) *wire.Error {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	most, bounded := listMax[v.Type().Elem()]
	for i := 0; d.tokens.More(); i++ {
		if bounded && i == most {
			return reject(wire.CodeTooLarge, at.String(), "the list is longer than %d", most)
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(&place{up: at, index: i}, element); err != nil {
			return err
		}
		v.Set(reflect.Append(v, element))
	}
	_, err := d.next(at)
	return err
}

func number(text string, at *place, v reflect.Value) *wire.Error {
	if v.Kind() == reflect.Float64 {
		f, err := strconv.ParseFloat(text, 64)
		mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
		if err != nil || f == 0 && strings.ContainsAny(mantissa, "123456789") {
			return at.refuse("%s is out of range", excerpt(text))
		}
		v.SetFloat(f)
		return nil
	}
	if strings.ContainsAny(text, ".eE") {
		return at.refuse("a whole number is needed, without fraction and exponent, not %s", excerpt(text))
	}
	if v.Kind() == reflect.Int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return at.refuse("%s is out of range", excerpt(text))
		}
		v.SetInt(n)
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return at.refuse("%s is not a whole number from 0 to 2^64-1", excerpt(text))
	}
	v.SetUint(n)
	return nil
}

// field is a struct's field as JSON knows it.
type field struct {
	name     string
	index    int
	required bool
}

var fieldTables sync.Map // reflect.Type to []field

func fieldsOf(t reflect.Type) []field {
	if known, ok := fieldTables.Load(t); ok {
		return known.([]field) //nolint:errcheck // nothing else is stored
	}
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields = append(fields, field{name, i, !strings.Contains(options, "omit")})
	}
	fieldTables.Store(t, fields)
	return fields
}

func indexOf(fields []field, name string) int {
	for i, f := range fields {
		if f.name == name {
			return i
		}
	}
	return -1
}

func suggestion(fields []field, key string) string {
	for _, f := range fields {
		if strings.EqualFold(f.name, key) {
			return fmt.Sprintf("; did you mean %q?", f.name)
		}
	}
	return ""
}

// isNullable reports whether t is a wire.Nullable.
func isNullable(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// expected says in words what JSON a type is read from.
func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return expected(t.Elem())
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}

// found says in words what a token begins.
func found(token json.Token) string {
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			return "a list"
		}
		return "an object"
	case string:
		return "a string"
	case bool:
		return "true or false"
	}
	return "a number"
}
