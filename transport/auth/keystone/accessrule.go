package keystone

import (
	"net/http"
	"regexp"
	"strings"
)

// accessRule is what an application credential may be used for.
type accessRule struct {
	service, method string
	path            *regexp.Regexp
}

// Limits of what a token may hold of rules.
const (
	accessRulesMax     = 1000
	accessPathBytesMax = 1024
)

// pathPattern reads a rule's path: * and {name} stand for one segment's text,
// ** for any text.
func pathPattern(pattern string) (*regexp.Regexp, error) {
	var s strings.Builder
	s.WriteString(`\A(?s:`)
	for rest := pattern; rest != ""; {
		switch end := strings.IndexByte(rest, '}'); {
		case strings.HasPrefix(rest, "**"):
			s.WriteString(".*")
			rest = rest[2:]
		case rest[0] == '*':
			s.WriteString("[^/]+")
			rest = rest[1:]
		case rest[0] == '{' && end > 0:
			s.WriteString("[^/]+")
			rest = rest[end+1:]
		default:
			literal := len(rest)
			if i := strings.IndexAny(rest[1:], "*{"); i >= 0 {
				literal = i + 1
			}
			s.WriteString(regexp.QuoteMeta(rest[:literal]))
			rest = rest[literal:]
		}
	}
	s.WriteString(`)\z`)
	return regexp.Compile(s.String())
}

// permits reports whether a rule allows the request.
func (a accessRule) permits(r *http.Request, service string) bool {
	return a.service == service && a.method == r.Method && a.path.MatchString(r.URL.Path)
}
