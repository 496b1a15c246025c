package placement

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

// parameter is one pair of a query.
type parameter struct{ name, value string }

// parameters reads the request's query, in its order, and compares the last
// value of each parameter with a schema.
func (c *call) parameters(s *schema.Schema) ([]parameter, *failure) {
	var all []parameter
	last := map[string]any{}
	for _, pair := range strings.FieldsFunc(c.r.URL.RawQuery, func(r rune) bool { return r == '&' || r == ';' }) {
		var p parameter
		p.name, p.value, _ = strings.Cut(pair, "=")
		for _, part := range []*string{&p.name, &p.value} {
			*part = unescape(*part)
			if problem := jsontext.InvalidUTF8(*part); problem != "" {
				return nil, badRequest("Invalid query string parameters: %s", problem)
			}
		}
		all = append(all, p)
		last[p.name] = p.value
	}
	if refusal := s.Check(last); refusal != "" {
		return nil, badRequest("Invalid query string parameters: %s", refusal)
	}
	return all, nil
}

// unescape reads escapes; what is none stands for itself.
func unescape(s string) string {
	s = strings.ReplaceAll(s, "+", " ")
	first, rest, _ := strings.Cut(s, "%")
	if rest == "" {
		return s
	}
	var b strings.Builder
	b.WriteString(first)
	for _, part := range strings.Split(rest, "%") {
		digits := part[:min(2, len(part))]
		if n, err := strconv.ParseUint(digits, 16, 8); err == nil {
			b.WriteByte(byte(n))
			b.WriteString(part[len(digits):])
			continue
		}
		b.WriteString("%" + part)
	}
	return b.String()
}

func valuesOf(parameters []parameter) url.Values {
	values := url.Values{}
	for _, p := range parameters {
		values.Add(p.name, p.value)
	}
	return values
}

// query is parameters for readers to whom their order means nothing.
func (c *call) query(s *schema.Schema) (url.Values, *failure) {
	parameters, f := c.parameters(s)
	return valuesOf(parameters), f
}

func lastOf(values url.Values, name string) string {
	if all := values[name]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// members is one member_of: any of the aggregates, or none of them.
type members struct {
	aggregates []tree.UUID
	forbidden  bool
}

func (m members) holds(p tree.Provider) bool {
	return slices.ContainsFunc(m.aggregates, p.InAggregate) != m.forbidden
}

// empty reports whether no provider can hold, whatever else is asked.
func (m members) empty(s *tree.State) bool {
	if m.forbidden {
		return false
	}
	for _, a := range m.aggregates {
		for range s.ProvidersInAggregate(a, 0) {
			return false
		}
	}
	return true
}

// parseMembers reads the values of member_of, whose name may have a suffix.
func (c *call) parseMembers(name string, values []string) ([]members, *failure) {
	if len(values) > 1 && c.version < 24 {
		return nil, badRequest("Multiple member_of parameters are not supported")
	}
	var all []members
	for _, value := range values {
		rest, forbidden := strings.CutPrefix(value, "!")
		rest, several := strings.CutPrefix(rest, "in:")
		parts := strings.Split(rest, ",")
		if len(parts) > 1 && !several {
			return nil, badRequest("Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid microversion. Got: %s", value)
		}
		m := members{forbidden: forbidden}
		for _, part := range parts {
			u, ok := schema.UUID(part)
			if !ok {
				return nil, badRequest("Invalid query string parameters: Expected 'member_of' parameter to contain valid UUID(s). Got: %s", part)
			}
			m.aggregates = append(m.aggregates, u)
		}
		if forbidden && c.version < 32 {
			return nil, badRequest("Forbidden %s parameters are not supported in the specified microversion", name)
		}
		all = append(all, m)
	}
	return all, nil
}

// wanted are traits: one of each set, and none of the forbidden.
type wanted struct {
	required  [][]string
	forbidden []string
}

func (w wanted) holds(p tree.Provider) bool {
	for _, set := range w.required {
		if !slices.ContainsFunc(set, p.HasTrait) {
			return false
		}
	}
	return !slices.ContainsFunc(w.forbidden, p.HasTrait)
}

func (c *call) parseTraits(values []string) (wanted, *failure) {
	if len(values) > 1 && c.version < 39 {
		values = values[len(values)-1:]
	}
	var w wanted
	for _, value := range values {
		one, f := c.parseTraitList(value, c.version >= 39)
		if f != nil {
			return w, f
		}
		w.required = append(w.required, one.required...)
		w.forbidden = append(w.forbidden, one.forbidden...)
	}
	return w, nil
}

// parseTraitList reads one value of required or root_required. Where any is
// allowed, it may be a set of which one trait will do.
func (c *call) parseTraitList(text string, anyAllowed bool) (wanted, *failure) {
	var w wanted
	if rest, ok := strings.CutPrefix(text, "in:"); ok {
		set, f := parseAnyTrait(text, rest, anyAllowed)
		if f == nil {
			w.required = append(w.required, set)
		}
		return w, f
	}
	form := "HW_CPU_X86_VMX,CUSTOM_MAGIC"
	if c.version >= 22 {
		form = "HW_CPU_X86_VMX,!CUSTOM_MAGIC"
	}
	for _, name := range strings.Split(text, ",") {
		name = strings.TrimSpace(name)
		bare := strings.TrimLeft(name, "!") // as often as the client says so
		not := bare != name
		switch {
		case bare == "":
			return w, badRequest("Invalid query string parameters: Expected 'required' parameter value of the form: %s. Got an empty trait in: %s", form, text)
		case not && c.version < 22:
			return w, badRequest("Invalid query string parameters: Expected 'required' parameter value of the form: %s. Got: %s", form, text)
		case not:
			w.forbidden = append(w.forbidden, bare)
		default:
			w.required = append(w.required, []string{bare})
		}
	}
	return w, nil
}

func parseAnyTrait(text, rest string, allowed bool) ([]string, *failure) {
	const form = "in:HW_CPU_X86_VMX,CUSTOM_MAGIC"
	if !allowed {
		return nil, badRequest("Invalid query string parameters: The format '%s' only supported since microversion 1.39. Got: %s", form, text)
	}
	var set []string
	for _, name := range strings.Split(rest, ",") {
		name = strings.TrimSpace(name)
		switch {
		case strings.HasPrefix(name, "!"):
			return nil, badRequest("Invalid query string parameters: The format '%s' does not support forbidden traits. Got: %s", form, text)
		case name == "":
			return nil, badRequest("Invalid query string parameters: Expected 'required' parameter value of the form: %s. Got an empty trait in: %s", form, text)
		}
		set = append(set, name)
	}
	return set, nil
}

// unknown refuses traits that nobody defined: the first set of required ones
// with such a trait, else all the forbidden ones.
func (w wanted) unknown(s *tree.State) *failure {
	for _, set := range append(slices.Clone(w.required), w.forbidden) {
		var missing []string
		for _, name := range set {
			if !s.HasTrait(name) && !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
		}
		if missing != nil {
			slices.Sort(missing)
			return badRequest(`Invalid trait(s) in "required" parameter: No such trait(s): %s.`, strings.Join(missing, ", "))
		}
	}
	return nil
}

// need is an amount of a class that a provider must have free.
type need struct {
	class  string
	amount int64 // as much as int64 holds where more was asked for
}

func (n need) holds(p tree.Provider) bool {
	inv, ok := p.Inventory(n.class)
	return ok && n.amount <= inv.Capacity()-inv.Used &&
		n.amount >= inv.MinUnit && n.amount <= inv.MaxUnit && n.amount%inv.StepSize == 0
}

// grouped is a number whose digits are set in groups.
var grouped = regexp.MustCompile(`^[+-]?[0-9]+(?:_[0-9]+)+$`)

func parseResources(text string) ([]need, *failure) {
	malformed := func(got string) *failure {
		return badRequest("Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: %s.", got)
	}
	if strings.TrimSpace(text) == "" {
		return nil, malformed("empty string")
	}
	var all []need
	for _, part := range strings.Split(text, ",") {
		fields := strings.Split(part, ":")
		if len(fields) != 2 {
			return nil, malformed(part)
		}
		given := strings.TrimSpace(fields[1])
		if grouped.MatchString(given) {
			given = strings.ReplaceAll(given, "_", "")
		}
		amount, err := strconv.ParseInt(given, 10, 64)
		switch {
		case errors.Is(err, strconv.ErrRange) && amount > 0:
			// A number nevertheless, and more than anyone has.
		case err != nil:
			return nil, badRequest("Requested resource %s expected positive integer amount. Got: %s.", fields[0], fields[1])
		case amount < 1:
			return nil, badRequest("Requested resource %s requires amount >= 1. Got: %d.", fields[0], amount)
		}
		i := slices.IndexFunc(all, func(n need) bool { return n.class == fields[0] })
		if i >= 0 {
			all[i].amount = amount
			continue
		}
		all = append(all, need{fields[0], amount})
	}
	return all, nil
}

func noClass(name string) string { return fmt.Sprintf("No such resource class %s.", name) }
