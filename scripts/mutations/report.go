package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// What notices a mutation.
const (
	byCampaign = "campaign"
	byTest     = "test"
	byNothing  = "nothing"
)

// result is what became of one mutation.
type result struct {
	Mutation string `json:"mutation"`
	CaughtBy string `json:"caught_by"`
	// How names the fault or the test, and what it noticed.
	How string `json:"how,omitempty"`
	// Seed is the campaign's.
	Seed    uint64  `json:"seed,omitempty"`
	Seconds float64 `json:"seconds"`
	// Tried is what noticed nothing.
	Tried []string `json:"tried,omitempty"`
	// Known is why nothing was expected to notice it.
	Known string `json:"known_miss,omitempty"`
}

// bad reports whether a bug went unnoticed that should not have.
func (r *result) bad() bool { return r.CaughtBy == byNothing && r.Known == "" }

func writeJSON(out io.Writer, all []result) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false) // nothing of it is for a page
	e.SetIndent("", "  ")
	return e.Encode(all)
}

const howLenMax = 110

func writeText(out io.Writer, all []result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MUTATION\tCAUGHT BY\tSEED\tSECONDS\tHOW")
	for _, r := range all {
		seed := "-"
		if r.CaughtBy == byCampaign {
			seed = fmt.Sprint(r.Seed)
		}
		how := []rune(r.How)
		if len(how) > howLenMax {
			how = append(how[:howLenMax], '…')
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.0f\t%s\n", r.Mutation, r.CaughtBy, seed, r.Seconds, string(how))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	count := func(by string) (n int) {
		for _, r := range all {
			if r.CaughtBy == by {
				n++
			}
		}
		return n
	}
	fmt.Fprintf(out, "\n%d mutations: %d caught by the campaign, %d by a test, %d by nothing\n",
		len(all), count(byCampaign), count(byTest), count(byNothing))
	for _, r := range all {
		for _, t := range r.Tried {
			fmt.Fprintf(out, "  %s: %s\n", r.Mutation, t)
		}
		switch {
		case r.bad():
			fmt.Fprintf(out, "  NOT CAUGHT: %s\n", r.Mutation)
		case r.CaughtBy == byNothing:
			fmt.Fprintf(out, "  known miss: %s: %s\n", r.Mutation, r.Known)
		}
	}
	return nil
}

func writeList(out io.Writer, chosen []mutation) {
	for _, m := range chosen {
		fmt.Fprintf(out, "%s\n  bug:      %s\n", m.name, m.bug)
		if len(m.faults) > 0 {
			fmt.Fprintf(out, "  campaign: %s\n", strings.Join(m.faults, ", "))
		} else {
			fmt.Fprintf(out, "  campaign: can't see it: %s\n", m.blind)
		}
		if m.test.name != "" {
			fmt.Fprintf(out, "  test:     %s\n", m.test)
		}
		if m.miss != "" {
			fmt.Fprintf(out, "  known miss: %s\n", m.miss)
		}
		var files []string
		for _, e := range m.edits {
			files = append(files, e.file)
		}
		fmt.Fprintf(out, "  changes:  %s\n", strings.Join(slices.Compact(files), ", "))
	}
}
