package main

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A mutation that no longer fits is noticed with the change that moved its
// text, and not when somebody next runs them all.
func TestEveryMutationFits(t *testing.T) {
	root, err := repository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range mutations() {
		if names[m.name] {
			t.Errorf("there are two mutations %s", m.name)
		}
		names[m.name] = true
		overlay, err := mutated(m, root, t.TempDir())
		if err != nil {
			t.Error(err)
			continue
		}
		b, err := os.ReadFile(overlay)
		if err != nil {
			t.Fatal(err)
		}
		var o struct{ Replace map[string]string }
		if err := json.Unmarshal(b, &o); err != nil || len(o.Replace) == 0 {
			t.Fatalf("%s: overlay %s: %v", m.name, b, err)
		}
		for path, with := range o.Replace {
			if _, err := parser.ParseFile(token.NewFileSet(), with, nil, 0); err != nil {
				t.Errorf("%s: %s: %v", m.name, path, err)
			}
		}
	}
	if len(names) < 12 {
		t.Errorf("%d mutations, at least 12 are promised", len(names))
	}
}

// Every mutation has something that should notice it, or says why not.
func TestEveryMutationHasACatcher(t *testing.T) {
	root, err := repository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutations() {
		if len(m.faults) == 0 && m.blind == "" {
			t.Errorf("%s: it does not say why the campaign can't see it", m.name)
		}
		if m.test.name == "" {
			if len(m.faults) == 0 && m.miss == "" {
				t.Errorf("%s: nothing is to notice it, and it does not say why", m.name)
			}
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(m.test.dir), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(b), "\nfunc "+m.test.name+"(t *testing.T) {")
		}
		if !found {
			t.Errorf("%s: there is no test %s", m.name, m.test)
		}
	}
}

func TestAnEditNeedsItsTextOnce(t *testing.T) {
	e := edit{file: "x.go", old: "b", new: "c"}
	if got, err := e.apply("m", "abd"); err != nil || got != "acd" {
		t.Errorf("applied: %q, %v", got, err)
	}
	for content, found := range map[string]int{"ad": 0, "abdb": 2} {
		var unfit *fitError
		if _, err := e.apply("m", content); !errors.As(err, &unfit) || unfit.found != found || unfit.mutation != "m" {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-only", "two-steps,no-dedupe", "-by", "test"}, io.Discard)
	if err != nil || len(o.chosen) != 2 || o.chosen[0].name != "two-steps" || len(o.by) != 1 || o.seed == 0 {
		t.Errorf("parsed: %+v, %v", o, err)
	}
	for _, wrong := range []string{"-only=none", "-by=luck", "-runs=0", "-nodes=4", "-duration=1s", "-o=yaml", "more"} {
		if _, err := parse([]string{wrong}, io.Discard); !errors.Is(err, errWrong) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestReport(t *testing.T) {
	all := []result{
		{Mutation: "a", CaughtBy: byCampaign, Seed: 7, How: "kill: lost"},
		{Mutation: "b", CaughtBy: byNothing, Tried: []string{"test: passed"}},
		{Mutation: "c", CaughtBy: byNothing, Known: "because"},
	}
	var b strings.Builder
	if err := writeText(&b, all); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 caught by the campaign, 0 by a test, 2 by nothing", "NOT CAUGHT: b", "known miss: c: because", "b: test: passed"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if all[0].bad() || !all[1].bad() || all[2].bad() {
		t.Error("only b should have been noticed and was not")
	}
}

func TestFailure(t *testing.T) {
	for out, want := range map[string]string{
		"=== RUN   TestX\n    x_test.go:3: a is b\n--- FAIL: TestX (0.00s)\n":         "x_test.go:3: a is b",
		"=== RUN   TestX\n    x_test.go:2: seed 7\n    x_test.go:3: seed 7: a is b\n": "x_test.go:3: seed 7: a is b",
		"=== RUN   TestX\npanic: test timed out after 1s\n":                           "panic: test timed out after 1s",
		"FAIL\n": "it failed",
	} {
		if got := failure(out); got != want {
			t.Errorf("%q: %q, want %q", out, got, want)
		}
	}
}
