package main

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/treenode/treenode/transport/placement/placementtest"
)

// verdict tells what to make of answers that are not the same.
type verdict int

const (
	differs verdict = iota
	same            // a known difference, or none that matters; both go on from the same state
	parted          // a known difference after which the states are not the same
)

// knownDifferences are the reference's faults, and what this service does
// instead on purpose. Those about allocation candidates are in
// known_candidates.go.
var knownDifferences = []struct {
	reason   string
	evidence string
	matches  func(s step, reference, ours placementtest.Answer) bool
	verdict  verdict
}{
	{
		reason:   "The reference leaves a consumer of generation 0 behind when allocations of an unknown consumer are wiped, or when a reshape is refused; from then on nobody can name that consumer's generation.",
		evidence: `PUT {"allocations": {}, "consumer_generation": null} twice: 204, then 409 "expected 0 but got None"; GET shows no consumer.`,
		matches: func(_ step, reference, _ placementtest.Answer) bool {
			return strings.Contains(reference.Body, "consumer generation conflict - expected 0 but got")
		},
		verdict: parted,
	},
	{
		reason:   "The same, seen from the other side: the reference takes generation 0 of the consumer that is not there.",
		evidence: `After the above, PUT with "consumer_generation": 0 succeeds.`,
		matches: func(_ step, _, ours placementtest.Answer) bool {
			return strings.Contains(ours.Body, "consumer generation conflict - expected null but got 0")
		},
		verdict: parted,
	},
	{
		reason:   "The reference does not look at inventories whose names can't be those of classes before it uses them, and fails with an internal error, or with another refusal on the way there; here they have to be objects.",
		evidence: `PUT inventories {"foo": "x"}: 500, "dictionary update sequence element #0 has length 1".`,
		matches: func(_ step, reference, ours placementtest.Answer) bool {
			return reference.Status >= 400 && ours.Status == 400 && strings.Contains(ours.Body, "['inventories']['additionalProperties']")
		},
		verdict: same,
	},
	{
		reason:   "The reference fails with an internal error on some searches with nested sharing providers before it comes to names that there are not; here those are told.",
		evidence: "GET /allocation_candidates with several groups, the last of which requires an unknown trait: 500.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return strings.HasPrefix(s.path, "/allocation_candidates?") && reference.Status == http.StatusInternalServerError &&
				ours.Status == http.StatusBadRequest && strings.Contains(ours.Body, "No such ")
		},
		verdict: same,
	},
	{
		reason:   "The reference looks at the values of member_of=in: in no order, and names any that is no UUID; here it is the first.",
		evidence: `member_of=in:A,B: "Got: A" or "Got: B".`,
		matches:  anotherMember,
		verdict:  same,
	},
	{
		reason:   "The reference lets a provider be renamed to the empty name, which it refuses to a new one; here every provider keeps a name.",
		evidence: `PUT /resource_providers/{uuid} {"name": ""}: 200.`,
		matches: func(s step, _, ours placementtest.Answer) bool {
			return s.method == http.MethodPut && ours.Status == 400 && strings.Contains(ours.Body, "a name is needed")
		},
		verdict: parted,
	},
	{
		reason:   "The reference does not compare reserved with total in a reshape, as it does wherever else an inventory is written.",
		evidence: `POST /reshaper with {"total": 5, "reserved": 6}: 204; PUT /inventories with the same: 400.`,
		matches: func(s step, _, ours placementtest.Answer) bool {
			return s.path == "/reshaper" && ours.Status == 400 && strings.Contains(ours.Body, "is more than total")
		},
		verdict: parted,
	},
	{
		reason:   "The reference accepts reserved above total where a negative allocation_ratio makes the capacity positive again.",
		evidence: `PUT inventories with {"total": 4, "reserved": 5, "allocation_ratio": -1}: 200.`,
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return reference.Status < 300 && ours.Status == 400 && strings.Contains(ours.Body, "is more than total") &&
				strings.Contains(s.body, `"allocation_ratio":-`)
		},
		verdict: parted,
	},
	{
		reason:   "The reference stores a NUL in a name, which other databases than its SQLite refuse or cut; here it is refused.",
		evidence: `POST /resource_providers {"name": "x\u0000"}: 201.`,
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return reference.Status < 300 && ours.Status == 400 && strings.Contains(s.body, `\u0000`) && strings.Contains(ours.Body, "NUL")
		},
		verdict: parted,
	},
	{
		reason:   "The reference's patterns let a newline at the end through, in names of classes and traits that nobody can then ask for.",
		evidence: "PUT /traits/CUSTOM_X%0A: 201; the location has no newline.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			stored := reference.Status < 300 || reference.Status == 500 && strings.Contains(reference.Body, "control characters")
			return stored && ours.Status == 400 && (strings.HasSuffix(s.path, "%0A") || strings.Contains(s.body, `\n"`))
		},
		verdict: parted,
	},
	{
		reason:   "The reference answers some malformed requests with an internal error; here they are refused as what they are.",
		evidence: `PUT inventories with {"inventories": {"x": 1}}: 500 "'int' object is not iterable"; 400 nested arrays: 500 "maximum recursion depth exceeded"; GET /usages?consumer_type=%E2: 500 "'utf-8' codec can't decode".`,
		matches: func(_ step, reference, ours placementtest.Answer) bool {
			return reference.Status == 500 && ours.Status == 400 && malformedMeansCrash.MatchString(reference.Body)
		},
		verdict: same,
	},
	{
		reason:   "The reference shows what a path has beyond ASCII byte by byte, as if it were Latin-1.",
		evidence: "GET /resource_classes/%C3%89: 404 No such resource class \u00c3\u0089.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return strings.Contains(s.path, "%C3%") && reference.Body != ours.Body && sameHeaders(reference, ours) && plain(reference.Body) == latin1(plain(ours.Body))
		},
		verdict: same,
	},
	{
		reason:   "The reference stops looking once nothing can match, and does not tell of unknown names in what it did not look at; here all names are looked at first.",
		evidence: "GET /resource_providers?required=HW_CPU_X86_VMX&resources=NOPE:1 with no provider of that trait: 200 and an empty list; with one: 400.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return s.method == http.MethodGet && reference.Status == 200 && ours.Status == 400 &&
				(reference.Body == `{"resource_providers":[]}` || reference.Body == `{"allocation_requests":[],"provider_summaries":{}}`) &&
				(strings.Contains(ours.Body, "No such trait(s): ") || strings.Contains(ours.Body, "No such resource class "))
		},
		verdict: same,
	},
	{
		reason:   "Of several unknown traits the reference tells any one.",
		evidence: "GET /resource_providers?required=!CUSTOM_U,!CUSTOM_V, GET /allocation_candidates?root_required=NOPE,!CUSTOM_NOPE: 400 with one name or the other, by process.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			name := unknownTrait.FindStringSubmatch(reference.Body)
			return reference.Status == 400 && ours.Status == 400 && name != nil && strings.Contains(s.path, name[1]) && strings.Contains(ours.Body, "No such trait(s): ") && sameHeaders(reference, ours)
		},
		verdict: same,
	},
	{
		reason:   "The reference reads amounts in the digits of any script; here ASCII's count.",
		evidence: "GET /resource_providers?resources=VCPU:%D9%A3: 200.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return ours.Status == 400 && strings.Contains(s.path, "%D9%A3") && strings.Contains(ours.Body, "expected positive integer amount. Got: ٣.")
		},
		verdict: same,
	},
	{
		reason:   oddForms,
		evidence: "GET /resource_providers?member_of=, GET and DELETE /allocations/ of a UUID without dashes that was written with dashes: nothing is found.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return s.method == http.MethodGet && reference.Status == 200 && ours.Status == 200 && sameHeaders(reference, ours) &&
				(strings.Contains(s.path, "member_of") && oddUUID("e").MatchString(s.path) || oddUUID("c").MatchString(s.path))
		},
		verdict: same,
	},
	{
		reason:   oddForms,
		evidence: "DELETE /allocations/ of a UUID without dashes that was written with dashes: 404.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return oddUUID("c").MatchString(s.path+s.body) && (reference.Status == 404 && ours.Status == 204 || strings.Contains(ours.Body, "consumer"))
		},
		verdict: parted,
	},
	{
		reason:   "The reference reads numbers beyond all floats as infinite, and no integer; here they are integers, and too large.",
		evidence: `"total": 1E400: 400 "inf is not of type 'integer'".`,
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return strings.Contains(s.body, "1E400") && reference.Status == 400 && ours.Status >= 400 && ours.Status < 500 && strings.Contains(reference.Body, " inf is not of type")
		},
		verdict: same,
	},
	{
		reason:   "The reference takes NaN and Infinity for numbers, which JSON has not; here they are no JSON.",
		evidence: `PUT inventories with {"total": NaN, "total": 1}: 200.`,
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return reference.Status < 300 && notANumber(s, ours)
		},
		verdict: parted,
	},
	{
		reason:   "The reference takes NaN and Infinity for numbers, which JSON has not; here they are no JSON.",
		evidence: `A body NaN: 400 "nan is not of type 'object'".`,
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return reference.Status >= 400 && notANumber(s, ours)
		},
		verdict: same,
	},
	{
		reason:   "The reference keeps half of a surrogate pair as it is, and can neither store it nor show it as UTF-8; here it is the replacement character.",
		evidence: `A member "\ud800x": its refusal shows \ud800x.`,
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return strings.Contains(s.body, `\ud800`) && (reference.Status == 500 || reference.Status == 400 && ours.Status == 400 && strings.Contains(ours.Body, "\ufffd"))
		},
		verdict: parted,
	},
	{
		reason:   "The reference knows media types in small letters only; here, as RFC 9110 has it, case does not matter.",
		evidence: "PUT with Content-Type: APPLICATION/JSON: 415.",
		matches: func(s step, reference, _ placementtest.Answer) bool {
			return reference.Status == 415 && strings.Contains(reference.Body, "APPLICATION/JSON is not supported")
		},
		verdict: parted,
	},
	{
		reason:   "The reference leaves out last-modified where a PUT of a provider changes nothing, though its reference says that every body has it.",
		evidence: "PUT /resource_providers/{uuid} at 1.37 with the name that it has: 200, cache-control, no last-modified.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return s.method == http.MethodPut && reference.Status == 200 && ours.Status == 200 && reference.Body == ours.Body &&
				reference.Headers["last-modified"] == "" && ours.Headers["last-modified"] != ""
		},
		verdict: same,
	},
	{
		reason:   "The reference's message of a duplicate inventory is the database's, with SQL and parameters.",
		evidence: "POST the same inventory twice: 409 with an IntegrityError in the detail.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return s.method == http.MethodPost && reference.Status == 409 && ours.Status == 409 &&
				strings.Contains(reference.Body, "UNIQUE constraint failed") &&
				strings.Contains(ours.Body, "placement.concurrent_update") == strings.Contains(reference.Body, "placement.concurrent_update")
		},
		verdict: same,
	},
}

var unknownTrait = regexp.MustCompile(`No such trait\(s\): ([^ ,]+)\.`)

func notANumber(s step, ours placementtest.Answer) bool {
	return (strings.Contains(s.body, "NaN") || strings.Contains(s.body, "Infinity")) && ours.Status == 400 &&
		strings.Contains(ours.Body, "Malformed JSON: Expecting value")
}

const oddForms = "The reference takes UUIDs of consumers and aggregates in any form, and takes forms of one for different ones; here a UUID is the same in every form."

// oddUUID finds UUIDs of a kind that are not in the usual form.
func oddUUID(kind string) *regexp.Regexp { return oddUUIDs[kind] }

var oddUUIDs = map[string]*regexp.Regexp{"c": oddForm("c"), "e": oddForm("e")}

func oddForm(kind string) *regexp.Regexp {
	const usual = `\{ns\}-0000-4000-8000-000000000`
	return regexp.MustCompile(`(?:\{|urn:uuid:)` + usual + kind + `|` + usual + strings.ToUpper(kind) + `|\{ns\}0000-?4000-?8000-?000000000` + kind)
}

// partsInSilence reports whether states are not the same after equal answers.
func partsInSilence(s step, ours placementtest.Answer) bool {
	if ours.Status >= 300 || s.method != http.MethodPut && s.method != http.MethodPost {
		return false
	}
	if strings.Contains(s.path, "/aggregates") {
		return oddUUID("e").MatchString(s.body)
	}
	return oddUUID("c").MatchString(s.path + s.body)
}

var malformedMeansCrash = regexp.MustCompile(`object is not iterable|maximum recursion depth exceeded|'utf-8' codec can't decode|invalid literal for int`)

// latin1 is what becomes of a text whose UTF-8 is read as Latin-1.
func latin1(body string) string {
	var b strings.Builder
	for _, c := range []byte(body) {
		b.WriteRune(rune(c))
	}
	return b.String()
}

var charRef = regexp.MustCompile(`&#[0-9]{3,6};`)

// plain has characters in place of the numbers that HTML has.
func plain(body string) string {
	return charRef.ReplaceAllStringFunc(body, func(ref string) string {
		n, err := strconv.ParseInt(ref[2:len(ref)-1], 10, 32)
		if err != nil {
			return ref
		}
		return string(rune(n))
	})
}

// judge returns the reason of a known difference, and what to make of it. It
// puts better answers to compare in the place of those given, if there are.
func (p *pair) judge(space string, s step, reference, ours *placementtest.Answer) (string, verdict, error) {
	for _, k := range knownDifferences {
		if k.matches(s, *reference, *ours) {
			return k.reason, k.verdict, nil
		}
	}
	if s.method == http.MethodGet && strings.HasPrefix(s.path, "/allocation_candidates?") {
		return p.judgeCandidates(space, s, reference, ours)
	}
	return "", differs, nil
}

// wrongMember is what a refusal of member_of names.
var wrongMember = regexp.MustCompile(`Expected 'member_of' parameter to contain valid UUID\(s\)\. Got: (.*?)  "`)

// anotherMember reports whether two answers differ only in which of the values
// of member_of they name.
func anotherMember(_ step, reference, ours placementtest.Answer) bool {
	const any = "Got: ?"
	return reference.Status == http.StatusBadRequest && ours.Status == reference.Status && wrongMember.MatchString(reference.Body) &&
		wrongMember.ReplaceAllString(reference.Body, any) == wrongMember.ReplaceAllString(ours.Body, any)
}
