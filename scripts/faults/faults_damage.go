package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/treenode/treenode/scripts/faults/fleet"
)

// identityFile is where a data directory says which server it is.
const identityFile = "node.json"

// refuseTimeout is how long a damaged node may take to either stop or be well.
const refuseTimeout = 25 * time.Second

func damageFaults() []fault {
	of := func(name, what string, choose func(path string) bool, f func(*run, string) (string, error)) fault {
		return fault{name: name, summary: what + " of one node while it is down", bounds: rebuilt, damages: true, inject: func(ctx context.Context, r *run, note noting) error {
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
		{name: "lose-directory", summary: "all that one node keeps deleted while it is down", bounds: rebuilt, inject: replaceNode},
		{name: "forget-vote", summary: "a node loses all and is back at once; the leader is down, the rest has been behind", needs: fleet.Network,
			bounds: bounds{wrote: restarted.wrote, well: rebuilt.well},
			inject: func(ctx context.Context, r *run, note noting) error {
				return r.forgetful(ctx, note, "all", r.fleet.Wipe)
			}},
		{name: "forget-log", summary: "the same, where a node loses its log only", needs: fleet.Network,
			bounds: bounds{wrote: restarted.wrote, well: rebuilt.well},
			inject: func(ctx context.Context, r *run, note noting) error {
				return r.forgetful(ctx, note, "its log", r.loseLog)
			}},
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
	dir := r.fleet.DataDir(node)
	files, err := regularFiles(dir)
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(below string) bool { return !choose(below) })
	if len(files) == 0 {
		b.What += ": there is no such file yet"
		return r.start(node)
	}
	below := files[r.r.IntN(len(files))]
	did, err := how(r, filepath.Join(dir, below))
	if err != nil {
		return err
	}
	b.What += fmt.Sprintf(": %s %s", did, below)
	r.mended()
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

// asidePrefix begins the names of directories that a node has set aside.
const asidePrefix = "damaged-"

// regularFiles lists the files that a node works with, as paths below its
// directory.
func regularFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), asidePrefix) {
			return fs.SkipDir
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		below, err := filepath.Rel(dir, path)
		files = append(files, below)
		return err
	})
	return files, err
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

// writtenOf is a file's content without the room that a log has taken for later.
func writtenOf(b []byte) []byte { return bytes.TrimRight(b, "\x00") }

// flip flips one to three bits of what is written of a file.
func flip(r *run, path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	used := len(writtenOf(b))
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
	used := len(writtenOf(b))
	left := r.r.IntN(max(used, 1))
	return fmt.Sprintf("%d bytes left of %d used, of", left, used), os.Truncate(path, int64(left))
}

func remove(_ *run, path string) (string, error) { return "deleted", os.Remove(path) }

// loseLog deletes the log of a node that does not run.
func (r *run) loseLog(node int) error {
	dir := r.fleet.DataDir(node)
	files, err := regularFiles(dir)
	for _, below := range files {
		if isLog(below) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, below)))
		}
	}
	return err
}

// forgetful leaves the newest changes with the leader and just as many
// followers as it needs. One of these loses what it keeps while the leader is
// down. Were it counted as the server that it was, it would elect one of those
// that have been behind, and the changes would be lost. It must not be: until
// the leader is back there is no quorum.
func (r *run) forgetful(ctx context.Context, note noting, what string, lose func(node int) error) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	behind := r.some(r.followers(leader), (len(r.members())-1)/2)
	node := r.some(others(r.followers(leader), behind), 1)[0]
	m, err := r.memberOf(ctx, node, "")
	if err != nil {
		return &notWell{err}
	}
	note(true, "%v behind, leader %s down, %s loses %s", r.names(behind), r.fleet.Name(leader), m.RaftID, what)
	if err := r.sever(behind, others(r.members(), behind)); err != nil {
		return err
	}
	if err := r.hold(ctx, 300*time.Millisecond, time.Second); err != nil {
		return err
	}
	if err := errors.Join(r.fleet.Kill(node, leader), r.fleet.Join(), lose(node)); err != nil {
		return err
	}
	if err := r.start(node); err != nil {
		return err
	}
	r.struck()
	if err := r.hold(ctx, 2*time.Second, 4*time.Second); err != nil {
		return err
	}
	r.mended()
	if err := r.start(leader); err != nil {
		return err
	}
	kept, err := os.ReadFile(filepath.Join(r.fleet.DataDir(node), identityFile))
	switch {
	case err != nil:
		return err
	case !r.fleet.Running(node):
		r.bands[len(r.bands)-1].What += ", it stopped: " + lastLine(r.fleet.LastWords(node))
		return r.joinAnew(ctx, node, m.RaftID)
	case strings.Contains(string(kept), strings.TrimPrefix(m.RaftID, r.fleet.Name(node)+"@")):
		r.bands[len(r.bands)-1].What += ", it went on"
		return nil // as the server that it was
	}
	return r.votes(ctx, node, m.RaftID)
}
