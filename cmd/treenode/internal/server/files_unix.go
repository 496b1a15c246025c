//go:build unix

package server

import "syscall"

// filesAllowed is how many files and connections the process may have open; false
// where that is not known.
func filesAllowed() (int, bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return int(min(uint64(limit.Cur), 1<<30)), true //nolint:unconvert // bounded; signed on some systems
}
