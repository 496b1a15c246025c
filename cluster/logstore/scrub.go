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
	// First what is read without the library, which does not bear all damage.
	if err := s.scrubStructure(ctx); err != nil {
		return err
	}
	for _, key := range append([]string{string(headerKey)}, s.stableKeys()...) {
		if _, err := s.get(OpScrub, []byte(key)); err != nil {
			if errors.Is(err, raftboltdb.ErrKeyNotFound) { // only the header is not among the keys
				err = s.corruptKey([]byte(key), "it is missing", nil)
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

// structured is an Inner that can check what its files say of each other, while
// it is open and no write goes on.
type structured interface{ inspectOpen() error }

// structureTries is how often damage to the structure must be seen to count:
// the library makes segments on its own time, and a look may meet one half
// written.
const structureTries = 4

func (s *Store) scrubStructure(ctx context.Context) error {
	inner, ok := s.inner.(structured)
	if !ok {
		return nil
	}
	for try := 1; ; try++ {
		err := s.inspectOpen(inner)
		var corrupt *CorruptError
		switch {
		case err == nil:
			return nil
		case s.closed.Load():
			return ErrClosed
		case try < structureTries:
		case errors.As(err, &corrupt):
			return s.watch.corrupt(corrupt)
		default:
			return s.watch.corrupt(&CorruptError{Path: s.path, Reason: "its structure can't be read", Err: err})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try) * 10 * scrubPause):
		}
	}
}

func (s *Store) inspectOpen(inner structured) error {
	f := s.watch.begin(OpScrub)
	defer s.watch.end(f)
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed.Load() {
		return ErrClosed
	}
	return guard(inner.inspectOpen)
}
