package audit

import (
	"bytes"
	"errors"
	"iter"
	"time"
)

// Report is what a chain has, as far as it is whole.
type Report struct {
	Dir     string `json:"dir"`
	Node    string `json:"node"`
	Cluster string `json:"cluster"`
	Files   int    `json:"files"`
	Lines   int    `json:"lines"`
	Changes int    `json:"changes"`
	// Begins is the first file, and After the one before it, which was removed to
	// make room; empty if the chain is there from its first line on.
	Begins string `json:"begins,omitempty"`
	After  string `json:"after,omitempty"`
	// First and Last are the indexes of the first and the last entry, From and To
	// their times.
	First uint64    `json:"first_index,omitempty"`
	Last  uint64    `json:"last_index,omitempty"`
	From  time.Time `json:"from,omitzero"`
	To    time.Time `json:"to,omitzero"`
	// Gaps are the entries that were not applied one by one.
	Gaps [][2]uint64 `json:"gaps,omitempty"`
	// Torn is how often the end of a line was lost; Rewound how often the log went
	// on in another way.
	Torn    int `json:"torn,omitempty"`
	Rewound int `json:"rewound,omitempty"`
	// Unfinished is whether the last line is being written, or was lost in part.
	Unfinished bool `json:"unfinished,omitempty"`
	// LastLine is the SHA-256 of the last line: kept elsewhere, it shows later that
	// nothing up to it was changed.
	LastLine string `json:"last_line,omitempty"`
	// Broken is the first line that is not what was written; nil if all are.
	Broken *Broken `json:"broken,omitempty"`

	history int    // the number of the line after which the log's last history begins
	from    uint64 // the first index of that history which is all there
	to      uint64 // the last one
}

// Broken is a line that is not what was written.
type Broken struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// Verify walks a chain. The error is that of reading; what is wrong with the chain is
// in the report.
func Verify(dir string) (Report, error) {
	r := Report{Dir: dir}
	for line, err := range Lines(dir) {
		var broken *BrokenError
		switch {
		case errors.As(err, &broken):
			r.Broken = &Broken{broken.File, broken.Line, broken.Reason.Error()}
			return r, nil
		case err != nil:
			return r, err
		}
		r.add(&line)
	}
	return r, nil
}

func (r *Report) add(l *Line) {
	r.Lines++
	rec := &l.Record
	r.Unfinished = l.Unfinished > 0
	r.LastLine = l.sum
	switch rec.Kind {
	case Begin:
		if r.Files++; r.Files == 1 {
			r.Begins, r.After = l.File, rec.Continues
		}
		if r.Cluster != rec.Cluster || r.Files == 1 {
			r.history, r.from, r.Gaps = r.Lines, rec.Index+1, nil
		}
		r.Node, r.Cluster = rec.Node, rec.Cluster
	case Gap:
		if rec.Gap != nil {
			r.Gaps = append(r.Gaps, *rec.Gap)
		}
	case Torn:
		r.Torn++
	case Rewound:
		r.Rewound++
		r.history, r.from = r.Lines, rec.Index+1
	case Change, Members, JoinToken:
		if rec.Kind == Change {
			r.Changes++
		}
		if r.First == 0 {
			r.First, r.From = rec.Index, rec.Time
		}
		r.Last, r.To = rec.Index, rec.Time
	case Through:
	}
	r.to = rec.Index
}

// Difference is the first entry in which two audits differ.
type Difference struct {
	Index   uint64 `json:"index"`
	Command int    `json:"command"`
	// A and B are what each has; nil if it has nothing.
	A *Record `json:"a,omitempty"`
	B *Record `json:"b,omitempty"`
}

// Comparison is what two whole chains say of the same entries.
type Comparison struct {
	// From and To are the indexes that both have; From is over To if there are none.
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	// Lines is how many were the same.
	Lines int `json:"lines"`
	// Difference is the first one; nil if there is none.
	Difference *Difference `json:"difference,omitempty"`
}

var errClusters = errors.New("they are of different clusters")

// Compare holds two audits against each other, from where the log last began anew.
// Both were verified, by the reports.
func Compare(a, b Report) (Comparison, error) {
	if a.Broken != nil || b.Broken != nil {
		return Comparison{}, errors.New("a chain that is broken can't be compared")
	}
	if a.Cluster != b.Cluster {
		return Comparison{}, errClusters
	}
	c := Comparison{From: max(a.from, b.from), To: min(a.to, b.to)}
	inGap := func(index uint64) bool {
		for _, g := range append(append([][2]uint64(nil), a.Gaps...), b.Gaps...) {
			if g[0] <= index && index <= g[1] {
				return true
			}
		}
		return false
	}
	nextA, stopA := iter.Pull2(entriesOf(a, c, inGap))
	defer stopA()
	nextB, stopB := iter.Pull2(entriesOf(b, c, inGap))
	defer stopB()
	for {
		x, errX, okX := nextA()
		y, errY, okY := nextB()
		switch {
		case errX != nil || errY != nil:
			return c, errors.Join(errX, errY)
		case !okX && !okY:
			return c, nil
		case okX && okY && bytes.Equal(x.content, y.content):
			c.Lines++
			continue
		case (!okX || !okY) && (okX && x.Record.Index == c.To || okY && y.Record.Index == c.To):
			return c, nil // the rest of the newest entry is on its way
		}
		d := &Difference{}
		before := func(p, q *Line) bool {
			return p.Record.Index < q.Record.Index || p.Record.Index == q.Record.Index && p.Record.Command < q.Record.Command
		}
		if okX && (!okY || !before(&y, &x)) {
			d.A, d.Index, d.Command = &x.Record, x.Record.Index, x.Record.Command
		}
		if okY && (!okX || !before(&x, &y)) {
			d.B, d.Index, d.Command = &y.Record, y.Record.Index, y.Record.Command
		}
		c.Difference = d
		return c, nil
	}
}

// entriesOf are the lines that another node must have too.
func entriesOf(r Report, c Comparison, inGap func(uint64) bool) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		number := 0
		for l, err := range Lines(r.Dir) {
			if err != nil {
				yield(l, err)
				return
			}
			number++
			k, index := l.Record.Kind, l.Record.Index
			if number <= r.history || k != Change && k != Members && k != JoinToken || index < c.From || index > c.To || inGap(index) {
				continue
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}
