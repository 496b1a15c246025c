package schema

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// run is a pattern of one set of ASCII characters, repeated: what nearly all
// patterns of this API are. It looks at each byte once, where the general
// matcher is most of what checking a claim costs.
type run struct {
	text      string
	in        [256]bool
	least, to int // to is -1 for no bound
}

// String implements jsonschema.Regexp.
func (r *run) String() string { return r.text }

// MatchString implements jsonschema.Regexp.
func (r *run) MatchString(s string) bool {
	if len(s) < r.least || r.to >= 0 && len(s) > r.to {
		return false
	}
	for i := range len(s) {
		if !r.in[s[i]] {
			return false
		}
	}
	return true
}

var runForm = regexp.MustCompile(`^\^\[([A-Za-z0-9_-]+)\](\+|\{[0-9]+(?:,[0-9]+)?\})\$$`)

// compilePattern is a jsonschema.RegexpEngine.
func compilePattern(text string) (jsonschema.Regexp, error) {
	form := runForm.FindStringSubmatch(text)
	if form == nil {
		return regexp.Compile(text)
	}
	r := &run{text: text, least: 1, to: -1}
	for set := form[1]; set != ""; {
		from, to := set[0], set[0]
		if len(set) >= 3 && set[1] == '-' {
			to, set = set[2], set[2:]
		}
		for c := int(from); c <= int(to); c++ {
			r.in[c] = true
		}
		set = set[1:]
	}
	if form[2] == "+" {
		return r, nil
	}
	least, to, several := strings.Cut(strings.Trim(form[2], "{}"), ",")
	var err error
	if r.least, err = strconv.Atoi(least); err != nil {
		return nil, err
	}
	r.to = r.least
	if several {
		r.to, err = strconv.Atoi(to)
	}
	return r, err
}
