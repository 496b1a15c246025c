//go:build linux && (amd64 || arm64)

package logstore

import (
	"os"
	"syscall"
)

// dontNeed is POSIX_FADV_DONTNEED. Pages that are not written yet stay.
const dontNeed = 4

func dropPages(f *os.File) error {
	if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
