package placement

import (
	"fmt"
	"regexp"
	"strings"
)

// target is what a rule may compare the caller with.
type target struct{ project string }

// check is one expression of the policy language.
type check interface {
	allows(p *Policy, id Identity, t target, depth int) bool
}

type (
	constant bool
	anyOf    []check
	allOf    []check
	negation struct{ check }
	role     string
	rule     string
	// attribute compares an attribute of the caller with a value, which may be
	// %(project_id)s, the target's.
	attribute struct{ name, value string }
)

// ruleDepthMax bounds rules that name rules.
const ruleDepthMax = 32

func (c constant) allows(*Policy, Identity, target, int) bool { return bool(c) }

func (c anyOf) allows(p *Policy, id Identity, t target, depth int) bool {
	for _, of := range c {
		if of.allows(p, id, t, depth) {
			return true
		}
	}
	return false
}

func (c allOf) allows(p *Policy, id Identity, t target, depth int) bool {
	for _, of := range c {
		if !of.allows(p, id, t, depth) {
			return false
		}
	}
	return true
}

func (c negation) allows(p *Policy, id Identity, t target, depth int) bool {
	return !c.check.allows(p, id, t, depth)
}

func (c role) allows(_ *Policy, id Identity, _ target, _ int) bool { return id.HasRole(string(c)) }

// A rule that nobody defined allows nothing, nor does one that leads to itself.
func (c rule) allows(p *Policy, id Identity, t target, depth int) bool {
	named, ok := p.rules[string(c)]
	return ok && depth < ruleDepthMax && named.allows(p, id, t, depth+1)
}

func (c attribute) allows(_ *Policy, id Identity, t target, _ int) bool {
	value := c.value
	if value == "%(project_id)s" {
		value = t.project
	}
	switch c.name {
	case "project_id", "tenant_id", "tenant":
		return id.Project != "" && id.Project == value
	case "user_id":
		return id.User == value
	case "system_scope":
		return id.System && value == "all"
	case "is_admin":
		return strings.EqualFold(value, fmt.Sprint(id.HasRole("admin")))
	}
	return false
}

var policyToken = regexp.MustCompile(`\s*(\(|\)|%\([a-z_.]+\)s|(?:[^\s()%]|%\([a-z_.]+\)s)+)`)

// parseCheck reads an expression: @, !, kind:value, not, and, or, parentheses.
// The empty text allows everyone.
func parseCheck(text string) (check, error) {
	if strings.TrimSpace(text) == "" {
		return constant(true), nil
	}
	p := &checkParser{}
	rest := text
	for strings.TrimSpace(rest) != "" {
		m := policyToken.FindStringSubmatchIndex(rest)
		if m == nil || m[0] != 0 {
			return nil, fmt.Errorf("%q can't be read from %q on", text, rest)
		}
		p.tokens = append(p.tokens, rest[m[2]:m[3]])
		rest = rest[m[1]:]
	}
	c, err := p.any()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("%q is not expected", p.tokens[0])
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	return c, nil
}

type checkParser struct {
	tokens []string
	depth  int
}

func (p *checkParser) take(word string) bool {
	if len(p.tokens) > 0 && strings.EqualFold(p.tokens[0], word) {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *checkParser) any() (check, error) {
	first, err := p.all()
	if err != nil {
		return nil, err
	}
	list := anyOf{first}
	for p.take("or") {
		next, err := p.all()
		if err != nil {
			return nil, err
		}
		list = append(list, next)
	}
	return list, nil
}

func (p *checkParser) all() (check, error) {
	first, err := p.one()
	if err != nil {
		return nil, err
	}
	list := allOf{first}
	for p.take("and") {
		next, err := p.one()
		if err != nil {
			return nil, err
		}
		list = append(list, next)
	}
	return list, nil
}

func (p *checkParser) one() (check, error) {
	if p.depth++; p.depth > 1000 {
		return nil, fmt.Errorf("the expression is too long")
	}
	if len(p.tokens) == 0 {
		return nil, fmt.Errorf("something is missing at the end")
	}
	switch {
	case p.take("not"):
		of, err := p.one()
		return negation{of}, err
	case p.take("("):
		of, err := p.any()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a closing parenthesis is missing")
		}
		return of, err
	case p.take("@"):
		return constant(true), nil
	case p.take("!"):
		return constant(false), nil
	}
	word := p.tokens[0]
	p.tokens = p.tokens[1:]
	kind, value, ok := strings.Cut(word, ":")
	switch {
	case !ok || kind == "" || value == "":
		return nil, fmt.Errorf("%q is no check", word)
	case kind == "role":
		return role(value), nil
	case kind == "rule":
		return rule(value), nil
	}
	return attribute{kind, value}, nil
}
