package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const saved = `{"machine": {"cores": 2, "cpu": "A < B & C"}, "results": [{"name": "treenode", "rows": [
	{"workload": "claims", "unit": "claims", "clients": 1, "providers": 1000, "p50_millis": 900},
	{"workload": "scale", "unit": "claims", "clients": 1, "providers": 1000, "p50_millis": 1},
	{"workload": "scale", "unit": "claims", "clients": 16, "providers": 1000, "p50_millis": 5},
	{"workload": "scale", "unit": "claims", "clients": 1, "providers": 100000, "p50_millis": 10},
	{"workload": "scale", "unit": "claims", "clients": 16, "providers": 100000, "p50_millis": 0}]}]}`

func plot(t *testing.T, content string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scale.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err := run([]string{path}, &out)
	return out.String(), err
}

func TestPlot(t *testing.T) {
	svg, err := plot(t, saved)
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for part, want := range map[string]int{
		"<circle": 3, "<polyline": 2, "claims, 1 client<": 1, "claims, 16 clients<": 1, "A &lt; B &amp; C": 1,
		// From corner to corner: a thousand and 1 ms, a hundred thousand and 10 ms.
		`points="60.0,350.0 470.0,40.0"`: 1, ">1k<": 1, ">100k<": 1,
	} {
		if got := strings.Count(svg, part); got != want {
			t.Errorf("%s: %d times, want %d:\n%s", part, got, want, svg)
		}
	}
}

func TestPlotRefuses(t *testing.T) {
	for _, content := range []string{"", "{}", `{"results": []}`, `{"results": [{"rows": [{"workload": "claims"}]}]}`} {
		if svg, err := plot(t, content); err == nil || svg != "" {
			t.Errorf("%s: %v %q", content, err, svg)
		}
	}
	if err := run(nil, io.Discard); err == nil {
		t.Error("no argument is taken")
	}
}
