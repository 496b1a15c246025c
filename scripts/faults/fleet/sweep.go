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
	return sweepNamespaces(func(name string) bool {
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
	})
}
