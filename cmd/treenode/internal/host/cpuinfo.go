package host

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// cpuInfo is what /proc/cpuinfo tells, whatever the architecture.
type cpuInfo struct {
	ids    []int           // the processors listed, sorted
	vendor string          // x86 and s390
	model  string          // for people
	flags  map[string]bool // those that every processor has
}

// parseCPUInfo reads /proc/cpuinfo. It fails where that lists no processor.
// A vendor or flags may be missing: not every architecture has them.
func parseCPUInfo(data []byte) (cpuInfo, error) {
	var info cpuInfo
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		id := value
		if number, numbered := strings.CutPrefix(key, "processor "); numbered { // s390: "processor 0: version = ..."
			key, id = "processor", number
		}
		switch key {
		case "processor":
			n, err := parseCPUID(id)
			if err != nil {
				return cpuInfo{}, fmt.Errorf("processor: %w", err)
			}
			info.ids = append(info.ids, n)
		case "vendor_id":
			info.vendor = printable(value)
		case "model name", "cpu":
			info.model = printable(value)
		case "flags", "Features", "features":
			info.keepFlags(strings.Fields(value))
		}
	}
	if len(info.ids) == 0 {
		return cpuInfo{}, errors.New("no processor is listed")
	}
	slices.Sort(info.ids)
	info.ids = slices.Compact(info.ids)
	return info, nil
}

// keepFlags keeps the flags that all processors so far have.
func (c *cpuInfo) keepFlags(flags []string) {
	next := make(map[string]bool, len(flags))
	for _, flag := range flags {
		if c.flags == nil || c.flags[flag] {
			next[flag] = true
		}
	}
	c.flags = next
}

// printable cuts a text down to what may safely be shown on a terminal.
func printable(text string) string {
	kept := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	const bytesMax = 100
	if len(kept) > bytesMax {
		kept = strings.ToValidUTF8(kept[:bytesMax], "")
	}
	return kept
}
