package placement

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// PolicyMode tells which rules hold where no file overrides them.
type PolicyMode string

// The modes.
const (
	// PolicySecure: admin or service may do all but reshape, which is the
	// service's; a reader may see the usages of their own project.
	PolicySecure PolicyMode = "secure"
	// PolicyLegacy: what secure allows, and everything for the role admin.
	PolicyLegacy PolicyMode = "legacy"
	// PolicyOpen: any authenticated user may do anything.
	PolicyOpen PolicyMode = "open"
)

// Policy decides who may do what. It is immutable and safe for concurrent use.
type Policy struct {
	rules   map[string]check
	mode    PolicyMode
	unknown []string
}

const (
	ruleReshape = "placement:reshaper:reshape"
	ruleUsages  = "placement:usages"
)

// NewPolicy makes the policy of a mode. The file, which may be nil, is YAML
// that maps rule names to expressions and overrides single rules. Names that
// the API has no rule for are no error: existing files define names of their
// own, and rules of other releases; see Unknown. The error names the rule that
// can't be read.
func NewPolicy(mode PolicyMode, file []byte) (*Policy, error) {
	texts := map[string]string{
		"admin_api":          "role:admin",
		"project_reader_api": "role:reader and project_id:%(project_id)s",
		// Names that files for earlier releases refer to.
		"system_admin_api":                       "role:admin and system_scope:all",
		"system_reader_api":                      "role:reader and system_scope:all",
		"service_api":                            "role:service",
		"admin_or_service_api":                   "role:admin or role:service",
		"admin_or_project_reader_or_service_api": "role:admin or role:service or (role:reader and project_id:%(project_id)s)",
	}
	for _, r := range routes {
		if r.policy != "" {
			texts[r.policy] = "rule:admin_or_service_api"
		}
	}
	texts[ruleReshape] = "rule:service_api"
	texts[ruleUsages] = "rule:admin_or_project_reader_or_service_api"
	switch mode {
	case PolicySecure, "":
		mode = PolicySecure
	case PolicyLegacy:
		for name := range texts {
			if isAction(name) {
				texts[name] = "(" + texts[name] + ") or role:admin"
			}
		}
	case PolicyOpen:
		for name := range texts {
			if isAction(name) {
				texts[name] = "@"
			}
		}
	default:
		return nil, fmt.Errorf("policy-mode: %q is none of secure, legacy, open", mode)
	}
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

// Unknown lists the file's rules that look like rules of the API and are none:
// of another release, or misspelt. They have no effect of their own.
func (p *Policy) Unknown() []string { return slices.Clone(p.unknown) }

// isAction reports whether the name is a rule of the API, not of a file's own.
func isAction(name string) bool { return len(name) > 10 && name[:10] == "placement:" }

// allows reports whether the identity may act. All rules are of project scope.
// The target of an action is the caller's own project and user, but for those
// that name a project.
func (p *Policy) allows(action string, id Identity, project string) bool {
	if id.System {
		return false
	}
	t := target{project: id.Project, user: id.User, hasUser: true}
	if action == ruleUsages {
		t = target{project: project}
	}
	return rule(action).allows(p, id, t, 0)
}
