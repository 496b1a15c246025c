package main

import (
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/treenode/treenode/scripts/faults/check"
)

// Measures of the picture, in its own units.
const (
	pictureWidth = 1200
	leftEdge     = 70
	panelHeight  = 150
	laneHeight   = 14
	topEdge      = 60
	slot         = 100 * 1000 * 1000 // nanoseconds of one column
)

// colours of nodes that lead, by node.
var colours = []string{"#1b6ca8", "#c8553d", "#3a7d44", "#8a4fa3", "#b8860b"}

// timeline draws the run: operations per 100 ms, faults as bands, who led, and
// how long operations took.
func (p *report) timeline() string {
	end := max(p.Done, 1)
	x := func(at int64) float64 { return leftEdge + float64(at)/float64(end)*(pictureWidth-leftEdge-20) }
	columns := int(end/slot) + 1
	good, unknown, latency := make([]int, columns), make([]int, columns), make([][]int64, columns)
	for _, o := range p.ops {
		i := int(o.Return / slot)
		if i < 0 || i >= columns {
			continue // a last read, after the load ended
		}
		if o.Outcome == check.Unknown {
			unknown[i]++
			continue
		}
		good[i]++
		latency[i] = append(latency[i], o.Return-o.Call)
	}
	nodes := 0
	for _, l := range p.looks {
		nodes = max(nodes, l.Node+1)
	}
	lanes := topEdge + panelHeight + 30
	latencyTop := lanes + nodes*laneHeight + 40
	height := latencyTop + panelHeight + 40

	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", pictureWidth, height)
	fmt.Fprintf(&s, `<rect width="%d" height="%d" fill="white"/>`+"\n", pictureWidth, height)
	fmt.Fprintf(&s, `<text x="%d" y="18" font-size="14">%s: seed %d, %d nodes, %s</text>`+"\n", leftEdge, p.Outcome, p.Plan.Seed, p.Plan.Nodes,
		html.EscapeString(strings.Join(p.Plan.Faults, ", ")))
	for i, b := range p.Bands {
		fmt.Fprintf(&s, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#f4c7c3" fill-opacity="0.6"><title>%s: %s</title></rect>`+"\n",
			x(b.Begin), topEdge, max(1, x(b.Healed)-x(b.Begin)), height-topEdge-30, b.Fault, html.EscapeString(b.What))
		if b.Well > b.Healed {
			fmt.Fprintf(&s, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#fde9c9" fill-opacity="0.7"/>`+"\n",
				x(b.Healed), topEdge, x(b.Well)-x(b.Healed), height-topEdge-30)
		}
		fmt.Fprintf(&s, `<text x="%.1f" y="%d" font-size="9" fill="#a03020">%s</text>`+"\n", x(b.Begin), 34+i%3*9, html.EscapeString(b.Fault))
	}
	// Operations.
	most := max(1, slices.Max(good))
	for i := range good {
		h := float64(good[i]) / float64(most) * panelHeight
		fmt.Fprintf(&s, `<rect x="%.1f" y="%.1f" width="%.2f" height="%.1f" fill="#5b8db8"/>`, x(int64(i)*slot), topEdge+panelHeight-h, x(slot)-leftEdge, h)
		if unknown[i] > 0 {
			h := float64(unknown[i]) / float64(most) * panelHeight
			fmt.Fprintf(&s, `<rect x="%.1f" y="%d" width="%.2f" height="%.1f" fill="#d62728"/>`, x(int64(i)*slot), topEdge, x(slot)-leftEdge, h)
		}
	}
	fmt.Fprintf(&s, "\n"+`<text x="4" y="%d">per 100 ms</text><text x="4" y="%d">%d</text><text x="4" y="%d" fill="#d62728">unknown</text>`+"\n",
		topEdge+panelHeight, topEdge+10, most, topEdge+24)
	// Who led.
	for _, l := range p.looks {
		y, fill := lanes+l.Node*laneHeight, "#e8e8e8"
		switch l.State {
		case "leader":
			fill = colours[l.Node%len(colours)]
		case "candidate":
			fill = "#f0a030"
		case "":
			fill = "#404040"
		}
		if l.At <= end {
			fmt.Fprintf(&s, `<rect x="%.1f" y="%d" width="%.2f" height="%d" fill="%s"/>`, x(l.At), y, x(slot)-leftEdge+0.5, laneHeight-3, fill)
		}
	}
	for n := range nodes {
		fmt.Fprintf(&s, "\n"+`<text x="4" y="%d">n%d</text>`, lanes+n*laneHeight+10, n+1)
	}
	fmt.Fprintf(&s, "\n"+`<text x="%d" y="%d" font-size="10">coloured: leads; orange: candidate; black: no answer</text>`+"\n", leftEdge, lanes-4)
	// Latency: median and worst of each column, on a logarithmic scale from
	// 0.1 ms to 10 s.
	y := func(nanos int64) float64 {
		decades := 0.0
		for v := float64(nanos) / 1e5; v > 1 && decades < 5; v /= 1.12201845 { // a twentieth of a decade
			decades += 0.05
		}
		return float64(latencyTop+panelHeight) - decades/5*panelHeight
	}
	for i, all := range latency {
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		at := x(int64(i)*slot + slot/2)
		fmt.Fprintf(&s, `<circle cx="%.1f" cy="%.1f" r="1.5" fill="#1b6ca8"/><circle cx="%.1f" cy="%.1f" r="1.5" fill="#c8553d"/>`,
			at, y(all[len(all)/2]), at, y(all[len(all)-1]))
	}
	for i, name := range []string{"0.1 ms", "1 ms", "10 ms", "100 ms", "1 s", "10 s"} {
		at := latencyTop + panelHeight - i*panelHeight/5
		fmt.Fprintf(&s, "\n"+`<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="#cccccc" stroke-width="0.5"/><text x="4" y="%d">%s</text>`,
			leftEdge, pictureWidth-20, at, at, at+4, name)
	}
	fmt.Fprintf(&s, "\n"+`<text x="%d" y="%d" font-size="10">latency: median (blue) and worst (red) per 100 ms</text>`, leftEdge, latencyTop-6)
	for at := int64(0); at <= end; at += 5e9 {
		fmt.Fprintf(&s, "\n"+`<text x="%.1f" y="%d">%d s</text>`, x(at), height-12, at/1e9)
	}
	s.WriteString("\n</svg>\n")
	return s.String()
}
