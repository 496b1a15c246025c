package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/treenode/treenode/transport/wire"
)

// fileBytesMax is the most that is read of a file; as a request it may have
// wire.BodyBytesMax only, but comments and spaces don't count there.
const fileBytesMax = 8 << 20

// fileValuesMax bounds what anchors of YAML may multiply a file to.
const fileValuesMax = 1 << 20

// fileFlag gives a command the flag -f, which it needs.
func fileFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "file", "f", "", "YAML or JSON file; - for standard input")
}

// readFile reads one YAML or JSON document into a value of package wire,
// strictly: a key that is not known there, or given twice, and a value of
// another type are errors that name file, line and key.
func readFile(cmd *cobra.Command, path string, into any) error {
	var in io.Reader
	name := path
	switch path {
	case "":
		return usage("file: -f FILE is needed")
	case "-":
		in, name = cmd.InOrStdin(), "standard input"
	default:
		f, err := os.Open(path)
		if err != nil {
			return usage("file: %w", err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	return decodeStrict(name, io.LimitReader(in, fileBytesMax+1), into)
}

func decodeStrict(name string, in io.Reader, into any) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return usage("%s: %w", name, err)
	}
	if len(text) > fileBytesMax {
		return usage("%s: larger than %d bytes", name, fileBytesMax)
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	var doc yaml.Node
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return usage("%s: it is empty", name)
		}
		return usage("%s: %w", name, err)
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return usage("%s: there must be one document only", name)
	}
	return (&strict{file: name}).value(doc.Content[0], reflect.ValueOf(into).Elem(), "")
}

// strict fills values from YAML nodes.
type strict struct {
	file   string
	values int
}

func (s *strict) bad(n *yaml.Node, path, format string, args ...any) error {
	at := fmt.Sprintf("%s:%d: ", s.file, n.Line)
	if path != "" {
		at += path + ": "
	}
	return usage("%s", at+fmt.Sprintf(format, args...))
}

func (s *strict) value(n *yaml.Node, v reflect.Value, path string) error {
	if s.values++; s.values > fileValuesMax {
		return s.bad(n, "", "more than %d values", fileValuesMax)
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && v.Kind() != reflect.Struct {
		return nil // stays absent
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return s.value(n, v.Elem(), path)
	case reflect.Struct:
		return s.object(n, v, path)
	case reflect.Map:
		return s.entries(n, v, path)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return s.bad(n, path, "a list is needed")
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, element := range n.Content {
			if err := s.value(element, v.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		return nil
	default:
		return s.scalar(n, v, path)
	}
}

func (s *strict) scalar(n *yaml.Node, v reflect.Value, path string) error {
	if n.Kind != yaml.ScalarNode {
		return s.bad(n, path, "a single value is needed")
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value) // as it stands there, 007 and true too
	case reflect.Bool:
		var b bool
		err = n.Decode(&b)
		v.SetBool(b)
	case reflect.Int64:
		var i int64
		i, err = strconv.ParseInt(n.Value, 10, 64)
		v.SetInt(i)
	case reflect.Uint64:
		var u uint64
		u, err = strconv.ParseUint(n.Value, 10, 64)
		v.SetUint(u)
	case reflect.Float64:
		var f float64
		f, err = strconv.ParseFloat(n.Value, 64)
		v.SetFloat(f)
	default:
		return fmt.Errorf("no reader for %s", v.Type()) // a new type in package wire
	}
	if err != nil {
		return s.bad(n, path, "%q is not %s", n.Value, map[reflect.Kind]string{
			reflect.Bool: "true or false", reflect.Int64: "an integer", reflect.Uint64: "an integer that is not negative",
			reflect.Float64: "a number",
		}[v.Kind()])
	}
	return nil
}

func (s *strict) keys(n *yaml.Node, path string, each func(key string, at, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return s.bad(n, path, "keys with values are needed")
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		at := n.Content[i]
		if at.Kind != yaml.ScalarNode {
			return s.bad(at, path, "a key must be a single word")
		}
		if seen[at.Value] {
			return s.bad(at, path, "key %q is given twice", at.Value)
		}
		seen[at.Value] = true
		if err := each(at.Value, at, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (s *strict) entries(n *yaml.Node, v reflect.Value, path string) error {
	v.Set(reflect.MakeMap(v.Type()))
	return s.keys(n, path, func(key string, _, value *yaml.Node) error {
		entry := reflect.New(v.Type().Elem()).Elem()
		if err := s.value(value, entry, below(path, key)); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), entry)
		return nil
	})
}

// choices are the structs of which exactly one field is set.
var choices = map[reflect.Type]string{
	reflect.TypeFor[wire.Op]():           "operation",
	reflect.TypeFor[wire.Precondition](): "precondition",
}

func (s *strict) object(n *yaml.Node, v reflect.Value, path string) error {
	fields := map[string]int{}
	var names []string
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = i
		names = append(names, name)
	}
	set := 0
	err := s.keys(n, path, func(key string, at, value *yaml.Node) error {
		i, known := fields[key]
		if !known {
			slices.Sort(names)
			return s.bad(at, path, "unknown key %q; known are %s", key, strings.Join(names, ", "))
		}
		if err := s.value(value, v.Field(i), below(path, key)); err != nil {
			return err
		}
		if choices[v.Type()] != "" && v.Field(i).IsNil() {
			return s.bad(at, below(path, key), "it has no value")
		}
		set++
		return nil
	})
	if what := choices[v.Type()]; err == nil && what != "" && set != 1 {
		return s.bad(n, path, "exactly one %s is needed, not %d", what, set)
	}
	return err
}

func below(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
