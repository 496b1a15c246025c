package cluster

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	startsFile   = "starts.json"
	startsFormat = 1
	// steadyAfter is how long a node must have been ready for what came before
	// to count no more.
	steadyAfter = 10 * time.Second
	// unexplainedFree is how many ends in a row that left no cause go without a
	// pause: a machine that loses power, an operator who kills.
	unexplainedFree = 5
	// restartFactor is how many times the first pause the longest is, and
	// unexplainedFactor that after ends without a cause.
	restartFactor     = 30
	unexplainedFactor = 5
)

// causeUnknown is what is said of a process that ended without a word.
const causeUnknown = "the process ended without saying why"

// starts is starts.json: how the last starts on this directory ended. With it
// a node that fails again and again backs off even if another process restarts
// it each time. It is an aid; where it can't be read or written, none is known.
type starts struct {
	Format int `json:"format"`
	// Failures in a row, and Cause and At of the last one.
	Failures int       `json:"failures"`
	Cause    string    `json:"cause,omitempty"`
	At       time.Time `json:"at"`
	// Explained is whether the last one said why.
	Explained bool `json:"explained,omitempty"`
	// Running is whether a process has the directory and was not steady yet.
	Running bool   `json:"running,omitempty"`
	Sum     string `json:"sum"`
}

func readStarts(dir string) (s starts, err error) {
	b, err := os.ReadFile(filepath.Join(dir, startsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return starts{}, nil
	}
	if err != nil {
		return starts{}, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return starts{}, err
	}
	sum := s.Sum
	if s.Sum = ""; s.Format != startsFormat || sum != sumOf(s) {
		return starts{}, errors.New(startsFile + " does not have its checksum")
	}
	return s, nil
}

func (s starts) save(dir string) error {
	s.Format, s.Sum = startsFormat, ""
	return saveSummed(filepath.Join(dir, startsFile), s, func(sum string) any { s.Sum = sum; return s })
}

// fail counts a failure.
func (s *starts) fail(cause string, explained bool, now time.Time) {
	s.Failures, s.Cause, s.At, s.Explained = s.Failures+1, cause, now.UTC(), explained
}

// pause is how long to wait after the last failure.
func (s *starts) pause(first time.Duration) time.Duration {
	free, factor := 1, restartFactor
	if !s.Explained {
		free, factor = unexplainedFree, unexplainedFactor
	}
	pause, longest := first, time.Duration(factor)*first
	if s.Failures <= free {
		return 0
	}
	for range s.Failures - free - 1 {
		if pause *= 2; pause >= longest {
			return longest
		}
	}
	return pause
}
