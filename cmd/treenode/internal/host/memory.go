package host

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// HugePages are the pages of one size that are set aside.
type HugePages struct {
	SizeKB int64
	Pages  int64
}

// amountMax is the most that an inventory may have of anything.
const amountMax = 1<<31 - 1

// memoryKBMax is the most memory, in kB, that MEMORY_MB can tell.
const memoryKBMax = amountMax * 1024

// hugePageKBMax is the largest page size that is believed (16 GiB exist).
const hugePageKBMax = 1 << 30

func (r *reading) readMemory() *FileError {
	const file = "/proc/meminfo"
	total, err := r.memTotal(file)
	if err != nil {
		return err
	}
	if total < 1024 {
		return fault(file, fmt.Errorf("MemTotal is %d kB, less than 1 MiB", total))
	}
	r.MemoryKB = total
	r.HugePages = r.readHugePages("/sys/kernel/mm/hugepages")
	return nil
}

func (r *reading) memTotal(file string) (int64, *FileError) {
	data, err := r.root.read(file)
	if err != nil {
		return 0, err
	}
	total, bad := parseMemTotal(data)
	if bad != nil {
		return 0, fault(file, bad)
	}
	return total, nil
}

// parseMemTotal returns the MemTotal, in kB, of /proc/meminfo or of a NUMA
// node's meminfo, which puts "Node <number>" before each name.
func parseMemTotal(data []byte) (int64, error) {
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[0] == "Node" {
			fields = fields[2:]
		}
		if len(fields) == 0 || fields[0] != "MemTotal:" {
			continue
		}
		if len(fields) != 3 || fields[2] != "kB" {
			return 0, fmt.Errorf("MemTotal %.60q is not an amount in kB", strings.TrimSpace(line))
		}
		total, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil || total < 0 || total > memoryKBMax {
			return 0, fmt.Errorf("MemTotal %.40q kB is not from 0 to %d kB", fields[1], memoryKBMax)
		}
		return total, nil
	}
	return 0, errors.New("no MemTotal")
}

// readHugePages lists the sizes of which there are pages. A kernel without
// huge pages has no such directory.
func (r *reading) readHugePages(dir string) []HugePages {
	names, err := r.root.list(dir)
	if err != nil {
		if !missing(err) {
			r.note("%v: no huge pages", err)
		}
		return nil
	}
	var found []HugePages
	for _, name := range names {
		digits, isSize := strings.CutPrefix(name, "hugepages-")
		digits, isKB := strings.CutSuffix(digits, "kB")
		if !isSize || !isKB {
			continue
		}
		file := dir + "/" + name
		size, bad := strconv.ParseUint(digits, 10, 31)
		if bad != nil || size == 0 || size > hugePageKBMax || digits[0] == '0' {
			r.note("%s: not a page size; these huge pages are left out", file)
			continue
		}
		pages, err := r.root.number(file+"/nr_hugepages", 0, min(amountMax, memoryKBMax/int64(size)))
		if err != nil {
			r.note("%v: these huge pages are left out", err)
			continue
		}
		if pages > 0 {
			found = append(found, HugePages{SizeKB: int64(size), Pages: pages})
		}
	}
	return found
}
