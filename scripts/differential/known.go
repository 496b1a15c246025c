package main

import (
	"strings"

	"github.com/treenode/treenode/transport/placement/placementtest"
)

// verdict tells what to make of answers that are not the same.
type verdict int

const (
	differs verdict = iota
	same            // a known difference; both go on from the same state
	parted          // a known difference after which the states are not the same
)

// knownDifferences are the reference's faults, and what this service does
// instead on purpose.
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
		reason:   "The reference lets a provider be renamed to the empty name, which it refuses to a new one; here every provider keeps a name.",
		evidence: `PUT /resource_providers/{uuid} {"name": ""}: 200.`,
		matches: func(s step, _, ours placementtest.Answer) bool {
			return s.method == "PUT" && ours.Status == 400 && strings.Contains(ours.Body, "a name is needed")
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
		reason:   "The reference leaves out last-modified where a PUT of a provider changes nothing, though its reference says that every body has it.",
		evidence: "PUT /resource_providers/{uuid} at 1.37 with the name that it has: 200, cache-control, no last-modified.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return s.method == "PUT" && reference.Status == 200 && ours.Status == 200 && reference.Body == ours.Body &&
				reference.Headers["last-modified"] == "" && ours.Headers["last-modified"] != ""
		},
		verdict: same,
	},
	{
		reason:   "The reference's message of a duplicate inventory is the database's, with SQL and parameters.",
		evidence: "POST the same inventory twice: 409 with an IntegrityError in the detail.",
		matches: func(s step, reference, ours placementtest.Answer) bool {
			return s.method == "POST" && reference.Status == 409 && ours.Status == 409 &&
				strings.Contains(reference.Body, "UNIQUE constraint failed") &&
				strings.Contains(ours.Body, "placement.concurrent_update") == strings.Contains(reference.Body, "placement.concurrent_update")
		},
		verdict: same,
	},
}

func judge(s step, reference, ours placementtest.Answer) verdict {
	for _, k := range knownDifferences {
		if k.matches(s, reference, ours) {
			return k.verdict
		}
	}
	return differs
}
