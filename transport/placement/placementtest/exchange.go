package placementtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Request is a request as a test writes it. A user admin and JSON are implied
// where the headers say nothing else.
type Request struct {
	Method, Path, Version string
	Headers               map[string]string
	Body                  string
}

// Answer is an answer in the form that is compared: without request ids and
// times, lists in a fixed order, JSON with sorted names.
type Answer struct {
	Status  int
	Headers map[string]string
	Body    string
}

// compared are the headers that take part.
var compared = []string{"allow", "cache-control", "content-type", "last-modified", "location", "openstack-api-version"}

// Send plays a request to the server at the base URL. More headers than usual
// take part in the comparison where they are named.
func Send(client *http.Client, base string, r Request, more ...string) (Answer, error) {
	request, err := http.NewRequest(r.Method, base+r.Path, strings.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	request.Close = true // a server may close without a word; a POST cannot be repeated
	request.Header.Set("X-Auth-Token", "admin")
	if r.Version != "" {
		request.Header.Set("OpenStack-API-Version", "placement "+r.Version)
	}
	if r.Body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.Headers {
		request.Header.Del(name)
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return Answer{}, err
	}
	a := Answer{Status: response.StatusCode, Headers: map[string]string{}}
	for _, name := range slices.Concat(compared, more) {
		if value := response.Header.Get(name); value != "" {
			a.Headers[name] = strings.ReplaceAll(value, base, "{base}")
		}
	}
	if a.Headers["last-modified"] != "" {
		a.Headers["last-modified"] = "{date}"
	}
	a.Body = Normal(string(body), a.Headers["content-type"])
	return a, nil
}

// schemaText is the part of a refusal that repeats the schema and the value;
// unknown and badGroups are lists of names in any order, and noTraits those that
// may be made of anything.
var (
	schemaText = regexp.MustCompile(`(?s)( |\n)+Failed validating (?:'|&#x27;)([a-zA-Z]+)(?:'|&#x27;) in schema((?:\[.*?\])*):.*$`)
	badGroups  = regexp.MustCompile(`(bad group\(s\) - \[|Real suffixes should be specified in .same_subtree.: \[)('[^\]]*')\]`)
	noTraits   = regexp.MustCompile(`(?s)(\n\n No such trait )(.*?)(  )$`)
	unknown    = regexp.MustCompile(`[A-Z][A-Z0-9_]+(?:, [A-Z][A-Z0-9_]+)+|[0-9a-f-]{36}(?:, [0-9a-f-]{36})+`)
)

// Normal is a body in the form that is compared.
func Normal(body, media string) string {
	if media != "application/json" {
		body = unknown.ReplaceAllStringFunc(body, sortNames)
		return schemaText.ReplaceAllString(body, " Failed validating '$2' in schema$3")
	}
	var v any
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return "not JSON: " + body
	}
	text, err := json.Marshal(tidy("", v))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func tidy(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = tidy(key, v[key])
		}
		return v
	case []any:
		texts := map[string]any{}
		for i := range v {
			v[i] = tidy("", v[i])
			text, _ := json.Marshal(v[i])
			texts[fmt.Sprint(string(text), i)] = v[i]
		}
		sorted := make([]any, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(texts)) {
			sorted = append(sorted, texts[key])
		}
		return sorted
	case json.Number:
		if f, err := v.Float64(); err == nil && f == float64(int64(f)) {
			return int64(f)
		}
	case string:
		switch name {
		case "request_id":
			return "{request-id}"
		case "detail":
			v = noTraits.ReplaceAllStringFunc(v, func(text string) string {
				parts := noTraits.FindStringSubmatch(text)
				return parts[1] + sortNames(parts[2]) + parts[3]
			})
			v = unknown.ReplaceAllStringFunc(v, sortNames)
			if m := badGroups.FindStringSubmatch(v); m != nil {
				v = strings.Replace(v, m[0], m[1]+sortNames(m[2])+"]", 1)
			}
			return schemaText.ReplaceAllString(v, " Failed validating '$2' in schema$3")
		}
	}
	return v
}

// sortNames puts a list of names, which comes in any order, in a fixed one.
func sortNames(text string) string {
	names := strings.Split(text, ", ")
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// String writes an answer as the case files have it.
func (a Answer) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", a.Status)
	for _, name := range slices.Sorted(maps.Keys(a.Headers)) {
		fmt.Fprintf(&b, "%s: %s\n", name, a.Headers[name])
	}
	if a.Body != "" {
		b.WriteString(a.Body + "\n")
	}
	return b.String()
}
