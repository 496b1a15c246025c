package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/treenode/treenode/transport/wire"
)

// inspectTimeout bounds the look into one data directory. Some logs have a
// hundred megabytes.
const inspectTimeout = 2 * time.Minute

// inspection is what "treenode inspect" says of a data directory, as far as it
// is judged.
type inspection struct {
	State *struct {
		Index     uint64 `json:"index"`
		Digest    string `json:"digest"`
		Violation string `json:"violation"`
	} `json:"state"`
	Contradictions []string `json:"contradictions"`
	Damage         []string `json:"damage"`
}

// directories ends all nodes at once and looks into what they leave: every
// directory must lead to a state that is whole and that all nodes last showed.
// What was acknowledged is on each disk then, not only in memory.
func (r *run) directories(ctx context.Context, p *report) error {
	if err := r.fleet.Kill(r.members()...); err != nil {
		return err
	}
	for _, n := range r.members() {
		i, err := r.inspect(ctx, r.fleet.DataDir(n))
		if err != nil {
			return fmt.Errorf("%s: %w", r.fleet.Name(n), err)
		}
		p.directory(r.fleet.Name(n), i, r.shown, r.damages())
	}
	return nil
}

// directory judges one directory. Damage that the run has done itself, in what
// the node has not read since, is told and no finding.
func (p *report) directory(name string, i inspection, shown wire.Digest, damaged bool) {
	for _, text := range i.Contradictions {
		p.find("directory contradicts itself", name+": "+text)
	}
	for _, text := range i.Damage {
		if damaged {
			p.Unread = append(p.Unread, name+": "+text)
		} else {
			p.find("directory is damaged", name+": "+text)
		}
	}
	switch s := i.State; {
	case s == nil && damaged && len(i.Damage) > 0:
	case s == nil:
		p.find("directory leads to no state", name)
	case s.Violation != "":
		p.find("state breaks an invariant", name+": "+s.Violation)
	case damaged && len(i.Damage) > 0 && s.Index < shown.Index: // the damage ends it
	case s.Index < shown.Index:
		p.find("acknowledged change not on disk", fmt.Sprintf("%s: the directory leads to index %d, the node was at %d", name, s.Index, shown.Index))
	case s.Digest != shown.Digest:
		// No client works any more: what came after is of the cluster's own.
		p.find("directory differs", fmt.Sprintf("%s: the directory leads to the digest %s at index %d, the nodes showed %s at %d",
			name, s.Digest, s.Index, shown.Digest, shown.Index))
	}
}

// damages tells whether the run alters files.
func (r *run) damages() bool {
	for _, name := range r.Faults {
		if faultNamed(name).damages {
			return true
		}
	}
	return false
}

func (r *run) inspect(ctx context.Context, dir string) (i inspection, err error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.program, "inspect", dir, "-o", "json") //nolint:gosec // the program that was asked for
	cmd.Env = append(os.Environ(), "TMPDIR="+r.dir)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return i, err
	}
	if told := json.Unmarshal(out.Bytes(), &i); told != nil {
		return i, errors.Join(err, fmt.Errorf("treenode inspect %s: %s", dir, bytes.TrimSpace(errs.Bytes())), ctx.Err())
	}
	return i, nil
}
