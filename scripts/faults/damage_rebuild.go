package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What a node leaves of a damaged directory, and says of the damage.
const (
	asidePrefix = "damaged-"
	markFile    = "damage.json"
	sealFile    = "seal"
	sealedFile  = "meta.json"
)

// unusedWait is how long a node is watched that was damaged where, as far as is
// known, nothing is in use.
const unusedWait = 3 * time.Second

// scrubWait is how long a node that runs may take to have read all that it keeps
// once more: the round that is under way and the next one, each with a pause of a
// second and a thousand entries of the log in a second.
func (r *run) scrubWait(ctx context.Context, node int) time.Duration {
	c, err := r.clusterAt(ctx, node)
	if err != nil {
		return unusedWait // it has found something
	}
	return unusedWait + 2*time.Duration(c.Applied)*time.Second/1000 //nolint:gosec // entries of a short run
}

// victim is a node before it is damaged.
type victim struct {
	node   int
	raftID string
	aside  []string // what it had set aside before
}

func (r *run) victim(ctx context.Context, node int) (victim, error) {
	m, err := r.memberOf(ctx, node, "")
	if err != nil {
		return victim{}, &notWell{err}
	}
	aside, err := r.asides(node)
	return victim{node, m.RaftID, aside}, err
}

// asides are the directories that a node has set aside.
func (r *run) asides(node int) ([]string, error) {
	return filepath.Glob(filepath.Join(r.fleet.DataDir(node), asidePrefix+"*"))
}

// isDamaged reports whether "treenode inspect" calls the directory of a node that
// does not run damaged.
func (r *run) isDamaged(ctx context.Context, node int) (bool, error) {
	i, err := r.inspect(ctx, r.fleet.DataDir(node))
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.Exited() {
		return true, nil // it can't even begin
	}
	return len(i.Damage) > 0, err
}

var errNotFound = errors.New("it has not found the damage")

// rebuilds waits until a damaged node has set its directory aside, without
// anybody's help, and votes as a new server. It notes in the band what came of
// it. Damage to what is in no use may stay unnoticed, but that is said.
func (r *run) rebuilds(ctx context.Context, b *band, v victim, w wound) error {
	if w.file == "" {
		return nil
	}
	aside, ended := "", false
	watch := unusedWait
	if w.up {
		watch = r.scrubWait(ctx, v.node)
	}
	watched := time.Now().Add(watch)
	err := until(ctx, rebuilt.well, func() error {
		if ended = !r.fleet.Running(v.node); ended {
			return nil
		}
		gone := r.gone(v.node, w) // asked first: what was set aside is not there, either
		all, err := r.asides(v.node)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(dir string) bool { return slices.Contains(v.aside, dir) })
		switch {
		case len(all) > 0:
			aside = all[0]
			return r.replaced(ctx, v)
		case w.up && gone:
			return nil
		case w.used || time.Now().Before(watched):
			return errNotFound
		}
		return r.well(ctx, time.Millisecond)
	})
	name := r.fleet.Name(v.node)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ended:
		return &notWell{fmt.Errorf("%s ended for damage (%s): %s", name, w.what, lastLine(r.fleet.LastWords(v.node)))}
	case err != nil:
		return &notWell{fmt.Errorf("%s does not rebuild itself (%s): %w", name, w.what, err)}
	case aside != "":
		b.What += ", it rebuilt itself"
		return r.named(v, w, aside)
	case r.gone(v.node, w):
		b.What += ", which went before it was read"
		return nil
	case w.up:
		return r.unnoticed(ctx, b, v, w, watch)
	}
	b.What += ", in what is in no use: it went on"
	return nil
}

// gone reports whether the damaged file is no more: a snapshot that gave way to a
// newer one, or a file that was written anew.
func (r *run) gone(node int, w wound) bool {
	_, err := os.Stat(filepath.Join(r.fleet.DataDir(node), w.file))
	return isSnapshot(w.file) && errors.Is(err, os.ErrNotExist)
}

// replaced returns nil once the old server is out of the cluster and the new one
// votes.
func (r *run) replaced(ctx context.Context, v victim) error {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	c, err := r.admin.Members(asking)
	if err != nil {
		return err
	}
	m, err := r.memberIn(c.Members, v.node, v.raftID)
	switch {
	case err != nil:
		return err
	case m.Role != "voter" || !m.Healthy:
		return fmt.Errorf("%s is %s, healthy: %v %s", m.RaftID, m.Role, m.Healthy, m.Error)
	}
	for _, m := range c.Members {
		if m.RaftID == v.raftID {
			return fmt.Errorf("%s is still a member", v.raftID)
		}
	}
	return nil
}

// named checks that what a node says of the damage is true.
func (r *run) named(v victim, w wound, aside string) error {
	text, err := os.ReadFile(filepath.Join(aside, markFile))
	var mark struct {
		Path  string `json:"path"`
		Index uint64 `json:"index"`
	}
	if err == nil {
		err = json.Unmarshal(text, &mark)
	}
	if err != nil {
		r.find("damage not told", "%s (%s): %v", r.fleet.Name(v.node), w.what, err)
		return nil
	}
	file := filepath.Join(r.fleet.DataDir(v.node), w.file)
	// The log as a whole is named where no file of it can be.
	if filepath.Base(file) == sealFile { // which of both is wrong can't be told
		file = filepath.Join(filepath.Dir(file), sealedFile)
	}
	if file != mark.Path && !strings.HasPrefix(file, mark.Path+string(filepath.Separator)) {
		r.find("damage told wrongly", "%s: %s is damaged (%s), and %s was set aside for %s", r.fleet.Name(v.node), file, w.what, aside, mark.Path)
	}
	// An entry that is damaged when the log is opened costs its whole batch.
	if w.index != 0 && mark.Index != w.index && (w.up || mark.Index > w.index) {
		r.find("damage told wrongly", "%s: index %d is damaged (%s), and %s was set aside for index %d", r.fleet.Name(v.node), w.index, w.what, aside, mark.Index)
	}
	return nil
}

// unnoticed asks "treenode inspect" what a node did not find while it ran.
func (r *run) unnoticed(ctx context.Context, b *band, v victim, w wound, watched time.Duration) error {
	if err := r.fleet.Kill(v.node); err != nil {
		return err
	}
	found, err := r.isDamaged(ctx, v.node)
	if err != nil {
		return err
	}
	if err := r.start(v.node); err != nil {
		return err
	}
	if !found {
		b.What += ", in what is in no use: it went on"
		return nil
	}
	r.find("damage not found", "%s (%s) ran on for %v; treenode inspect finds it", r.fleet.Name(v.node), w.what, watched)
	w.up, w.used = false, true
	return r.rebuilds(ctx, b, v, w)
}
