package host

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// cpuIDMax bounds the CPU numbers of a list, and so its length; kernels are
// built for 8192 CPUs at most.
const cpuIDMax = 1<<16 - 1

// parseCPUList reads a list of CPU numbers as the kernel writes them, such as
// "0-3,8". It returns them sorted, each once; none for an empty list.
func parseCPUList(text string) ([]int, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	var cpus []int
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err := parseCPUID(low)
		if err != nil {
			return nil, err
		}
		last, err := parseCPUID(high)
		if err != nil {
			return nil, err
		}
		if first > last {
			return nil, fmt.Errorf("CPU range %d-%d runs backwards", first, last)
		}
		if len(cpus)+last-first > cpuIDMax { // only where ranges overlap
			return nil, fmt.Errorf("more than %d CPUs", cpuIDMax+1)
		}
		for id := first; id <= last; id++ {
			cpus = append(cpus, id)
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}

func parseCPUID(text string) (int, error) {
	id, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a CPU number from 0 to %d", text, cpuIDMax)
	}
	return int(id), nil
}

// cpuList reads a file with a list of CPUs.
func (r Root) cpuList(path string) ([]int, *FileError) {
	text, err := r.text(path)
	if err != nil {
		return nil, err
	}
	cpus, bad := parseCPUList(text)
	if bad != nil {
		return nil, fault(path, bad)
	}
	return cpus, nil
}
