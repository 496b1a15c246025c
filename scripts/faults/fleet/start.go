package fleet

import (
	"os/exec"
	"runtime"
)

// Pdeathsig speaks of the thread that started the process, not of the whole
// driver. So one thread starts them all, and lives as long as the driver.
var starts = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
}

func startLocked(cmd *exec.Cmd) error {
	done := make(chan error)
	starts <- func() { done <- cmd.Start() }
	return <-done
}
