package cluster

import "syscall"

// readOnly is the flag of a file system mounted read-only, ST_RDONLY.
const readOnly = 1

// SpaceOf is what the file system of a directory has for this user.
func SpaceOf(dir string) (Space, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return Space{}, err
	}
	block := uint64(s.Bsize) //nolint:gosec // a size
	return Space{Free: s.Bavail * block, Total: s.Blocks * block, ReadOnly: s.Flags&readOnly != 0}, nil
}
