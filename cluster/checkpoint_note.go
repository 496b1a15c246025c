package cluster

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	divergedFile   = "diverged.json"
	divergedFormat = 1
)

// divergedNote is what a node that halted for a Divergence leaves in its data
// directory. While it is there the node does not start: what it holds, or what
// made it hold that, is wrong, and it would serve it again until the next
// checkpoint.
type divergedNote struct {
	Format int `json:"format"`
	Divergence
}

func noteDivergence(dir string, d *Divergence) error {
	b, err := json.MarshalIndent(divergedNote{divergedFormat, *d}, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, divergedFile), append(b, '\n'))
}

// readDivergence returns what a directory says of its halt, nil if nothing.
func readDivergence(dir string) (*Divergence, error) {
	path := filepath.Join(dir, divergedFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // the absence is the answer
	}
	var note divergedNote
	if err == nil {
		err = json.Unmarshal(b, &note)
	}
	switch {
	case err != nil:
		return nil, fail(CodeInvalid, err, "%s can't be read", path)
	case note.Format != divergedFormat:
		return nil, fail(CodeInvalid, nil, "%s has format %d, this program reads %d", path, note.Format, divergedFormat)
	}
	return &note.Divergence, nil
}

// refuseDiverged returns an error for the directory of a node that halted for a
// Divergence.
func refuseDiverged(dir string) error {
	d, err := readDivergence(dir)
	switch {
	case err != nil:
		return err
	case d != nil:
		return fail(CodeHalted, d, "this node halted, and stays so: compare its data directory with another node's (treenode inspect), "+
			"then start it with an empty one; or remove %s to start it as it is", filepath.Join(dir, divergedFile))
	}
	return nil
}
