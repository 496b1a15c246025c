package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/treenode/treenode/cluster/logstore"
)

// DamageError is damage found in what a node keeps on disk. A node that meets it
// never serves from that directory again; see Supervise for what becomes of it.
type DamageError struct {
	// Path is the damaged file, or the directory of the log.
	Path string
	// Index is the damaged entry of the log, or the index of the damaged
	// snapshot. 0 when the damage is elsewhere.
	Index  uint64
	Reason string
	Err    error // the cause, if there is one
}

// Error implements error.
func (e *DamageError) Error() string {
	s := e.Path + " is damaged"
	if e.Index != 0 {
		s += fmt.Sprintf(" at index %d", e.Index)
	}
	if s += ": " + e.Reason; e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// damageIn returns the damage that an error is about, or nil.
func damageIn(err error) *DamageError {
	var damage *DamageError
	if errors.As(err, &damage) {
		return damage
	}
	var corrupt *logstore.CorruptError
	if errors.As(err, &corrupt) {
		reason := corrupt.Reason
		if corrupt.Key != "" {
			reason = fmt.Sprintf("stable value %q: %s", corrupt.Key, reason)
		}
		return &DamageError{Path: corrupt.Path, Index: corrupt.Index, Reason: reason, Err: corrupt.Err}
	}
	return nil
}

const (
	markFile   = "damage.json"
	markFormat = 1
)

// damageMark is damage.json: what was found, and how far setting the directory aside
// has come. While it is there, nothing in the directory is used. Damage in the
// middle of the log would otherwise be forgotten by a restart until the next
// scrub came by.
type damageMark struct {
	Format int       `json:"format"`
	Path   string    `json:"path"`
	Index  uint64    `json:"index,omitempty"`
	Reason string    `json:"reason"`
	Found  time.Time `json:"found"`
	// Aside is the directory that all is moved to, Instance that of the server
	// which is to take the place, ClusterID where it belongs. They are empty
	// until the others have agreed to do without the old one.
	Aside     string `json:"aside,omitempty"`
	Instance  string `json:"instance,omitempty"`
	ClusterID string `json:"cluster_id,omitempty"`
	Sum       string `json:"sum"`
}

func (m damageMark) damage() *DamageError {
	return &DamageError{Path: m.Path, Index: m.Index, Reason: m.Reason}
}

// save replaces the mark durably.
func (m damageMark) save(dir string) error {
	m.Format, m.Sum = markFormat, ""
	return saveSummed(filepath.Join(dir, markFile), m, func(sum string) any { m.Sum = sum; return m })
}

// readMark returns the mark of a directory, or nil if there is none. One that
// is damaged itself is a mark too: it starts from the beginning.
func readMark(dir string) (*damageMark, error) {
	path := filepath.Join(dir, markFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var m damageMark
	sum := func() string { s := m.Sum; m.Sum = ""; return s }
	if json.Unmarshal(b, &m) != nil || m.Format != markFormat || sum() != sumOf(m) {
		return &damageMark{Path: path, Reason: "it does not have its checksum; something in its directory was damaged before", Found: time.Now().UTC()}, nil
	}
	return &m, nil
}

// leaveMark makes the damage known to the next start, if nothing has yet.
func leaveMark(dir string, d *DamageError) error {
	if known, err := readMark(dir); err != nil || known != nil {
		return err
	}
	reason := d.Reason
	if d.Err != nil {
		reason += ": " + d.Err.Error()
	}
	return damageMark{Path: d.Path, Index: d.Index, Reason: reason, Found: time.Now().UTC()}.save(dir)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumOf is the checksum of a record, taken with its sum empty.
func sumOf(record any) string {
	b, err := json.Marshal(record)
	if err != nil {
		panic(err) // the records are plain structs
	}
	return fmt.Sprintf("crc32c:%08x", crc32.Checksum(b, castagnoli))
}

// saveSummed replaces a file with a record and its checksum, durably.
func saveSummed(path string, record any, with func(sum string) any) error {
	b, err := json.MarshalIndent(with(sumOf(record)), "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(path, append(b, '\n'))
}
