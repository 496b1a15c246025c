package server

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

const (
	// crashFile is where Go's runtime writes how the process ended.
	crashFile = "crash.log"
	// crashCauseMax bounds what is read of it.
	crashCauseMax = 512
)

// crashOf returns the first line of what the last crash on a data directory
// left, or nothing.
func crashOf(dir string) string {
	f, err := os.Open(filepath.Join(dir, crashFile))
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	line, err := bufio.NewReader(io.LimitReader(f, crashCauseMax)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return strings.TrimSpace(line)
}

// keepCrash has the runtime write how this process ends, if it crashes, over
// what the last one left.
func keepCrash(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, crashFile), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // the operator names the directory
	if err != nil {
		return err
	}
	return errors.Join(debug.SetCrashOutput(f, debug.CrashOptions{}), f.Close())
}
