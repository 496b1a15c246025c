package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

// report is what is read of bench's.
type report struct {
	Machine struct {
		Cores int    `json:"cores"`
		CPU   string `json:"cpu"`
	} `json:"machine"`
	Results []struct {
		Name string `json:"name"`
		Rows []struct {
			Workload  string  `json:"workload"`
			Unit      string  `json:"unit"`
			Clients   int     `json:"clients"`
			Providers int     `json:"providers"`
			P50Millis float64 `json:"p50_millis"`
		} `json:"rows"`
	} `json:"results"`
}

// line is one line of the plot.
type line struct {
	name   string
	points []point
}

type point struct {
	providers int
	millis    float64
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("want one argument: the file of \"treenode bench --workload scale --save FILE\"")
	}
	b, err := os.ReadFile(args[0]) //nolint:gosec // the file that was asked for
	if err != nil {
		return err
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	lines := linesOf(r)
	if len(lines) == 0 {
		return fmt.Errorf("%s: no row of workload scale", args[0])
	}
	title := fmt.Sprintf("%s; %d cores, %s", r.Results[0].Name, r.Machine.Cores, r.Machine.CPU)
	_, err = io.WriteString(out, draw(title, lines))
	return err
}

// linesOf groups the rows by what they did and from how many clients.
func linesOf(r report) []line {
	var lines []line
	if len(r.Results) == 0 {
		return nil
	}
	for _, row := range r.Results[0].Rows {
		if row.Workload != "scale" || row.P50Millis <= 0 || row.Providers <= 0 {
			continue
		}
		name := fmt.Sprintf("%s, %d clients", row.Unit, row.Clients)
		if row.Clients == 1 {
			name = row.Unit + ", 1 client"
		}
		i := slices.IndexFunc(lines, func(l line) bool { return l.name == name })
		if i < 0 {
			i = len(lines)
			lines = append(lines, line{name: name})
		}
		lines[i].points = append(lines[i].points, point{row.Providers, row.P50Millis})
	}
	return lines
}

// The picture's measures.
const (
	width, height            = 640, 400
	left, right, top, bottom = 60, 170, 40, 50
)

var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"}

// axis maps powers of ten to places.
type axis struct {
	low, high int // exponents
	from, to  float64
}

func axisOf(values []float64, from, to float64) axis {
	a := axis{int(math.Floor(math.Log10(slices.Min(values)))), int(math.Ceil(math.Log10(slices.Max(values)))), from, to}
	a.high = max(a.high, a.low+1)
	return a
}

func (a axis) at(v float64) float64 {
	return a.from + (math.Log10(v)-float64(a.low))/float64(a.high-a.low)*(a.to-a.from)
}

// draw is the picture: both axes logarithmic.
func draw(title string, lines []line) string {
	var sizes, times []float64
	for _, l := range lines {
		for _, p := range l.points {
			sizes, times = append(sizes, float64(p.providers)), append(times, p.millis)
		}
	}
	x, y := axisOf(sizes, left, width-right), axisOf(times, height-bottom, top)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	text := func(px, py float64, anchor, format string, args ...any) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", px, py, anchor, escape(fmt.Sprintf(format, args...)))
	}
	rule := func(x1, y1, x2, y2 float64) {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ccc"/>`+"\n", x1, y1, x2, y2)
	}
	text(left, top/2-6, "start", "median latency in ms by number of providers")
	text(left, top/2+10, "start", "%s", title)
	for e := x.low; e <= x.high; e++ {
		at := x.at(math.Pow10(e))
		rule(at, y.from, at, y.to)
		text(at, height-bottom+18, "middle", "%s", thousands(e))
	}
	for e := y.low; e <= y.high; e++ {
		at := y.at(math.Pow10(e))
		rule(x.from, at, x.to, at)
		text(left-8, at+4, "end", "%g", math.Pow10(e))
	}
	for i, l := range lines {
		colour := colours[i%len(colours)]
		var places []string
		for _, p := range l.points {
			px, py := x.at(float64(p.providers)), y.at(p.millis)
			places = append(places, fmt.Sprintf("%.1f,%.1f", px, py))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", px, py, colour)
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(places, " "), colour)
		at := float64(top + 20 + 20*i)
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="12" height="4" fill="%s"/>`+"\n", width-right+12, at-6, colour)
		text(width-right+30, at, "start", "%s", l.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// thousands is a power of ten as people write it.
func thousands(e int) string {
	switch {
	case e >= 6:
		return fmt.Sprintf("%gM", math.Pow10(e-6))
	case e >= 3:
		return fmt.Sprintf("%gk", math.Pow10(e-3))
	}
	return fmt.Sprintf("%g", math.Pow10(e))
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
