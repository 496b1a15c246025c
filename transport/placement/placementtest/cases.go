package placementtest

import (
	"fmt"
	"strings"
)

// Case is one exchange of a case file.
type Case struct {
	Title string
	// Text is the request as the file has it.
	Text    string
	Request Request
	// Want is the answer as the file has it.
	Want string
}

// ParseCases reads a case file. A case begins with "=== " and a title; then
// come the request (method, path, microversion or -; headers; body) and, after
// a line "---", the answer. The head is what comes before the first case.
func ParseCases(text string) (head string, cases []Case, err error) {
	head, rest, _ := strings.Cut(text, "=== ")
	for _, part := range strings.Split(rest, "\n=== ") {
		var c Case
		var exchange string
		c.Title, exchange, _ = strings.Cut(part, "\n")
		c.Text, c.Want, _ = strings.Cut(exchange, "\n---\n")
		if c.Request, err = parseRequest(c.Text); err != nil {
			return "", nil, fmt.Errorf("case %q: %w", c.Title, err)
		}
		cases = append(cases, c)
	}
	return head, cases, nil
}

// FormatCases writes what ParseCases reads.
func FormatCases(head string, cases []Case) string {
	var b strings.Builder
	b.WriteString(head)
	for _, c := range cases {
		b.WriteString("=== " + c.Title + "\n" + strings.TrimRight(c.Text, "\n") + "\n---\n" + c.Want + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func parseRequest(text string) (Request, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	first := strings.Fields(lines[0])
	if len(first) != 3 {
		return Request{}, fmt.Errorf("%q is not METHOD PATH VERSION", lines[0])
	}
	r := Request{Method: first[0], Path: first[1], Headers: map[string]string{}}
	if first[2] != "-" {
		r.Version = first[2]
	}
	for i, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.ContainsAny(name, "{[\" ") {
			r.Body = strings.Join(lines[1+i:], "\n")
			break
		}
		r.Headers[name] = strings.TrimSpace(value)
	}
	return r, nil
}
