package client

import (
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/treenode/treenode/transport/wire"
)

// encode makes a request body; nil of nil.
//
// Go does not tell an empty list from none, but the server takes no null: what
// must be there is sent empty. Text that is not UTF-8, which JSON would change
// silently, is refused.
func encode(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	whole, refused := present("", reflect.ValueOf(body))
	if refused != nil {
		return nil, refused
	}
	b, err := json.Marshal(whole.Interface())
	switch {
	case err != nil: // a float that is no number
		e := refuse(wire.CodeInvalid, "", "the request can't be written as JSON")
		e.cause = err
		return nil, e
	case len(b) > wire.BodyBytesMax:
		return nil, refuse(wire.CodeTooLarge, "", "the request has %d bytes; at most %d are taken", len(b), wire.BodyBytesMax)
	}
	return b, nil
}

// present returns a copy of v in which no list or map is nil, except fields
// that are left out then. The path is that of v, for errors.
func present(path string, v reflect.Value) (reflect.Value, *Error) {
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return v, refuse(wire.CodeInvalid, path, "%q is not valid UTF-8", v.String())
		}
		return v, nil
	case reflect.Pointer:
		if v.IsNil() {
			return v, nil
		}
		element, err := present(path, v.Elem())
		if err != nil {
			return v, err
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(element)
		return p, nil
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			element, err := present(indexed(path, i), v.Index(i))
			if err != nil {
				return v, err
			}
			list.Index(i).Set(element)
		}
		return list, nil
	case reflect.Map:
		return presentMap(path, v)
	case reflect.Struct:
		return presentStruct(path, v)
	default:
		return v, nil
	}
}

func presentMap(path string, v reflect.Value) (reflect.Value, *Error) {
	table := reflect.MakeMapWithSize(v.Type(), v.Len())
	for it := v.MapRange(); it.Next(); {
		if _, err := present(path, it.Key()); err != nil {
			return v, err
		}
		element, err := present(below(path, it.Key().String()), it.Value())
		if err != nil {
			return v, err
		}
		table.SetMapIndex(it.Key(), element)
	}
	return table, nil
}

func presentStruct(path string, v reflect.Value) (reflect.Value, *Error) {
	whole := reflect.New(v.Type()).Elem()
	whole.Set(v)
	for i := range v.NumField() {
		name, omitted := jsonField(v.Type().Field(i))
		f := v.Field(i)
		if omitted && f.IsZero() {
			continue
		}
		element, err := present(below(path, name), f)
		if err != nil {
			return v, err
		}
		whole.Field(i).Set(element)
	}
	return whole, nil
}

// jsonField returns a field's name in JSON, and whether it is left out when it
// is nil.
func jsonField(f reflect.StructField) (name string, omitted bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, strings.Contains(options, "omit")
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
