package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// refuseTimeout is how long a damaged node may take to either stop or be well.
const refuseTimeout = 25 * time.Second

func damageFaults() []fault {
	of := func(name, what string, choose func(path string) bool, f func(*run, string) (string, error)) fault {
		return fault{name: name, summary: what + " of one node while it is down", inject: func(ctx context.Context, r *run, note noting) error {
			return r.damage(ctx, note, choose, f)
		}}
	}
	all := []fault{
		of("flip-log", "bits flipped in the log", isLog, flip),
		of("truncate-log", "the end of a file of the log cut off", isLog, truncate),
		of("delete-log", "a file of the log deleted", isLog, remove),
		of("flip-metadata", "bits flipped in a file that is neither log nor snapshot", isMetadata, flip),
		of("delete-metadata", "a file that is neither log nor snapshot deleted", isMetadata, remove),
		of("flip-snapshot", "bits flipped in a snapshot", isSnapshot, flip),
		of("truncate-snapshot", "the end of a snapshot cut off", isSnapshot, truncate),
		{name: "lose-directory", summary: "all that one node keeps deleted while it is down", inject: replaceNode},
	}
	for i := range all {
		if strings.HasSuffix(all[i].name, "-snapshot") {
			all[i].flag, all[i].args = "snapshot-threshold", []string{"--snapshot-threshold", "200"}
		}
	}
	return all
}

func isSnapshot(path string) bool {
	return strings.Contains(path, "snapshot")
}

func isLog(path string) bool {
	return !isSnapshot(path) && (strings.HasSuffix(path, ".wal") || strings.HasSuffix(path, ".bolt") || strings.HasSuffix(path, "raft.db"))
}

func isMetadata(path string) bool { return !isSnapshot(path) && !isLog(path) }

// damage kills a node, damages one of its files, and starts it. It must not
// serve what is wrong, which the check of the history sees. It may repair
// itself, or stop: then it is given an empty directory.
func (r *run) damage(ctx context.Context, note noting, choose func(string) bool, how func(*run, string) (string, error)) error {
	node := r.some(r.members(), 1)[0]
	m, err := r.memberOf(ctx, node, "")
	if err != nil {
		return &notWell{err}
	}
	b := note(false, "%s", r.fleet.Name(node))
	if err := r.fleet.Kill(node); err != nil {
		return err
	}
	r.struck()
	var files []string
	dir := r.fleet.DataDir(node)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		below, err := filepath.Rel(dir, path)
		if err == nil && choose(below) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(files) == 0 {
		b.What += ": there is no such file yet"
		return r.start(node)
	}
	path := files[r.r.IntN(len(files))]
	did, err := how(r, path)
	if err != nil {
		return err
	}
	below, _ := filepath.Rel(dir, path)
	b.What += fmt.Sprintf(": %s %s", did, below)
	if err := r.start(node); err != nil {
		return err
	}
	well := until(ctx, refuseTimeout, func() error {
		if !r.fleet.Running(node) {
			return nil
		}
		return r.well(ctx, time.Millisecond)
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case well == nil && r.fleet.Running(node):
		b.What += ", it went on"
		return nil
	case r.fleet.Running(node):
		b.What += fmt.Sprintf(", it neither stopped nor got well (%v)", well)
		if err := r.fleet.Kill(node); err != nil {
			return err
		}
	default:
		b.What += ", it stopped: " + lastLine(r.fleet.LastWords(node))
	}
	return r.joinAnew(ctx, node, m.RaftID)
}

// lastLine is the last line that names a reason.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, word := range []string{"panic: ", "treenode: ", "[ERROR]"} {
		for i := len(lines) - 1; i >= 0; i-- {
			if strings.HasPrefix(lines[i], word) || word[0] == '[' && strings.Contains(lines[i], word) {
				return lines[i]
			}
		}
	}
	return lines[len(lines)-1]
}

// flip flips one to three bits of what is written of a file.
func flip(r *run, path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	used := len(b)
	for used > 0 && b[used-1] == 0 {
		used-- // room that a log has taken for later
	}
	if used == 0 {
		return "nothing to flip in", nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	did := "flipped"
	for range 1 + r.r.IntN(3) {
		at, bit := r.r.IntN(used), r.r.IntN(8)
		b[at] ^= 1 << bit
		if _, err := f.WriteAt(b[at:at+1], int64(at)); err != nil {
			return "", errors.Join(err, f.Close())
		}
		did += fmt.Sprintf(" bit %d of byte %d,", bit, at)
	}
	return fmt.Sprintf("%s of %d used, of", did, used), f.Close()
}

// truncate cuts off the end of what is written of a file.
func truncate(r *run, path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	used := len(b)
	for used > 0 && b[used-1] == 0 {
		used--
	}
	left := r.r.IntN(max(used, 1))
	return fmt.Sprintf("%d bytes left of %d used, of", left, used), os.Truncate(path, int64(left))
}

func remove(_ *run, path string) (string, error) { return "deleted", os.Remove(path) }
