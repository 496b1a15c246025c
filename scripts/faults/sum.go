package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// printed is one object of what "-o json" prints: a run, or what came last.
type printed struct {
	report
	Statistics *statistics `json:"statistics"`
}

// sameRun tells runs apart: no two take the same number of nanoseconds.
type sameRun struct {
	seed uint64
	done int64
}

// readRuns collects the runs that campaigns have printed.
func readRuns(files []string) ([]*report, error) {
	var runs []*report
	seen := map[sameRun]bool{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		of, err := readRunsFrom(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, p := range of {
			key := sameRun{p.Plan.Seed, p.Done}
			if seen[key] {
				return nil, fmt.Errorf("%s: the run of seed %d is there twice", name, p.Plan.Seed)
			}
			seen[key] = true
			runs = append(runs, p)
		}
	}
	return runs, nil
}

var errNoRuns = errors.New("there are no runs in it: it is to be what -o json prints")

func readRunsFrom(in io.Reader) ([]*report, error) {
	var runs []*report
	for d := json.NewDecoder(in); ; {
		var p printed
		err := d.Decode(&p)
		switch {
		case errors.Is(err, io.EOF) && len(runs) == 0:
			return nil, errNoRuns
		case errors.Is(err, io.EOF):
			return runs, nil
		case err != nil:
			return nil, err
		case p.Statistics != nil:
		case p.Outcome == "":
			return nil, errNoRuns
		default:
			runs = append(runs, &p.report)
		}
	}
}

// sum prints the statistics of earlier campaigns.
func sum(o options, out, errs io.Writer) int {
	runs, err := readRuns(o.sum)
	if err != nil {
		fmt.Fprintln(errs, "faults:", err)
		return exitUsage
	}
	s := statisticsOf(runs, boundsOf)
	if err := s.print(o.output, out); err != nil {
		fmt.Fprintln(errs, "faults:", err)
		return exitUnable
	}
	return s.code()
}

// print prints the statistics in one of the forms.
func (s *statistics) print(form string, out io.Writer) error {
	switch form {
	case "json":
		return json.NewEncoder(out).Encode(struct {
			Statistics *statistics `json:"statistics"`
		}{s})
	case "markdown":
		return s.markdown(out)
	}
	return s.text(out)
}
