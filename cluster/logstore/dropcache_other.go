//go:build !linux || !(amd64 || arm64)

package logstore

import "os"

// dropPages does nothing where the system has no such call.
func dropPages(*os.File) error { return nil }
