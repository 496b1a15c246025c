package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/treenode/treenode/transport/placement/placementtest"
)

var (
	anyUUID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	foreign = regexp.MustCompile(`^CUSTOM_[0-9]{8}(_|\n|$)`)
)

const zeroUUID = "00000000-0000-0000-0000-000000000000"

// own leaves of an answer what is of the history: its digits are {ns}, UUIDs
// that the server made up are {made}, and lists of all there is have only what
// has those digits, or none.
func own(a placementtest.Answer, space string, r placementtest.Request) placementtest.Answer {
	made := false
	rename := func(text string) string {
		return anyUUID.ReplaceAllStringFunc(text, func(u string) string {
			if strings.HasPrefix(u, space) || u == zeroUUID || strings.Contains(r.Path, u) || strings.Contains(r.Body, u) {
				return u
			}
			made = true
			return "{made}"
		})
	}
	path, _, _ := strings.Cut(r.Path, "?")
	if path == "/allocation_candidates" && a.Status == http.StatusOK {
		a.Body = onlyOwnCandidates(a.Body, space)
	}
	a.Body = rename(a.Body)
	if a.Status == http.StatusOK && r.Method == http.MethodGet {
		switch path {
		case "/resource_classes", "/traits", "/resource_providers":
			a.Body = onlyOwn(a.Body, space, strings.Contains(r.Path, "associated"))
		}
	}
	a.Body = strings.ReplaceAll(a.Body, space, "{ns}")
	if methods := a.Headers["allow"]; methods != "" {
		all := strings.Split(methods, ", ")
		slices.Sort(all)
		a.Headers["allow"] = strings.Join(all, ", ")
	}
	for name, value := range a.Headers {
		a.Headers[name] = strings.ReplaceAll(rename(value), space, "{ns}")
	}
	if made {
		a.Body = placementtest.Normal(a.Body, a.Headers["content-type"]) // lists have another order now
	}
	return a
}

func compact(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was JSON
	}
	return string(text)
}

// onlyOwn leaves what other histories made out of a list.
// Which standard traits have providers depends on those too.
func onlyOwn(body, space string, strict bool) string {
	var lists map[string][]json.RawMessage
	if json.Unmarshal([]byte(body), &lists) != nil {
		return body
	}
	for name, list := range lists {
		lists[name] = slices.DeleteFunc(list, func(entry json.RawMessage) bool {
			if strings.Contains(string(entry), space) {
				return false
			}
			if strict || name == "resource_providers" {
				return true
			}
			var class struct{ Name string }
			var trait string
			if json.Unmarshal(entry, &class) != nil && json.Unmarshal(entry, &trait) != nil {
				return false
			}
			// The standard traits are those of a release, and each has its own.
			return foreign.MatchString(class.Name) || trait != "" && trait != "HW_CPU_X86_VMX" && trait != "HW_CPU_X86_SGX"
		})
	}
	return compact(lists)
}

// onlyOwnCandidates leaves out candidates of what other histories made: a
// query that was spoiled may have none but those.
func onlyOwnCandidates(body, space string) string {
	strange := func(text string) bool {
		return slices.ContainsFunc(anyUUID.FindAllString(text, -1), func(u string) bool { return !strings.HasPrefix(u, space) })
	}
	var b candidateBody
	if !strange(body) || json.Unmarshal([]byte(body), &b) != nil {
		return body
	}
	b.Requests = slices.DeleteFunc(b.Requests, func(r json.RawMessage) bool { return strange(string(r)) })
	maps.DeleteFunc(b.Summaries, func(u string, _ json.RawMessage) bool { return strange(u) })
	return compact(b)
}
