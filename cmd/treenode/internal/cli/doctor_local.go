package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/treenode/treenode/cluster"
)

// Bounds of what the doctor takes for a healthy disk.
const (
	// flushes is how often the disk is asked, with flushBytes each time: what one
	// small write of the log costs.
	flushes    = 100
	flushBytes = 4096
	// flushWarn and flushFail bound the slowest of 100 but one. A follower whose
	// flush takes as long as the heartbeat time-out (400 ms) calls an election.
	flushWarn, flushFail = 25 * time.Millisecond, 200 * time.Millisecond
	// roomWarn and roomFail are the parts of a file system that should be free.
	roomWarn, roomFail = 0.15, 0.05
)

// examineDirectory looks at the data directory of a node that may run.
func examineDirectory(dir string, f *findings) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		f.bad(failing, "directory", dir, fmt.Sprintf("no directory: %v", err), "give the --data-dir of the node's configuration")
		return
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		f.bad(warning, "directory", dir, fmt.Sprintf("mode %04o: others can read what the cluster holds", mode), "chmod 0700 "+dir)
	} else {
		f.ok("directory", dir, "mode %04o", mode)
	}
	examineNotes(dir, f)
	examineRoom(dir, f)
	examineFlush(dir, f)
}

// examineNotes looks for what a node leaves in its directory for people.
func examineNotes(dir string, f *findings) {
	if _, err := os.Stat(filepath.Join(dir, "diverged.json")); err == nil {
		f.bad(failing, "divergence", dir, "the node found that its state is not the one that most have, and does not start",
			"keep a copy, compare it with another node's (treenode inspect), then start with an empty directory")
	}
	aside, err := filepath.Glob(filepath.Join(dir, "damaged-*"))
	if err == nil && len(aside) > 0 {
		f.bad(warning, "damage", dir, fmt.Sprintf("%d damaged directories were set aside, the last is %s", len(aside), filepath.Base(slices.Max(aside))),
			"the disk loses data: look at its SMART values and the kernel's log; remove the directory once it is of no use any more")
	}
}

func examineRoom(dir string, f *findings) {
	s, err := cluster.SpaceOf(dir)
	if err != nil || s.Total == 0 {
		f.bad(warning, "room", dir, fmt.Sprintf("the file system does not tell: %v", err), "look with df")
		return
	}
	free := float64(s.Free) / float64(s.Total)
	found := fmt.Sprintf("%d MiB free, %.0f %%", s.Free>>20, 100*free)
	fix := "make room, or give the node a larger disk: with too little it hands leadership over and takes no writes"
	switch {
	case free < roomFail:
		f.bad(failing, "room", dir, found, fix)
	case free < roomWarn:
		f.bad(warning, "room", dir, found, fix)
	default:
		f.ok("room", dir, "%s", found)
	}
}

// examineFlush measures what a write to the log costs on this disk.
func examineFlush(dir string, f *findings) {
	took, err := flush(dir)
	if err != nil {
		f.bad(failing, "disk", dir, "nothing can be written: "+err.Error(), "is it read-only, full, or another user's? run the doctor as the node's user")
		return
	}
	slices.Sort(took)
	median, slow := took[len(took)/2], took[len(took)*99/100-1]
	found := fmt.Sprintf("a flush of 4 KiB takes %v, 1 in 100 %v", median.Round(10*time.Microsecond), slow.Round(10*time.Microsecond))
	fix := "every write waits for it on a majority: use a disk with power-loss protection, and keep other load off it"
	switch {
	case slow > flushFail:
		f.bad(failing, "disk", dir, found, fix)
	case slow > flushWarn:
		f.bad(warning, "disk", dir, found, fix)
	default:
		f.ok("disk", dir, "%s", found)
	}
}

// flush returns how long each flush of a small write took.
func flush(dir string) (took []time.Duration, err error) {
	file, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		closed := file.Close()
		if removed := os.Remove(file.Name()); err == nil {
			err = removed
		}
		if err == nil {
			err = closed
		}
	}()
	block := make([]byte, flushBytes)
	for range flushes {
		began := time.Now()
		if _, err := file.Write(block); err != nil {
			return nil, err
		}
		if err := file.Sync(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}
