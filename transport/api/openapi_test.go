package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"

	"github.com/treenode/treenode/transport/openapi"
	"github.com/treenode/treenode/transport/wire"
)

// The parts of the document that the tests look at.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas    map[string]schema    `json:"schemas"`
		Parameters map[string]parameter `json:"parameters"`
		Responses  map[string]struct {
			Content content `json:"content"`
		} `json:"responses"`
	} `json:"components"`
}

type operation struct {
	OperationID string      `json:"operationId"`
	Summary     string      `json:"summary"`
	Parameters  []reference `json:"parameters"`
	RequestBody *struct {
		Required bool    `json:"required"`
		Content  content `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Ref     string         `json:"$ref"`
		Headers map[string]any `json:"headers"`
		Content content        `json:"content"`
	} `json:"responses"`
}

type reference struct {
	Ref string `json:"$ref"`
}

type parameter struct {
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
	Schema   schema `json:"schema"`
}

type content map[string]struct {
	Schema schema `json:"schema"`
}

type schema struct {
	Ref                  string            `json:"$ref"`
	Type                 any               `json:"type"`
	Format               string            `json:"format"`
	Enum                 []string          `json:"enum"`
	Properties           map[string]schema `json:"properties"`
	Required             []string          `json:"required"`
	Items                *schema           `json:"items"`
	AdditionalProperties json.RawMessage   `json:"additionalProperties"`
	Examples             []json.RawMessage `json:"examples"`
}

func readDocument(t *testing.T) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(openapi.Document(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocumentIsValid(t *testing.T) {
	d, err := libopenapi.NewDocument(openapi.Document())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(d.GetVersion(), "3.1") {
		t.Errorf("version %s", d.GetVersion())
	}
	if _, err := d.BuildV3Model(); err != nil {
		t.Fatal(err)
	}
}

func TestDocumentIsServed(t *testing.T) {
	w := httptest.NewRecorder()
	newTestServer(t, newFakeNode(), Config{}).ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || !bytes.Equal(w.Body.Bytes(), openapi.Document()) {
		t.Errorf("status %d, %s, %d bytes", w.Code, w.Header().Get("Content-Type"), w.Body.Len())
	}
}

// nameOf is the name of a wire type in the document; empty for nil.
func nameOf(v any) string {
	if v == nil {
		return ""
	}
	return reflect.TypeOf(v).Name()
}

func (c content) schema() string {
	return strings.TrimPrefix(c["application/json"].Schema.Ref, "#/components/schemas/")
}

// Every route is documented as it is, and nothing else is.
func TestDocumentHasTheRoutes(t *testing.T) {
	d := readDocument(t)
	documented := map[string]bool{}
	ids := map[string]bool{}
	for path, methods := range d.Paths {
		for method, o := range methods {
			documented[strings.ToUpper(method)+" "+path] = true
			if o.OperationID == "" || o.Summary == "" || ids[o.OperationID] {
				t.Errorf("%s %s: operationId %q, summary %q", method, path, o.OperationID, o.Summary)
			}
			ids[o.OperationID] = true
		}
	}
	for _, r := range routes() {
		name := r.method + " " + r.path
		if !documented[name] {
			t.Errorf("%s is not documented", name)
			continue
		}
		delete(documented, name)
		t.Run(name, func(t *testing.T) { checkOperation(t, d, r, d.Paths[r.path][strings.ToLower(r.method)]) })
	}
	for name := range documented {
		t.Errorf("%s is documented, but no route", name)
	}
}

func checkOperation(t *testing.T, d document, r route, o operation) {
	t.Helper()
	var query, path, header []string
	for _, p := range o.Parameters {
		given, ok := d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		if !ok {
			t.Fatalf("no parameter %s", p.Ref)
		}
		switch given.In {
		case "query":
			query = append(query, given.Name)
			if repeats := given.Schema.Type == "array"; repeats && !slices.Contains(repeatable, given.Name) {
				t.Errorf("%s can't be repeated", given.Name)
			}
		case "path":
			path = append(path, given.Name)
		case "header":
			header = append(header, given.Name)
		}
	}
	same := func(what string, documented, real []string) {
		t.Helper()
		documented, real = slices.Sorted(slices.Values(documented)), slices.Sorted(slices.Values(real))
		if !slices.Equal(documented, real) {
			t.Errorf("%s documented %q, real %q", what, documented, real)
		}
	}
	same("query parameters", query, r.parameters())
	var wildcards []string
	for segment := range strings.SplitSeq(r.path, "/") {
		if strings.HasPrefix(segment, "{") {
			wildcards = append(wildcards, strings.Trim(segment, "{}"))
		}
	}
	same("path parameters", path, wildcards)
	var headers []string
	if r.mutates {
		headers = []string{wire.HeaderRequestID}
	}
	same("headers", header, headers)

	body, required := "", false
	if o.RequestBody != nil {
		body, required = o.RequestBody.Content.schema(), o.RequestBody.Required
	}
	if body != nameOf(r.body) || r.body != nil && required == r.noBody {
		t.Errorf("body documented %q (required %v), real %q", body, required, nameOf(r.body))
	}
	status := "200"
	if r.created {
		status = "201"
	}
	answer, ok := o.Responses[status]
	if !ok || answer.Content.schema() != nameOf(r.answer) {
		t.Errorf("answer documented %q, real %q with status %s", answer.Content.schema(), nameOf(r.answer), status)
	}
	if r.via != nil {
		return
	}
	if o.Responses["default"].Ref != "#/components/responses/Error" {
		t.Errorf("no error documented")
	}
	if got := d.Components.Responses["Error"].Content.schema(); got != "ErrorBody" {
		t.Errorf("the error is a %q", got)
	}
	for name, want := range map[string]bool{
		wire.HeaderLeader: true, wire.HeaderIndex: r.reads || r.mutates, wire.HeaderRequestID: r.mutates, "Location": r.created,
	} {
		if _, documented := answer.Headers[name]; documented != want {
			t.Errorf("header %s documented %v, real %v", name, documented, want)
		}
	}
}

// wireTypes are all structs that bodies and answers hold, by name, and whether
// each is part of a request or of an answer.
func wireTypes() (types map[string]reflect.Type, asked, answered map[string]bool) {
	types = map[string]reflect.Type{}
	asked, answered = map[string]bool{}, map[string]bool{}
	var walk func(reflect.Type, map[string]bool)
	walk = func(t reflect.Type, into map[string]bool) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(t.Elem(), into)
		case reflect.Struct:
			if t == reflect.TypeFor[time.Time]() || isNullable(t) || into[t.Name()] {
				return
			}
			types[t.Name()], into[t.Name()] = t, true
			for _, f := range jsonFields(t) {
				walk(f.Type, into)
			}
		default:
		}
	}
	for _, r := range routes() {
		if r.body != nil {
			walk(reflect.TypeOf(r.body), asked)
		}
		if r.answer != nil {
			walk(reflect.TypeOf(r.answer), answered)
		}
	}
	walk(reflect.TypeFor[wire.ErrorBody](), answered)
	return types, asked, answered
}

// jsonFields are a struct's fields with those of embedded structs.
func jsonFields(t reflect.Type) []reflect.StructField {
	var all []reflect.StructField
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous {
			all = append(all, jsonFields(f.Type)...)
		} else {
			all = append(all, f)
		}
	}
	return all
}

// shapeOf says in short what JSON a Go type is.
func shapeOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Slice:
		return "list of " + shapeOf(t.Elem())
	case reflect.Map:
		return "map of " + shapeOf(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return "date-time"
		}
		if isNullable(t) {
			value, _ := t.FieldByName("Value")
			return shapeOf(value.Type) + " or null"
		}
		return t.Name()
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Uint64:
		return "integer from 0"
	case reflect.Float64:
		return "number"
	default:
		return "unknown " + t.String()
	}
}

// shape says the same of a documented schema.
func (s schema) shape(t *testing.T) string {
	t.Helper()
	if s.Ref != "" {
		return strings.TrimPrefix(s.Ref, "#/components/schemas/")
	}
	kind, null := fmt.Sprint(s.Type), ""
	if several, ok := s.Type.([]any); ok && len(several) == 2 && several[1] == "null" {
		kind, null = fmt.Sprint(several[0]), " or null"
	}
	switch {
	case kind == "array" && s.Items != nil:
		return "list of " + s.Items.shape(t)
	case kind == "object":
		var of schema
		if err := json.Unmarshal(s.AdditionalProperties, &of); err != nil {
			t.Fatal(err)
		}
		return "map of " + of.shape(t)
	case kind == "string" && s.Format == "date-time":
		return "date-time"
	case kind == "integer" && s.Format == "uint64":
		return "integer from 0" + null
	}
	return kind + null
}

// Every schema is a struct of the wire, property by property, both ways.
func TestDocumentHasTheWiresShapes(t *testing.T) {
	d := readDocument(t)
	types, asked, answered := wireTypes()
	for name := range d.Components.Schemas {
		if types[name] == nil {
			t.Errorf("%s is documented, but no route has it", name)
		}
	}
	for name, typ := range types {
		given, ok := d.Components.Schemas[name]
		if !ok {
			t.Errorf("%s is not documented", name)
			continue
		}
		var required []string
		for _, f := range jsonFields(typ) {
			property, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !strings.Contains(options, "omit") {
				required = append(required, property)
			}
			of, ok := given.Properties[property]
			if !ok {
				t.Errorf("%s.%s is not documented", name, property)
				continue
			}
			delete(given.Properties, property)
			if got, want := of.shape(t), shapeOf(f.Type); got != want {
				t.Errorf("%s.%s is documented as %s, but is %s", name, property, got, want)
			}
		}
		for property := range given.Properties {
			t.Errorf("%s.%s is documented, but not there", name, property)
		}
		slices.Sort(required)
		if got := slices.Sorted(slices.Values(given.Required)); !slices.Equal(got, required) {
			t.Errorf("%s requires %q, documented %q", name, required, got)
		}
		// Requests are read strictly; answers may get new fields.
		if closed := string(given.AdditionalProperties) == "false"; closed != (asked[name] && !answered[name]) {
			t.Errorf("%s is documented as closed: %v", name, closed)
		}
	}
	if len(types) < 50 {
		t.Errorf("only %d types seen", len(types))
	}
}

// Every body and answer has examples, and they are what they are examples of.
func TestDocumentHasExamples(t *testing.T) {
	d := readDocument(t)
	bodies := []any{}
	answers := []any{wire.ErrorBody{}}
	for _, r := range routes() {
		if r.body != nil {
			bodies = append(bodies, r.body)
		}
		if r.answer != nil {
			answers = append(answers, r.answer)
		}
	}
	check := func(v any, read func(json.RawMessage, any) error) {
		t.Helper()
		examples := d.Components.Schemas[nameOf(v)].Examples
		if len(examples) == 0 {
			t.Errorf("%s has no example", nameOf(v))
		}
		for _, e := range examples {
			if err := read(e, reflect.New(reflect.TypeOf(v)).Interface()); err != nil {
				t.Errorf("%s: %s: %v", nameOf(v), e, err)
			}
		}
	}
	for _, b := range bodies {
		check(b, func(e json.RawMessage, into any) error {
			if err := decode(e, into); err != nil {
				return err
			}
			txn, ok := into.(*wire.Txn)
			if !ok {
				return nil
			}
			if _, err := convert(requestID(1), *txn); err != nil {
				return err
			}
			return nil
		})
	}
	for _, a := range answers {
		check(a, func(e json.RawMessage, into any) error {
			strict := json.NewDecoder(bytes.NewReader(e))
			strict.DisallowUnknownFields()
			if err := strict.Decode(into); err != nil {
				return err
			}
			back, err := json.Marshal(into)
			if err == nil && !sameJSON(t, string(e), string(back)) {
				err = fmt.Errorf("it reads as %s", back)
			}
			return err
		})
	}
}

func TestDocumentHasTheCodes(t *testing.T) {
	d := readDocument(t)
	var codes []string
	for _, c := range wire.Codes() {
		codes = append(codes, string(c))
	}
	slices.Sort(codes)
	if got := slices.Sorted(slices.Values(d.Components.Schemas["Error"].Properties["code"].Enum)); !slices.Equal(got, codes) {
		t.Errorf("documented %q\nreal %q", got, codes)
	}
	kinds := []string{string(wire.Internal), string(wire.NotApplied), string(wire.Rejected), string(wire.Unknown)}
	if got := slices.Sorted(slices.Values(d.Components.Schemas["Error"].Properties["kind"].Enum)); !slices.Equal(got, kinds) {
		t.Errorf("documented %q, real %q", got, kinds)
	}
	levels := []string{string(wire.Linearizable), string(wire.Session), string(wire.Stale)}
	if got := slices.Sorted(slices.Values(d.Components.Parameters["Consistency"].Schema.Enum)); !slices.Equal(got, levels) {
		t.Errorf("documented %q, real %q", got, levels)
	}
}

func TestRouteTable(t *testing.T) {
	for _, r := range routes() {
		name := r.method + " " + r.path
		if (r.serve == nil) == (r.via == nil) {
			t.Errorf("%s has no handler or two", name)
		}
		if r.reads && r.mutates {
			t.Errorf("%s reads and mutates", name)
		}
		if r.mutates && nameOf(r.answer) != "Result" {
			t.Errorf("%s answers with a %s", name, nameOf(r.answer))
		}
		if r.created != (name == "POST /v1/providers") {
			t.Errorf("%s: created is %v", name, r.created)
		}
	}
}
