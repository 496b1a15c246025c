package logstore

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/types"
)

// segmentsKey is the stable key of the checksums of the list of segments.
var segmentsKey = []byte("treenode/segments")

// segmentList is the library's file of stable values and of the list of
// segments. The library removes segments that are not listed, and the list has
// no checksum: a damaged one would cost the log. Here it has: before a list is
// stored, its checksum is, beside that of the list before, so that one of both
// fits at any time.
type segmentList struct {
	metadb.BoltMetaDB
	path    string
	current uint32
}

var _ types.MetaStore = (*segmentList)(nil)

// Load implements types.MetaStore.
func (l *segmentList) Load(dir string) (types.PersistentState, error) {
	l.path = dir
	state, err := l.BoltMetaDB.Load(dir)
	if err != nil {
		return state, err
	}
	if len(state.Segments) == 0 {
		if err := withoutSegments(dir); err != nil {
			return state, err
		}
	}
	if l.current, err = checksumOf(state); err != nil {
		return state, err
	}
	sealed, err := l.GetStable(segmentsKey)
	if err != nil {
		return state, err
	}
	if sealed == nil {
		if len(state.Segments) > 0 || state.NextSegmentID > 0 {
			return state, l.corrupt("there are segments, but no checksum of their list")
		}
		return state, nil
	}
	sums, reason := openValue(segmentsKey, sealed)
	switch {
	case reason != "":
		return state, l.corrupt(reason)
	case len(sums) != 8:
		return state, l.corrupt(fmt.Sprintf("it has %d bytes", len(sums)))
	case binary.BigEndian.Uint32(sums) != l.current && binary.BigEndian.Uint32(sums[4:]) != l.current:
		return state, l.corrupt("the list of segments does not have its checksum")
	}
	return state, nil
}

func (l *segmentList) corrupt(reason string) error {
	return &CorruptError{Path: l.path, Key: string(segmentsKey), Reason: reason}
}

// CommitState implements types.MetaStore.
func (l *segmentList) CommitState(state types.PersistentState) error {
	next, err := checksumOf(state)
	if err != nil {
		return err
	}
	sums := binary.BigEndian.AppendUint32(nil, l.current)
	if err := l.SetStable(segmentsKey, sealValue(segmentsKey, binary.BigEndian.AppendUint32(sums, next))); err != nil {
		return err
	}
	if err := l.BoltMetaDB.CommitState(state); err != nil {
		return err
	}
	l.current = next
	return nil
}

func checksumOf(state types.PersistentState) (uint32, error) {
	b, err := json.Marshal(state)
	return crc32.Checksum(b, castagnoli), err
}
