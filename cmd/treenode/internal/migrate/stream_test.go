package migrate_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/treenode/treenode/cmd/treenode/internal/migrate"
	"github.com/treenode/treenode/cmd/treenode/internal/storetest"
	"github.com/treenode/treenode/transport/wire"
)

// exported is a cluster with something of everything, and its export.
func exported(t testing.TB) (*migrate.Contents, string) {
	t.Helper()
	n := storetest.New(t)
	furnish(t, n.URL, 12)
	c := connect(t, n.URL)
	// What only the native API can make: devices, and consumers of nobody.
	for _, op := range []wire.Op{
		{SetResources: &wire.ChangeResources{Provider: uuidOf(hosts, 1), Resources: map[string][]wire.Device{
			"CUSTOM_FPGA": {{Identifier: "b", Metadata: "{\"x\": \"<é>\"}"}, {Identifier: "a"}},
		}}},
		{Claim: &wire.Claim{Consumers: []wire.ConsumerClaim{{UUID: uuidOf(instances, 5000), Allocations: []wire.Allocation{
			{Provider: uuidOf(pools, 0), Resources: map[string]int64{"DISK_GB": 3}},
		}}}}},
	} {
		if _, err := c.Txn(t.Context(), wire.Txn{Ops: []wire.Op{op}}); err != nil {
			t.Fatal(err)
		}
	}
	contents, _, at, err := migrate.ReadCluster(t.Context(), c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := migrate.WriteStream(&b, contents, at); err != nil {
		t.Fatal(err)
	}
	return contents, b.String()
}

func TestStreamRoundTrip(t *testing.T) {
	contents, text := exported(t)
	read, at, err := migrate.ReadStream(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, contents, read, migrate.CompareOptions{Generations: true, Resources: true})
	var again bytes.Buffer
	if err := migrate.WriteStream(&again, read, at); err != nil || again.String() != text {
		t.Errorf("written again it is another stream, error %v", err)
	}
	to := storetest.New(t)
	carry(t, read, to, migrate.PlanOptions{})
	target, _ := readCluster(t, connect(t, to.URL))
	wantEqual(t, contents, target, exact)
	carry(t, read, to, migrate.PlanOptions{Resume: true})
}

func TestStreamIsRefused(t *testing.T) {
	_, text := exported(t)
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	edit := func(line int, old, replacement string) string {
		if !strings.Contains(lines[line-1], old) {
			t.Fatalf("line %d has no %q: %s", line, old, lines[line-1])
		}
		changed := append([]string(nil), lines...)
		changed[line-1] = strings.Replace(lines[line-1], old, replacement, 1)
		return strings.Join(changed, "")
	}
	without := func(line int) string {
		return strings.Join(append(append([]string(nil), lines[:line-1]...), lines[line:]...), "")
	}
	last := len(lines)
	for name, c := range map[string]struct {
		text string
		line int
		part string
	}{
		"empty":             {"", 1, "breaks off"},
		"another file":      {"hello\n", 1, "no export of treenode"},
		"newer":             {edit(1, `"version":1`, `"version":2,"more":{}`), 1, "version 2 of its format"},
		"no header":         {without(1), 1, "no export of treenode"},
		"cut":               {text[:len(text)-20], last, "breaks off"},
		"cut at a line":     {strings.Join(lines[:last-1], ""), last, "breaks off"},
		"changed":           {edit(last-2, `"jané"`, `"jane"`), last, "SHA-256"},
		"line is missing":   {without(last - 1), last - 1, "counts other lines"},
		"twice":             {strings.Join(lines[:2], "") + strings.Join(lines[1:], ""), 3, "twice"},
		"out of order":      {lines[0] + lines[last-2] + strings.Join(lines[1:], ""), 2, "is not there"},
		"child first":       {lines[0] + lines[6] + strings.Join(lines[1:], ""), 2, "did not come before"},
		"header twice":      {lines[0] + text, 2, "out of order"},
		"unknown field":     {edit(6, `"name"`, `"nome"`), 6, "unknown field"},
		"two things":        {edit(2, `{`, `{"trait":"CUSTOM_X",`), 2, "exactly one"},
		"nothing":           {lines[0] + "{}\n", 2, "exactly one"},
		"two values":        {edit(2, "}", "} {}"), 2, "more than one"},
		"no UUID":           {edit(6, uuidOf(hosts, 0), "x"), 6, "not a UUID"},
		"UUID without dash": {edit(6, uuidOf(hosts, 0), strings.ReplaceAll(uuidOf(hosts, 0), "-", "")), 6, "is not in the form"},
		"standard trait":    {edit(4, "CUSTOM_", "HW_"), 4, "does not begin with"},
		"after the footer":  {text + "\n", last + 1, "follows the footer"},
		"no allocation":     {lines[0] + fmt.Sprintf("{\"consumer\":{\"uuid\":%q,\"allocations\":[]}}\n", uuidOf(instances, 0)), 2, "no allocations"},
		"long line":         {lines[0] + strings.Repeat(" ", 17<<20), 2, "longer than"},
	} {
		_, _, err := migrate.ReadStream(strings.NewReader(c.text))
		var at *migrate.LineError
		if !errors.As(err, &at) || at.Line != c.line || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s: error %v, want one at line %d with %q", name, err, c.line, c.part)
		}
	}
}

// The example of the documentation is one.
func TestDocumentedStream(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/export-format.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```\n")
	example, _, _ = strings.Cut(example, "```")
	contents, at, err := migrate.ReadStream(strings.NewReader(example))
	if err != nil || at.Revision != 7 || len(contents.Providers) != 2 {
		t.Errorf("%v at %+v, error %v", contents, at, err)
	}
}

// What is read can be written, and is the same then.
func FuzzReadStream(f *testing.F) {
	_, text := exported(f)
	f.Add([]byte(text))
	f.Add([]byte(text[:len(text)/2]))
	f.Add([]byte(`{"header":{"format":"treenode-export","version":1,"index":1,"revision":1,"digest":""}}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		contents, at, err := migrate.ReadStream(bytes.NewReader(b))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := migrate.WriteStream(&out, contents, at); err != nil {
			t.Fatal(err)
		}
		again, _, err := migrate.ReadStream(&out)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range migrate.Compare(contents, again, migrate.CompareOptions{Generations: true, Resources: true}) {
			t.Errorf("%+v", d)
		}
	})
}
