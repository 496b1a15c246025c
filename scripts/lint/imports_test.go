package lint

import (
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A rule is about a room of the house and everything below it. A package obeys
// every rule whose room it is in.
type rule struct {
	room string
	// except are rooms below that the rule leaves alone.
	except []string
	// only, where not nil, lists all that may be imported besides the standard
	// library; each entry stands for itself and what is below it.
	only []string
	// onlyReason says why there is such a list.
	onlyReason string
	// forbidden maps an import, and what is below it, to the reason.
	forbidden map[string]string
}

const (
	pure      = "the state machine is a pure function of the log: "
	wiring    = "only cmd/treenode constructs and wires"
	serverDep = "importing the client must pull in no server"
)

var rules = []rule{
	{
		room:   "", // the whole house
		except: []string{"cmd", "scripts"},
		forbidden: map[string]string{
			module + "/cmd":                wiring,
			module + "/scripts":            "scripts look at the product, never the other way round",
			"github.com/spf13/cobra":       "the command line belongs to cmd/treenode",
			"github.com/spf13/pflag":       "the command line belongs to cmd/treenode",
			"github.com/knadh/koanf":       "configuration is read in cmd/treenode and handed down as values",
			"github.com/jedib0t/go-pretty": "only cmd/treenode draws for people",
			"golang.org/x/term":            "only cmd/treenode talks to a terminal",
		},
	},
	{
		room: "",
		forbidden: map[string]string{
			"C":                                  "the binary is static: no cgo",
			"github.com/gophercloud/gophercloud": "for tests only",
			"github.com/pb33f/libopenapi":        "for tests only",
			"io/ioutil":                          "deprecated",
		},
	},
	{
		room:   "", // but for the one room that draws
		except: []string{"transport/tracing"},
		forbidden: map[string]string{
			"go.opentelemetry.io": "traces are drawn through cluster.Tracer; only transport/tracing knows OpenTelemetry",
		},
	},
	{
		room:       "fsm",
		only:       []string{module + "/fsm", "github.com/tidwall/btree"},
		onlyReason: pure + "it knows the domain and one collection library",
		forbidden: map[string]string{
			"crypto/rand":               pure + "randomness is stamped by the proposer",
			"github.com/hashicorp/raft": "the state machine does not know who orders its commands",
			"hash/maphash":              pure + "its hashes differ from process to process",
			"log":                       "return it or handle it: nothing below cluster logs",
			"math/rand":                 pure + "randomness is stamped by the proposer",
			"net":                       pure + "no network",
			"os":                        pure + "no files, no environment; readers and writers are handed in",
			"plugin":                    pure + "no code from elsewhere",
			"syscall":                   pure + "no operating system",
			"time":                      pure + "the clock is the proposer's, and comes in the command",
			"unsafe":                    pure + "nothing that depends on addresses or layout",
		},
	},
	{
		room:       "fsm/tree",
		only:       []string{module + "/fsm/tree", "github.com/tidwall/btree"},
		onlyReason: "the domain knows nothing above it",
	},
	{
		room:       "fsm/candidates",
		only:       []string{module + "/fsm/tree", module + "/fsm/candidates"},
		onlyReason: "the search is a function of a tree.State and a request",
	},
	{
		room: "cluster",
		forbidden: map[string]string{
			module + "/transport": "cluster declares the interfaces it consumes; transport implements them, cmd joins them",
			module + "/client":    "nodes talk over their peer port",
			"net/http":            "HTTP ends in transport",
		},
	},
	{
		room:       "cluster/archive",
		only:       []string{module + "/cluster/archive", module + "/fsm"},
		onlyReason: "an archive is a state and its sums, whoever writes or reads it",
	},
	{
		room:       "cluster/atrest",
		only:       []string{module + "/cluster/atrest"},
		onlyReason: "what encrypts knows nothing of logs and snapshots",
	},
	{
		room: "transport",
		forbidden: map[string]string{
			module + "/client": "the client depends on the wire, never the server on the client",
		},
	},
	{
		room: "transport/auth",
		only: []string{
			module + "/transport/auth", "github.com/hashicorp/go-hclog", "github.com/hashicorp/golang-lru/v2",
			"go.yaml.in/yaml/v3", "golang.org/x/crypto", "golang.org/x/sync", "golang.org/x/time",
		},
		onlyReason: "who somebody is does not depend on what they ask for",
	},
	{
		room:       "transport/policy",
		only:       []string{module + "/transport/policy", module + "/transport/auth", "go.yaml.in/yaml/v3"},
		onlyReason: "a decision is a function of the rules, the identity and the action",
	},
	{
		room:       "transport/wire",
		only:       []string{module + "/transport/wire"},
		onlyReason: serverDep,
	},
	{
		room:       "transport/certs",
		only:       []string{module + "/transport/certs", "github.com/hashicorp/go-hclog"},
		onlyReason: "who is let in depends on certificates and nothing else",
	},
	{
		room:       "client",
		only:       []string{module + "/client", module + "/transport/wire", "github.com/google/uuid"},
		onlyReason: serverDep,
	},
}

// within reports whether path is prefix or below it; "" is above everything.
func within(path, prefix string) bool {
	return prefix == "" || path == prefix || strings.HasPrefix(path, prefix+"/")
}

func withinAny(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return within(path, p) })
}

func standardLibrary(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// importFindings says which of the imports a package in that room must not
// have, and why.
func importFindings(room, imported string) []string {
	var found []string
	for _, r := range rules {
		if !within(room, r.room) || withinAny(room, r.except) {
			continue
		}
		for forbidden, reason := range r.forbidden {
			if within(imported, forbidden) {
				found = append(found, fmt.Sprintf("%s imports %s: %s", room, imported, reason))
			}
		}
		if r.only != nil && !standardLibrary(imported) && !withinAny(imported, r.only) {
			found = append(found, fmt.Sprintf("%s imports %s: %s", room, imported, r.onlyReason))
		}
	}
	slices.Sort(found)
	return found
}

func TestImports(t *testing.T) {
	checked := 0
	for _, p := range packages(t) {
		for _, name := range p.sources() {
			path := filepath.Join(p.Dir, name)
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly)
			if err != nil {
				t.Error(err)
				continue
			}
			for _, spec := range f.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Error(err)
					continue
				}
				checked++
				for _, finding := range importFindings(p.room(), imported) {
					t.Errorf("%s:%d: %s", path, fset.Position(spec.Pos()).Line, finding)
				}
			}
		}
	}
	if checked == 0 {
		t.Fatal("no import seen: nothing was checked")
	}
}

func TestImportFindings(t *testing.T) {
	for _, c := range []struct {
		room, imported string
		want           []string // a part of each finding
	}{
		{"fsm/tree", "strings", nil},
		{"fsm/tree", "math/bits", nil},
		{"fsm/tree", "github.com/tidwall/btree", nil},
		{"fsm/tree", module + "/fsm/tree/standard", nil},
		{"fsm/tree", "time", []string{"the clock"}},
		{"fsm/tree", "math/rand/v2", []string{"randomness"}},
		{"fsm/tree", "os/exec", []string{"no files"}},
		{"fsm/tree", "net/http", []string{"no network"}},
		{"fsm/tree", module + "/fsm", []string{"nothing above it"}},
		{"fsm/tree", "github.com/google/uuid", []string{"one collection library", "nothing above it"}},
		{"fsm", module + "/fsm/tree", nil},
		{"fsm", "time", []string{"the clock"}},
		{"fsm", "github.com/hashicorp/raft", []string{"one collection library", "does not know who orders"}},
		{"fsm", module + "/cluster", []string{"one collection library"}},
		{"fsm/candidates", module + "/fsm/tree", nil},
		{"fsm/candidates", module + "/fsm", []string{"a function of a tree.State"}},
		{"cluster", "net", nil},
		{"cluster", "github.com/hashicorp/raft", nil},
		{"cluster", module + "/fsm", nil},
		{"cluster", "net/http", []string{"HTTP ends"}},
		{"cluster", module + "/transport/raftnet", []string{"declares the interfaces"}},
		{"cluster", module + "/cmd/treenode", []string{"constructs and wires"}},
		{"cluster/archive", module + "/fsm", nil},
		{"cluster/archive", "github.com/hashicorp/raft", []string{"a state and its sums"}},
		{"transport/wire", "net/http", nil},
		{"transport/wire", "github.com/google/uuid", []string{"no server"}},
		{"transport/wire", module + "/fsm/tree", []string{"no server"}},
		{"transport/api", module + "/fsm", nil},
		{"transport/api", "go.opentelemetry.io/otel/trace", []string{"only transport/tracing"}},
		{"transport/tracing", "go.opentelemetry.io/otel/trace", nil},
		{"transport/api", module + "/client", []string{"never the server on the client"}},
		{"transport/auth/keystone", module + "/transport/auth", nil},
		{"transport/auth/keystone", module + "/cluster", []string{"does not depend on what they ask"}},
		{"transport/policy", module + "/transport/auth", nil},
		{"transport/policy", module + "/transport/placement", []string{"a function of the rules"}},
		{"client", module + "/transport/wire", nil},
		{"client", "github.com/google/uuid", nil},
		{"client", module + "/transport/api", []string{"no server"}},
		{"client", "github.com/spf13/cobra", []string{"command line", "no server"}},
		{"clients", "github.com/hashicorp/raft", nil}, // another room with a like name
		{"cmd/treenode", "github.com/spf13/cobra", nil},
		{"cmd/treenode", module + "/cluster", nil},
		{"cmd/treenode", "github.com/pb33f/libopenapi/datamodel", []string{"tests only"}},
		{"transport/api", "C", []string{"no cgo"}},
		{"scripts/fault", module + "/client", nil},
	} {
		got := importFindings(c.room, c.imported)
		if len(got) != len(c.want) {
			t.Errorf("%s importing %s: findings %q, want %q", c.room, c.imported, got, c.want)
			continue
		}
		for _, part := range c.want {
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, part) }) {
				t.Errorf("%s importing %s: findings %q, want one with %q", c.room, c.imported, got, part)
			}
		}
	}
}
