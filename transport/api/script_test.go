package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/wire"
)

var update = flag.Bool("update", false, "rewrite the answers that testdata expects")

// A script in testdata is a list of cases, run one after the other against one
// new node:
//
//	== what the case shows
//	! fail no_leader                     (optional: every call of the node fails)
//	> POST /v1/providers                 (the request, with headers if need be)
//	> Treenode-Request-Id: …
//	{"name": "host"}                     (its body, up to the next line with <)
//	< 201                                (the answer, with the headers to look at)
//	< Location: …
//	{"index": "<any>"}                   (its body; "<any>" stands for any value)
//
// Text before the first case, and lines with # between cases, are comments.
type script struct {
	head  []string
	cases []*scriptCase
}

type scriptCase struct {
	name     string
	comments []string // between the name and the request
	fail     string
	request  []string // lines after >
	body     []string
	answer   []string // lines after <
	expected []string
	tail     []string // blank lines and comments before the next case
}

func parseScript(t *testing.T, text string) *script {
	t.Helper()
	s := &script{}
	var c *scriptCase
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "== "):
			c = &scriptCase{name: line[3:]}
			s.cases = append(s.cases, c)
		case c == nil:
			s.head = append(s.head, line)
		case strings.HasPrefix(line, "! fail "):
			c.fail = strings.TrimPrefix(line, "! fail ")
		case strings.HasPrefix(line, "> "):
			c.request = append(c.request, line[2:])
		case strings.HasPrefix(line, "< "):
			c.answer = append(c.answer, line[2:])
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "# "):
			if len(c.request) == 0 {
				c.comments = append(c.comments, line)
			} else {
				c.tail = append(c.tail, line)
			}
		case len(c.request) == 0:
			t.Fatalf("line %d: a body before the request", i+1)
		case len(c.answer) == 0:
			c.body = append(c.body, line)
		default:
			c.expected = append(c.expected, line)
		}
	}
	return s
}

func (s *script) String() string {
	var b strings.Builder
	for _, line := range s.head {
		fmt.Fprintln(&b, line)
	}
	for _, c := range s.cases {
		fmt.Fprintln(&b, "==", c.name)
		for _, line := range c.comments {
			fmt.Fprintln(&b, line)
		}
		if c.fail != "" {
			fmt.Fprintln(&b, "! fail", c.fail)
		}
		for _, part := range []struct {
			mark  string
			lines []string
		}{{"> ", c.request}, {"", c.body}, {"< ", c.answer}, {"", c.expected}, {"", c.tail}} {
			for _, line := range part.lines {
				fmt.Fprintln(&b, part.mark+line)
			}
		}
	}
	return b.String()
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := parseScript(t, string(text))
			node := newFakeNode()
			served := httptest.NewServer(newTestServer(t, node, Config{}))
			defer served.Close()
			for _, c := range s.cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, node, served.URL) })
				if err := node.machine.View().Tree.Check(); err != nil {
					t.Fatalf("after %q: %v", c.name, err)
				}
			}
			if *update {
				if err := os.WriteFile(file, []byte(s.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func (c *scriptCase) run(t *testing.T, node *fakeNode, url string) {
	t.Helper()
	node.fail = nil
	if c.fail != "" {
		node.fail = &cluster.Error{Code: cluster.Code(c.fail), Message: "as the script says"}
	}
	method, target, ok := strings.Cut(c.request[0], " ")
	if !ok {
		t.Fatalf("request line %q", c.request[0])
	}
	body := strings.Join(c.body, "\n")
	r, err := http.NewRequest(method, url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range c.request[1:] {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	answer, err := (&http.Transport{}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := conforms(answer, got); err != nil {
		t.Error(err)
	}
	lines := []string{fmt.Sprint(answer.StatusCode)}
	if len(c.answer) > 1 {
		for _, line := range c.answer[1:] {
			name, _, _ := strings.Cut(line, ":")
			lines = append(lines, strings.TrimRight(name+": "+answer.Header.Get(name), " "))
		}
	}
	if reflect.DeepEqual(c.answer, lines) && sameJSON(t, strings.Join(c.expected, "\n"), string(got)) {
		return
	}
	if !*update {
		t.Errorf("%s\n%s\ngot:\n%s\n%s\nwant:\n%s\n%s", strings.Join(c.request, "\n"), body,
			strings.Join(lines, "\n"), indented(got), strings.Join(c.answer, "\n"), strings.Join(c.expected, "\n"))
		return
	}
	c.answer, c.expected = lines, strings.Split(strings.TrimSpace(indented(got)), "\n")
	if len(c.tail) == 0 {
		c.tail = []string{""}
	}
}

// conforms checks what must hold of every answer.
func conforms(answer *http.Response, body []byte) error {
	if got := answer.Header.Get("Content-Type"); got != "application/json" {
		return fmt.Errorf("Content-Type %q", got)
	}
	if answer.Header.Get(wire.HeaderLeader) == "" {
		return fmt.Errorf("no %s", wire.HeaderLeader)
	}
	if answer.StatusCode < 300 || answer.Request.URL.Path == "/readyz" { // which has a body of its own
		return nil
	}
	var told wire.ErrorBody
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&told); err != nil || told.Error == nil {
		return fmt.Errorf("not an error body: %s", body)
	}
	if e := told.Error; !wire.Known(e.Code) || e.Kind != wire.KindOf(e.Code) || answer.StatusCode != wire.StatusOf(e.Code) || e.Message == "" {
		return fmt.Errorf("status %d with code %s, kind %s, message %q", answer.StatusCode, e.Code, e.Kind, e.Message)
	}
	return nil
}

func indented(b []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return string(b)
	}
	return out.String()
}

func sameJSON(t *testing.T, want, got string) bool {
	t.Helper()
	if want == "" || got == "" {
		return want == got
	}
	var w, g any
	for _, side := range []struct {
		text string
		into *any
	}{{want, &w}, {got, &g}} {
		d := json.NewDecoder(strings.NewReader(side.text))
		d.UseNumber()
		if err := d.Decode(side.into); err != nil {
			return false
		}
	}
	return matches(w, g)
}

// matches compares JSON values, where "<any>" stands for any.
func matches(want, got any) bool {
	if want == "<any>" {
		return true
	}
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok || len(want) != len(got) {
			return false
		}
		for k, v := range want {
			if g, ok := got[k]; !ok || !matches(v, g) {
				return false
			}
		}
		return true
	case []any:
		got, ok := got.([]any)
		if !ok || len(want) != len(got) {
			return false
		}
		for i := range want {
			if !matches(want[i], got[i]) {
				return false
			}
		}
		return true
	}
	return want == got
}
