package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/scripts/faults/check"
	"github.com/treenode/treenode/scripts/faults/fleet"
	"github.com/treenode/treenode/scripts/faults/load"
)

// scenarioFaults are histories made for one way to go wrong each, where a fault
// at a random time would have to be lucky.
func scenarioFaults() []fault {
	return []fault{
		{name: "flip-command", summary: "bits flipped in commands of the log of one node, on the engine without checksums, while it is down", bounds: rebuilt, damages: true,
			flag: "raft-log", args: []string{"--raft-log", "bolt"},
			inject: func(ctx context.Context, r *run, note noting) error {
				return r.damage(ctx, note, isLog, flipCommands)
			}},
		{name: "forget-tail", summary: "as forget-log, where a node loses the last entries only", needs: fleet.Network,
			bounds: bounds{wrote: restarted.wrote, well: rebuilt.well}, damages: true, inject: forgetTail},
		{name: "restart-snapshot", summary: "kill-all, where all start from snapshots, as the log is short", bounds: restarted,
			flag: "snapshot-threshold", args: []string{"--snapshot-threshold", "50"}, inject: killAll},
		{name: "hung-then-swap", summary: "the leader's disk hangs, it is killed, and goes on with a follower that was away", needs: fleet.Disk,
			cuts: true, bounds: restarted, inject: hungThenSwap},
		{name: "late-answers", summary: "followers' answers reach a leader 250 ms late while another one is elected; it is asked for reads", needs: fleet.Wires, crowd: 12, inject: lateAnswers},
	}
}

// commandsFlipped bounds in how many places flipCommands flips a bit. Most are
// in pages that are no longer part of the log.
const commandsFlipped = 40

// flipCommands makes commands speak of other consumers: all of it can be read,
// and only a checksum over the entry shows that it is another one.
func flipCommands(r *run, path string) (wound, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return wound{}, err
	}
	id, err := hex.DecodeString(strings.ReplaceAll(check.ConsumerUUID(0), "-", ""))
	if err != nil {
		return wound{}, err
	}
	prefix := id[:len(id)-1] // the last byte is the consumer's number
	var at []int
	for from := 0; ; {
		i := bytes.Index(b[from:], prefix)
		if i < 0 || from+i+len(prefix) >= len(b) {
			break
		}
		from += i + len(prefix)
		at = append(at, from)
	}
	r.r.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
	flipped := at[:min(len(at), commandsFlipped)]
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return wound{}, err
	}
	for _, i := range flipped {
		if _, err := f.WriteAt([]byte{b[i] ^ 1}, int64(i)); err != nil {
			return wound{}, errors.Join(err, f.Close())
		}
	}
	return wound{what: fmt.Sprintf("%d of %d consumers exchanged in", len(flipped), len(at))}, f.Close()
}

// forgetTail is forgetful with the last entries: those that the node wrote
// while another one was away. What is left looks like a log that ends there.
func forgetTail(ctx context.Context, r *run, note noting) error {
	before := map[int]int{}
	for _, n := range r.members() {
		_, written, err := r.endOfLog(n)
		if err != nil {
			return err
		}
		before[n] = written
	}
	return r.forgetful(ctx, note, "the end of its log", func(node int) error {
		path, written, err := r.endOfLog(node)
		if err != nil {
			return err
		}
		since := written - before[node]
		if since <= 0 {
			return fmt.Errorf("%s has written nothing", r.fleet.Name(node))
		}
		// The very last entries may not be acknowledged: at least a third goes.
		cut := since - r.r.IntN(since*2/3+1)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(make([]byte, cut), int64(written-cut))
		r.bands[len(r.bands)-1].What += fmt.Sprintf(": %d bytes of %d since", cut, since)
		return errors.Join(err, f.Close())
	})
}

// endOfLog is the last file of a node's log, and how much is written of it.
func (r *run) endOfLog(node int) (path string, written int, err error) {
	dir := r.fleet.DataDir(node)
	files, err := regularFiles(dir)
	if err != nil {
		return "", 0, err
	}
	files = slices.DeleteFunc(files, func(below string) bool { return !isLog(below) })
	if len(files) == 0 {
		return "", 0, fmt.Errorf("%s has no log", r.fleet.Name(node))
	}
	path = filepath.Join(dir, slices.Max(files)) // they are named by their first entry
	b, err := os.ReadFile(path)
	return path, len(writtenOf(b)), err
}

// hungThenSwap has a majority of all but the leader's disk, and takes it away
// with that disk: what was acknowledged meanwhile is lost, if anything was. The
// leader comes back to those that know nothing of it.
func hungThenSwap(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	behind := r.some(r.followers(leader), (len(r.members())-1)/2)
	note(true, "disk of leader %s hangs, %v behind; both go on without the rest", r.fleet.Name(leader), r.names(behind))
	if err := r.sever(behind, others(r.members(), behind)); err != nil {
		return err
	}
	if err := r.fleet.Hang(leader); err != nil {
		return err
	}
	if err := r.hold(ctx, time.Second, 2*time.Second); err != nil {
		return errors.Join(err, r.fleet.GoOn(leader))
	}
	// A process that waits for its disk does not end. Stopped, it writes no more
	// than what it waits for.
	if r.fleet.Running(leader) {
		err = r.fleet.Pause(leader)
	}
	rest := others(r.followers(leader), behind)
	err = errors.Join(err, r.fleet.GoOn(leader), r.fleet.Kill(append(rest, leader)...), r.fleet.Join())
	if err != nil {
		return err
	}
	r.struck()
	if err := r.start(leader); err != nil {
		return err
	}
	if err := r.hold(ctx, 2*time.Second, 4*time.Second); err != nil {
		return err
	}
	r.mended()
	return r.start(rest...)
}

// Times of lateAnswers. A leader that gets no answer for half a second gives up,
// and one that does not know within half a second that the other has all its
// entries does not hand over.
const (
	answersLate   = 250 * time.Millisecond
	answersTimes  = 3
	answersJudged = 1200 * time.Millisecond
	answersAsked  = 700 * time.Millisecond
	answersReads  = 8 // at once
	answersPace   = 5 * time.Millisecond
	// answersClient is the first number of those that ask.
	answersClient = 1000
)

// lateAnswers lets a leader hear from followers what they said before they had
// another one. That one is chosen at once, as the leader hands over; the leader
// does not hear of it for as long. A read that takes an answer from before for
// a confirmation shows less than the new leader has acknowledged.
func lateAnswers(ctx context.Context, r *run, note noting) error {
	b := note(false, "answers reach leaders that hand over %v late", answersLate)
	for range answersTimes {
		leader, err := r.leader(ctx)
		if err != nil {
			return err
		}
		w := fleet.Wire{Delay: answersLate, Seed: r.r.Uint64()}
		for _, n := range r.followers(leader) {
			w.Pairs = append(w.Pairs, [2]int{n, leader})
		}
		if err := r.fleet.Shape(w); err != nil {
			return err
		}
		if err := r.hold(ctx, answersLate, 3*answersLate); err != nil {
			return err
		}
		r.struck()
		next := r.some(r.followers(leader), 1)[0]
		b.What += fmt.Sprintf(", %s to %s", r.fleet.Name(leader), r.fleet.Name(next))
		if err := r.askBoth(ctx, leader, next); err != nil {
			b.What += fmt.Sprintf(" (%s)", client.CodeOf(err))
		}
		// Clients whose answers were late, too, catch up before the next one.
		if err := errors.Join(ctx.Err(), r.fleet.Join(), r.hold(ctx, answersLate, 3*answersLate)); err != nil {
			return err
		}
	}
	return nil
}

// askBoth lets a leader hand over, and asks it for reads and the next one for
// writes meanwhile. The error is the answer to the former.
func (r *run) askBoth(ctx context.Context, leader, next int) (handedOver error) {
	ctx, cancel := context.WithTimeout(ctx, answersJudged)
	defer cancel()
	var wait sync.WaitGroup
	ask := func(number, node int, o check.Op) {
		wait.Go(func() {
			for i := int32(1); ctx.Err() == nil; i++ {
				asked := o
				if !o.Kind.Reads() {
					asked.Args.Total = i
				}
				asked.Client, asked.Node = answersClient+number, r.fleet.Endpoint(node)
				asking, cancel := context.WithTimeout(client.WithEndpoint(context.WithoutCancel(ctx), asked.Node), answersAsked)
				load.Record(asking, r.admin, r.rec, &asked)
				cancel()
				_ = pause(ctx, answersPace) // the loop ends with the context
			}
		})
	}
	for i := range answersReads {
		ask(i, leader, check.Op{Kind: check.ReadProviders, Level: check.Linearizable})
	}
	ask(answersReads, next, check.Op{Kind: check.WritePair})
	handedOver = r.admin.TransferLeadership(client.WithEndpoint(ctx, r.fleet.Endpoint(leader)), r.fleet.Name(next))
	wait.Wait()
	return handedOver
}
