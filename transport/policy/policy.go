package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/treenode/treenode/transport/auth"
)

// Mode tells which rules hold where no file overrides them.
type Mode string

// The modes.
const (
	// Secure: admin or service may do all but two things: Placement's reshape is
	// the service's, and changing the cluster is the admin's. A reader may see the
	// usages of their own project; one of the whole deployment all that the native
	// API shows.
	Secure Mode = "secure"
	// Legacy: what secure allows, and everything for the role admin.
	Legacy Mode = "legacy"
	// Open: any authenticated user may do anything but WriteCluster and
	// WriteGenerations.
	Open Mode = "open"
)

// Policy decides who may do what. It is immutable and safe for concurrent use.
type Policy struct {
	rules   map[string]check
	mode    Mode
	unknown []string
}

// New makes the policy of a mode. The file, which may be nil, is YAML that maps
// rule names to expressions and overrides single rules. Names that the APIs have
// no rule for are no error: existing files define names of their own, and rules
// of other releases; see Unknown. The error names the rule that can't be read.
func New(mode Mode, file []byte) (*Policy, error) {
	texts := actions()
	switch mode {
	case Secure, "":
		mode = Secure
	case Legacy:
		for name := range texts {
			texts[name] = "(" + texts[name] + ") or role:admin"
		}
	case Open:
		for name := range texts {
			if name != WriteCluster && name != WriteGenerations {
				texts[name] = "@"
			}
		}
	default:
		return nil, fmt.Errorf("policy-mode: %q is none of secure, legacy, open", mode)
	}
	maps.Copy(texts, aliases)
	var given map[string]any
	if err := yaml.Unmarshal(file, &given); err != nil {
		return nil, fmt.Errorf("policy-file: %w", err)
	}
	p := &Policy{rules: make(map[string]check, len(texts)), mode: mode}
	for name, value := range given {
		if _, known := texts[name]; !known && isAction(name) {
			p.unknown = append(p.unknown, name)
		}
		delete(texts, name)
		c, err := readCheck(value)
		if err != nil {
			return nil, fmt.Errorf("policy-file: rule %s: %w", name, err)
		}
		p.rules[name] = c
	}
	slices.Sort(p.unknown)
	for name, text := range texts {
		c, err := parseCheck(text)
		if err != nil {
			return nil, fmt.Errorf("policy rule %s: %w", name, err)
		}
		p.rules[name] = c
	}
	return p, nil
}

// Default is the policy of mode Secure.
func Default() *Policy {
	p, err := New(Secure, nil)
	if err != nil { // a test reads the rules
		return &Policy{} // which allows nothing
	}
	return p
}

// Unknown lists the file's rules that look like rules of an API and are none: of
// another release, or misspelt. They have no effect of their own.
func (p *Policy) Unknown() []string { return slices.Clone(p.unknown) }

// Allows reports whether the identity may act. The target of an action is the
// caller's own project and user, but for PlacementUsages, which is about the
// project given.
func (p *Policy) Allows(action string, id auth.Identity, project string) bool {
	if id.Domain != "" {
		return false
	}
	if id.System && !strings.HasPrefix(action, "treenode:") { // Placement's rules are of project scope
		return false
	}
	t := target{project: id.Project, user: id.User, hasUser: true}
	if action == PlacementUsages {
		t = target{project: project}
	}
	return rule(action).allows(p, id, t, 0)
}
