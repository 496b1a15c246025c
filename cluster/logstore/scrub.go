package logstore

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// scrubPause is how long Scrub rests between two batches of entries.
const scrubPause = 10 * time.Millisecond

// Scrub reads every stable value and every entry once and verifies them, at
// most Options.ScrubPerSecond entries in a second. After each good entry it
// calls visit, if that is not nil, with the entry's index; an error from it
// ends the scrub. Entries that Raft removes or adds meanwhile are no error.
//
// It returns the first *CorruptError (Options.OnFailure has been told), the
// error of visit, ctx.Err(), ErrClosed, or nil at the end of the log.
func (s *Store) Scrub(ctx context.Context, visit func(index uint64) error) error {
	for _, key := range append([]string{string(headerKey)}, s.stableKeys()...) {
		if _, err := s.get(OpScrub, []byte(key)); err != nil {
			if errors.Is(err, raftboltdb.ErrKeyNotFound) { // only the header is not among the keys
				err = s.watch.corrupt(&CorruptError{Path: s.path, Key: key, Reason: "it is missing"})
			}
			return err
		}
	}
	batch, pause := s.opts.ScrubPerSecond/int(time.Second/scrubPause), scrubPause
	if batch == 0 {
		batch, pause = 1, time.Second/time.Duration(s.opts.ScrubPerSecond)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()

	index, _ := s.Range()
	for done := 1; ; done++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		first, last := s.Range()
		if index = max(index, first); index == 0 || index > last {
			return nil
		}
		var l raft.Log
		switch err := s.getLog(OpScrub, index, &l); {
		case errors.Is(err, raft.ErrLogNotFound): // removed since we looked at the range
			continue
		case err != nil:
			return err
		}
		if visit != nil {
			if err := visit(index); err != nil {
				return err
			}
		}
		index++
		if done%batch == 0 {
			timer.Reset(pause)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-timer.C:
			}
		}
	}
}
