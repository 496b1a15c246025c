package placement

import "time"

// Limits are the bounds of the API that nobody can change, for documents and tests.
type Limits struct {
	BodyBytes                               int
	SearchSteps, Candidates, CandidateBytes int
	SearchWait                              time.Duration
}

// LimitsOf returns the limits that this program has.
func LimitsOf() Limits {
	return Limits{
		BodyBytes: bodyBytesMax, SearchSteps: searchStepsMax, Candidates: candidatesMax,
		CandidateBytes: candidateBytesMax, SearchWait: searchWaitMax,
	}
}
