package fleet

import (
	"os"
	"strconv"
	"strings"
)

// Sweep removes the namespaces of drivers that are no more.
func Sweep() error {
	if namespacesUnable() != "" {
		return nil
	}
	return sweepNamespaces(abandoned)
}

// abandoned reports whether a name is that of a fleet, or begins with it, whose
// driver is no more.
func abandoned(name string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return false
	}
	i := strings.IndexByte(rest, 'r')
	if i < 0 {
		return false
	}
	if _, err := strconv.Atoi(rest[:i]); err != nil {
		return false
	}
	_, err := os.Stat("/proc/" + rest[:i])
	return os.IsNotExist(err)
}
