package cli

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

var writeSample = flag.Bool("sample.write", false, "write scripts/package/treenode.yaml anew from the flags")

const samplePath = "../../../../scripts/package/treenode.yaml"

// sample is the configuration file with every option of serve, commented out,
// with its default.
func sample() string {
	var b strings.Builder
	b.WriteString(`# Configuration of a treenode node: treenode serve --config FILE.
#
# Each option of "treenode serve" is a key here. What the command line or the
# environment says (TREENODE_<KEY>) wins over this file; an unknown key is an
# error. Options that are commented out show their default.
`)
	newServe().Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "config" || f.Name == "help" {
			return
		}
		b.WriteString("\n")
		for _, line := range folded(f.Usage, 78) {
			fmt.Fprintf(&b, "# %s\n", line)
		}
		value := f.DefValue
		if f.Value.Type() == "string" && value == "" {
			value = `""`
		}
		fmt.Fprintf(&b, "#%s: %s\n", keyOf(f.Name), value)
	})
	return b.String()
}

// folded breaks a text into lines at its spaces.
func folded(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// The sample configuration has each option with what it does and its default,
// and no other: "go test ./cmd/treenode/internal/cli -run Sample -sample.write"
// makes it so.
func TestSampleConfiguration(t *testing.T) {
	want := sample()
	if *writeSample {
		if err := os.WriteFile(samplePath, []byte(want), 0o644); err != nil { //nolint:gosec // a sample, for everybody to read
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(samplePath)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the flags of serve say: run this test with -sample.write", samplePath)
	}
}

var commentedOut = regexp.MustCompile(`(?m)^#([a-z][a-z0-9_]*: )`)

// With all comments taken off, the sample is a file that serve takes, and changes
// nothing.
func TestSampleIsRead(t *testing.T) {
	text, err := os.ReadFile(samplePath)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "treenode.yaml")
	if err := os.WriteFile(path, commentedOut.ReplaceAll(text, []byte("$1")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, options := newServe(), 0
	if err := fromFile(cmd, path); err != nil {
		t.Fatal(err)
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			options++
		}
		if f.Value.String() != f.DefValue {
			t.Errorf("--%s is %s, its default %s", f.Name, f.Value, f.DefValue)
		}
	})
	if options < 20 {
		t.Errorf("%d options were read", options)
	}
}
