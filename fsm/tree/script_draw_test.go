package tree

import (
	"fmt"
	"slices"
	"strings"
)

func (r *script) tree() string {
	var out strings.Builder
	var draw func(p Provider, first, rest string)
	draw = func(p Provider, first, rest string) {
		out.WriteString(strings.TrimRight(first+r.describe(p), " ") + "\n")
		children := slices.Collect(p.Children())
		for i, c := range children {
			if i == len(children)-1 {
				draw(c, rest+"└── ", rest+"    ")
			} else {
				draw(c, rest+"├── ", rest+"│   ")
			}
		}
	}
	for p := range r.s.Roots(0) {
		draw(p, "", "")
	}
	return out.String()
}

func (r *script) describe(p Provider) string {
	out := fmt.Sprintf("%s @%d", p.Name(), p.Generation())
	for _, i := range p.Inventories() {
		out += fmt.Sprintf(" %s %d/%d", i.Class, i.Used, i.Capacity())
	}
	if traits := p.Traits(); len(traits) > 0 {
		out += " {" + strings.Join(traits, " ") + "}"
	}
	var aggregates, devices []string
	for _, a := range p.Aggregates() {
		aggregates = append(aggregates, r.told(a.String()))
	}
	if aggregates != nil {
		out += " <" + strings.Join(aggregates, " ") + ">"
	}
	for _, d := range p.Devices() {
		devices = append(devices, d.Class+"/"+d.Identifier)
	}
	if devices != nil {
		out += " [" + strings.Join(devices, " ") + "]"
	}
	return out
}

func (r *script) consumers() string {
	out := ""
	for c := range r.s.Consumers(UUID{}) {
		out += fmt.Sprintf("%s @%d", r.told(c.UUID().String()), c.Generation())
		for _, a := range c.Allocations() {
			out += fmt.Sprintf(" %s:%s=%d", a.Provider.Name(), a.Class, a.Amount)
		}
		out += "\n"
	}
	if out == "" {
		return "no consumers\n"
	}
	return out
}
