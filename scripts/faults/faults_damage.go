package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/treenode/treenode/scripts/faults/fleet"
)

// identityFile is where a data directory says which server it is.
const identityFile = "node.json"

func damageFaults() []fault {
	down := func(name, what string, choose func(path string) bool, hurt injure) fault {
		return fault{name: name, summary: what + " of one node while it is down", bounds: rebuilt, damages: true, inject: func(ctx context.Context, r *run, note noting) error {
			return r.damage(ctx, note, choose, hurt)
		}}
	}
	up := func(name, what string, choose func(path string) bool, hurt injure) fault {
		return fault{name: name, summary: what + " of one node while it runs and reads all it has again and again", bounds: rebuilt, damages: true,
			flag: "scrub-interval", args: []string{"--scrub-interval", "1s"}, inject: func(ctx context.Context, r *run, note noting) error {
				return r.damageUp(ctx, note, choose, hurt)
			}}
	}
	all := []fault{
		down("flip-log", "bits flipped in the log", isLog, flipEntry),
		down("truncate-log", "the end of a file of the log cut off", isLog, truncate),
		down("delete-log", "a file of the log deleted", isLog, remove),
		down("flip-metadata", "bits flipped in a file that is neither log nor snapshot", isMetadata, flip),
		down("delete-metadata", "a file that is neither log nor snapshot deleted", isMetadata, remove),
		down("flip-snapshot", "bits flipped in a snapshot", isSnapshot, flip),
		down("truncate-snapshot", "the end of a snapshot cut off", isSnapshot, truncate),
		up("flip-log-up", "bits flipped in the log", isLog, flipEntry),
		up("flip-snapshot-up", "bits flipped in a snapshot", isSnapshot, flip),
		up("flip-metadata-up", "bits flipped in the stable values or the identity", isKept, flip),
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
		switch {
		case strings.HasSuffix(all[i].name, "-snapshot"):
			all[i].flag, all[i].args = "snapshot-threshold", []string{"--snapshot-threshold", "200"}
		case strings.HasSuffix(all[i].name, "-snapshot-up"): // a snapshot stays long enough to be read
			all[i].args = append(all[i].args, "--snapshot-threshold", "300")
		}
	}
	return all
}

// damage kills a node, damages one of its files, and starts it. If anything that
// it needs is damaged, it has to rebuild itself.
func (r *run) damage(ctx context.Context, note noting, choose func(string) bool, hurt injure) error {
	node := r.some(r.members(), 1)[0]
	if err := r.awaitFile(ctx, node, choose); err != nil {
		return err
	}
	v, err := r.victim(ctx, node)
	if err != nil {
		return err
	}
	b := note(false, "%s", r.fleet.Name(node))
	if err := r.fleet.Kill(node); err != nil {
		return err
	}
	r.struck()
	w, err := r.wound(node, choose, hurt)
	if err != nil {
		return err
	}
	b.What += ": " + w.what
	if !w.used && w.file != "" {
		if w.used, err = r.isDamaged(ctx, node); err != nil {
			return err
		}
	}
	r.mended()
	if err := r.start(node); err != nil {
		return err
	}
	return r.rebuilds(ctx, b, v, w)
}

// damageUp damages a file of a node that runs, which has to find it.
func (r *run) damageUp(ctx context.Context, note noting, choose func(string) bool, hurt injure) error {
	node := r.some(r.members(), 1)[0]
	if err := r.awaitFile(ctx, node, choose); err != nil {
		return err
	}
	v, err := r.victim(ctx, node)
	if err != nil {
		return err
	}
	b := note(false, "%s", r.fleet.Name(node))
	var w wound
	for { // a snapshot may go before it is opened
		if w, err = r.wound(node, choose, hurt); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	w.up = true
	b.What += ": " + w.what
	r.struck()
	r.mended()
	return r.rebuilds(ctx, b, v, w)
}

// awaitFile waits until a node has a file to damage: a snapshot takes a while.
func (r *run) awaitFile(ctx context.Context, node int, choose func(string) bool) error {
	return until(ctx, settleTimeout, func() error {
		files, err := regularFiles(r.fleet.DataDir(node))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(files, choose) {
			return fmt.Errorf("%s has no file to damage", r.fleet.Name(node))
		}
		return nil
	})
}

// wound damages one of a node's files.
func (r *run) wound(node int, choose func(string) bool, hurt injure) (wound, error) {
	dir := r.fleet.DataDir(node)
	files, err := regularFiles(dir)
	if err != nil {
		return wound{}, err
	}
	files = slices.DeleteFunc(files, func(below string) bool { return !choose(below) })
	if len(files) == 0 {
		return wound{what: "there is no such file yet"}, nil
	}
	below := files[r.r.IntN(len(files))]
	w, err := hurt(r, filepath.Join(dir, below))
	w.file, w.what = below, w.what+" "+below
	w.used = w.used || isSnapshot(below) // all of it counts
	if w.index == 0 {
		w.index = snapshotIndex(below)
	}
	return w, err
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
