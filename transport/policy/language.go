package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/treenode/treenode/transport/auth"
)

// target is what a rule may compare the caller with: the project and the user
// that an action is about, by the names project_id and user_id.
type target struct {
	project, user string
	hasUser       bool
}

func (t target) value(name string) (string, bool) {
	switch name {
	case "project_id":
		return t.project, true
	case "user_id":
		return t.user, t.hasUser
	}
	return "", false
}

// check is one expression of the policy language.
type check interface {
	allows(p *Policy, id auth.Identity, t target, depth int) bool
}

type (
	constant bool
	anyOf    []check
	allOf    []check
	negation struct{ check }
	role     template
	rule     string
	// comparison is of an attribute of the caller, or of a literal, with a text.
	comparison struct {
		attribute string
		literal   bool
		with      template
	}
	// template is a text in which %(name)s stands for a value of the target.
	template string
)

// ruleDepthMax bounds rules that name rules.
const ruleDepthMax = 32

func (c constant) allows(*Policy, auth.Identity, target, int) bool { return bool(c) }

func (c anyOf) allows(p *Policy, id auth.Identity, t target, depth int) bool {
	for _, of := range c {
		if of.allows(p, id, t, depth) {
			return true
		}
	}
	return false
}

func (c allOf) allows(p *Policy, id auth.Identity, t target, depth int) bool {
	for _, of := range c {
		if !of.allows(p, id, t, depth) {
			return false
		}
	}
	return true
}

func (c negation) allows(p *Policy, id auth.Identity, t target, depth int) bool {
	return !c.check.allows(p, id, t, depth)
}

func (c role) allows(_ *Policy, id auth.Identity, t target, _ int) bool {
	name, ok := template(c).fill(t)
	return ok && id.HasRole(name)
}

// A rule that nobody defined is the one named default, where there is one, and
// else allows nothing, nor does one that leads to itself.
func (c rule) allows(p *Policy, id auth.Identity, t target, depth int) bool {
	named, ok := p.rules[string(c)]
	if !ok {
		named, ok = p.rules["default"]
	}
	return ok && depth < ruleDepthMax && named.allows(p, id, t, depth+1)
}

func (c comparison) allows(_ *Policy, id auth.Identity, t target, _ int) bool {
	with, ok := c.with.fill(t)
	if !ok {
		return false
	}
	if c.literal {
		return c.attribute == with
	}
	orNone := func(text string) string {
		if text == "" {
			return "None"
		}
		return text
	}
	switch c.attribute {
	case "project_id":
		return orNone(id.Project) == with
	case "user_id":
		return orNone(id.User) == with
	case "roles":
		return slices.Contains(id.Roles, with)
	case "system_scope":
		return id.System && with == "all" || !id.System && with == "None"
	case "domain_id":
		return orNone(id.Domain) == with
	case "user_domain_id":
		return orNone(id.UserDomain) == with
	case "project_domain_id":
		return orNone(id.ProjectDomain) == with
	}
	return false
}

var placeholder = regexp.MustCompile(`%\(([^)]*)\)s`)

// fill puts in the target's values; it fails where there is no such value.
func (text template) fill(t target) (string, bool) {
	if !strings.Contains(string(text), "%(") {
		return string(text), true // nearly all
	}
	known := true
	filled := placeholder.ReplaceAllStringFunc(string(text), func(name string) string {
		value, ok := t.value(placeholder.FindStringSubmatch(name)[1])
		known = known && ok
		return value
	})
	return filled, known
}

// readCheck reads a rule as YAML has it: an expression, or a list (any of) of
// expressions or lists (all of) of checks, the language's older form. The empty
// list allows everyone, as the empty text does.
func readCheck(value any) (check, error) {
	switch value := value.(type) {
	case string:
		return parseCheck(value)
	case []any:
		if len(value) == 0 {
			return constant(true), nil
		}
		list := anyOf{}
		for _, entry := range value {
			checks, ok := entry.([]any)
			if !ok {
				checks = []any{entry}
			}
			all := allOf{}
			for _, one := range checks {
				text, ok := one.(string)
				if !ok {
					return nil, fmt.Errorf("%v is no check", one)
				}
				c, err := parseCheck(text)
				if err != nil {
					return nil, err
				}
				all = append(all, c)
			}
			if len(all) > 0 {
				list = append(list, all)
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("%v is neither a text nor a list; \"@\" allows everyone and \"!\" no one", value)
}

var policyToken = regexp.MustCompile(`\s*(\(|\)|(?:[^\s()%]|%\([^\s()]+\)s)+)`)

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
	case kind == "http" || kind == "https":
		return nil, fmt.Errorf("%q: checks by another server are not supported", word)
	}
	if literal, ok := literalText(kind); ok {
		return comparison{literal, true, template(value)}, nil
	}
	return comparison{kind, false, template(value)}, nil
}

// literalText is the text of a literal on the left of a comparison: a quoted
// text, a number, True, False or None.
func literalText(word string) (string, bool) {
	if n := len(word); n >= 2 && (word[0] == '\'' || word[0] == '"') && word[n-1] == word[0] {
		return word[1 : n-1], true
	}
	if _, err := strconv.ParseInt(word, 10, 64); err == nil {
		return word, true
	}
	return word, word == "True" || word == "False" || word == "None"
}
