package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/treenode/treenode/transport/placement/placementtest"
)

// candidateBody is an answer with candidates; the requests are texts, which are
// equal where the candidates are.
type candidateBody struct {
	Requests  []json.RawMessage          `json:"allocation_requests"`
	Summaries map[string]json.RawMessage `json:"provider_summaries"`
}

func parseCandidates(a placementtest.Answer) (candidateBody, bool) {
	var b candidateBody
	return b, a.Status == http.StatusOK && json.Unmarshal([]byte(a.Body), &b) == nil
}

func (b candidateBody) texts() map[string]bool {
	all := map[string]bool{}
	for _, r := range b.Requests {
		all[string(r)] = true
	}
	return all
}

var limits = regexp.MustCompile(`(?:^|([?&;]))limit=[^&;]*`)

// unlimited is the request without its limit, and the limit; 0 for none.
func unlimited(s step) (step, int) {
	_, rest, found := strings.Cut(s.path, "limit=")
	if !found {
		return s, 0
	}
	n, err := strconv.Atoi(rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))])
	if err != nil {
		return s, 0
	}
	s.path = limits.ReplaceAllString(s.path, "$1")
	return s, n
}

// judgeCandidates compares answers to a request for candidates that are not
// the same text.
func (p *pair) judgeCandidates(space string, s step, reference, ours *placementtest.Answer) (string, verdict, error) {
	if _, ok := parseCandidates(*ours); !ok {
		return "", differs, nil
	}
	all, limit := unlimited(s)
	if limit > 0 {
		var err error
		limitedReference, limited := *reference, *ours
		if *reference, err = p.send(p.real, space, all); err != nil {
			return "", differs, err
		}
		if *ours, err = p.send(p.ours[p.turn%len(p.ours)], space, all); err != nil {
			return "", differs, err
		}
		failed := limitedReference.Status == http.StatusInternalServerError
		if !isChoice(limited, *ours, limit) || !failed && !sameHeaders(limitedReference, limited) {
			return "", differs, nil
		}
		if reference.String() == ours.String() {
			if !isChoice(limitedReference, *reference, limit) {
				return "", differs, nil
			}
			return "", same, nil
		}
	}
	for _, k := range knownCandidateDifferences {
		if k.matches(newCandidateDifference(all, *reference, *ours)) {
			return k.reason, same, nil
		}
	}
	return "", differs, nil
}

func sameHeaders(a, b placementtest.Answer) bool {
	a.Body, b.Body = "", ""
	return a.String() == b.String()
}

// isChoice reports whether an answer has as many candidates as the limit lets
// through of all there are, and says of them what the whole answer says.
func isChoice(chosen, whole placementtest.Answer, limit int) bool {
	c, ok := parseCandidates(chosen)
	w, alsoOK := parseCandidates(whole)
	if !ok || !alsoOK || len(c.Requests) != min(limit, len(w.Requests)) {
		return false
	}
	// Candidates that differ in their mappings only have one text below 1.34.
	left := map[string]int{}
	for _, r := range w.Requests {
		left[string(r)]++
	}
	for _, r := range c.Requests {
		if left[string(r)]--; left[string(r)] < 0 {
			return false
		}
		for _, u := range anyOwnUUID.FindAllString(string(r), -1) {
			if c.Summaries[u] == nil {
				return false
			}
		}
	}
	for u, summary := range c.Summaries {
		if string(w.Summaries[u]) != string(summary) {
			return false
		}
	}
	return true
}

var anyOwnUUID = regexp.MustCompile(`\{ns\}-[0-9a-f-]{27}`)

// candidateDifference is what there is to say about two answers.
type candidateDifference struct {
	step            step
	query           url.Values
	reference, ours placementtest.Answer
	// bothOK: both are candidates, and these fields are set.
	bothOK    bool
	lacks     []string // requests of ours that the reference has not
	more      []string // requests of the reference that ours has not
	summaries bool     // those of providers that both have are equal
	moreThan  bool     // each request in more has more of a class than was asked for
	shared    bool     // each request in lacks meets the group without suffix from one sharing provider
	headersOK bool
	plausible bool // each request in lacks has what was asked for, and it fits
}

func newCandidateDifference(s step, reference, ours placementtest.Answer) candidateDifference {
	d := candidateDifference{step: s, reference: reference, ours: ours}
	_, raw, _ := strings.Cut(s.path, "?")
	d.query, _ = url.ParseQuery(raw)
	r, ok := parseCandidates(reference)
	o, alsoOK := parseCandidates(ours)
	d.bothOK = ok && alsoOK
	if !d.bothOK {
		return d
	}
	d.headersOK = sameHeaders(reference, ours)
	inReference, inOurs := r.texts(), o.texts()
	d.moreThan, d.shared, d.plausible = true, true, true
	for text := range inReference {
		if !inOurs[text] {
			d.more = append(d.more, text)
			d.moreThan = d.moreThan && sums(text) != asked(d.query)
		}
	}
	for text := range inOurs {
		if !inReference[text] {
			d.lacks = append(d.lacks, text)
			d.plausible = d.plausible && sums(text) == asked(d.query) && fits(text, o.Summaries)
			d.shared = d.shared && oneShares(text, o.Summaries)
		}
	}
	d.summaries = true
	for u, summary := range r.Summaries {
		if other := o.Summaries[u]; other != nil && string(other) != string(summary) {
			d.summaries = false
		}
	}
	return d
}

// allocation is what a candidate takes of one provider.
type allocation struct {
	Provider  struct{ UUID string } `json:"resource_provider"`
	Resources map[string]int
}

// allocationsOf reads a candidate, in either form.
func allocationsOf(request string) []allocation {
	var body struct{ Allocations json.RawMessage }
	if json.Unmarshal([]byte(request), &body) != nil {
		return nil
	}
	var byProvider map[string]allocation
	var listed []allocation
	if json.Unmarshal(body.Allocations, &byProvider) == nil {
		for u, a := range byProvider {
			a.Provider.UUID = u
			listed = append(listed, a)
		}
	} else if json.Unmarshal(body.Allocations, &listed) != nil {
		return nil
	}
	return listed
}

// sums is how much of each class a candidate takes.
func sums(request string) string {
	total := map[string]int{}
	for _, a := range allocationsOf(request) {
		for class, n := range a.Resources {
			total[class] += n
		}
	}
	return fmt.Sprint(total)
}

// oneShares reports whether a candidate meets the group without suffix from
// one sharing provider or, where it does not say, takes from one at all.
func oneShares(request string, summaries map[string]json.RawMessage) bool {
	var body struct{ Mappings map[string][]string }
	if json.Unmarshal([]byte(request), &body) != nil {
		return false
	}
	from := anyOwnUUID.FindAllString(request, -1)
	if body.Mappings != nil {
		if from = body.Mappings[""]; len(from) != 1 {
			return false
		}
	}
	return slices.ContainsFunc(from, func(u string) bool { return strings.Contains(string(summaries[u]), sharing) })
}

// fits reports whether the summaries have room for a candidate.
func fits(request string, summaries map[string]json.RawMessage) bool {
	for _, a := range allocationsOf(request) {
		var summary struct {
			Resources map[string]struct{ Capacity, Used int }
		}
		if json.Unmarshal(summaries[a.Provider.UUID], &summary) != nil {
			return false
		}
		for class, n := range a.Resources {
			if has := summary.Resources[class]; has.Used+n > has.Capacity {
				return false
			}
		}
	}
	return true
}

// asked is how much of each class a query asks for.
func asked(query url.Values) string {
	total := map[string]int{}
	for name, values := range query {
		if !strings.HasPrefix(name, "resources") {
			continue
		}
		group := map[string]int{}
		for _, pair := range strings.Split(values[len(values)-1], ",") {
			class, amount, _ := strings.Cut(pair, ":")
			n, err := strconv.Atoi(strings.TrimSpace(amount))
			if err != nil {
				return "?"
			}
			group[class] = n
		}
		for class, n := range group {
			total[class] += n
		}
	}
	return fmt.Sprint(total)
}

// positive reports whether a group asks for a trait or an aggregate.
func (d candidateDifference) positive(suffix string) bool {
	for _, value := range append(slices.Clone(d.query["required"+suffix]), d.query["member_of"+suffix]...) {
		for _, name := range strings.Split(value, ",") {
			if strings.HasPrefix(value, "!in:") {
				break
			}
			if !strings.HasPrefix(strings.TrimSpace(name), "!") {
				return true
			}
		}
	}
	return false
}

// onlyLacks reports whether the reference has fewer candidates, and all else
// is the same.
func (d candidateDifference) onlyLacks() bool {
	return d.bothOK && d.headersOK && d.summaries && d.plausible && len(d.lacks) > 0 && len(d.more) == 0
}

// onlyMore reports whether the reference has more candidates, and all else is
// the same.
func (d candidateDifference) onlyMore() bool {
	return d.bothOK && d.headersOK && d.summaries && len(d.lacks) == 0 && len(d.more) > 0
}

// meets reports whether the group without suffix and another ask for the same
// class.
func (d candidateDifference) meets() bool {
	for name := range d.query {
		if name == "resources" || !strings.HasPrefix(name, "resources") {
			continue
		}
		for _, pair := range strings.Split(d.query.Get(name), ",") {
			class, _, _ := strings.Cut(pair, ":")
			if strings.Contains(","+d.query.Get("resources"), ","+class+":") {
				return true
			}
		}
	}
	return false
}

func (d candidateDifference) suffixes() []string {
	var all []string
	for name := range d.query {
		for _, key := range []string{"resources", "required", "member_of", "in_tree"} {
			if suffix, ok := strings.CutPrefix(name, key); ok && !slices.Contains(all, suffix) {
				all = append(all, suffix)
			}
		}
	}
	return all
}

// knownCandidateDifferences are those of package candidates' documentation.
var knownCandidateDifferences = []struct {
	reason   string
	evidence string
	matches  func(d candidateDifference) bool
}{
	{
		reason:   "In the reference a group without resources that has only in_tree, forbidden traits or forbidden aggregates finds nothing, and its in_tree is ignored beside a required trait; here each condition holds by itself.",
		evidence: "GET /allocation_candidates?resources1=A:1&required2=!T&same_subtree=1,2: nothing, though the provider of A has no T.",
		matches: func(d candidateDifference) bool {
			for _, suffix := range d.suffixes() {
				if d.query.Has("resources" + suffix) {
					continue
				}
				if !d.positive(suffix) && d.onlyLacks() || d.query.Has("in_tree"+suffix) && d.onlyMore() {
					return true
				}
			}
			return false
		},
	},
	{
		reason:   "Where a tree is nested and there are several groups, the reference does not find a sharing provider that meets the group without suffix alone; here it does, as where several meet it.",
		evidence: "GET /allocation_candidates?resources=B:1&resources1=A:1: each candidate that the reference lacks has one sharing provider for B.",
		matches: func(d candidateDifference) bool {
			return d.onlyLacks() && d.shared && len(d.suffixes()) > 1 && d.query.Has("resources")
		},
	},
	{
		reason:   "The reference answers some requests with root_required or member_of and nested sharing providers with an internal error; here they have an answer.",
		evidence: "GET /allocation_candidates: 500.",
		matches: func(d candidateDifference) bool {
			return d.reference.Status == http.StatusInternalServerError && d.ours.Status == http.StatusOK
		},
	},
	{
		reason:   "The reference answers with amounts that sum up to more than was asked for, where a group without suffix and one with a suffix meet on shared classes.",
		evidence: "GET /allocation_candidates?resources=B:1,D:1&resources1=A:1,B:1: candidates that take 4 of B; where so many do not fit, there is none, though what was asked for fits.",
		matches: func(d candidateDifference) bool {
			return d.bothOK && d.headersOK && d.summaries && d.moreThan && d.plausible && d.meets()
		},
	},
}
