package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// PollInterval is how often the files are looked at.
	PollInterval = 2 * time.Second
	// endsSoon is how long before its end a certificate is complained about, and
	// complainEvery how often.
	endsSoon      = 14 * 24 * time.Hour
	complainEvery = 24 * time.Hour
)

// file is one of the files that belong together.
type file struct{ flag, path string }

// contents are those of the files, in their order; nil for one without a path.
type contents [][]byte

func (c contents) equal(d contents) bool { return slices.EqualFunc(c, d, bytes.Equal) }

// loaded is what files come to.
type loaded interface{ own() *tls.Certificate }

// watched is what a set of files comes to, and the newest that was good. One
// goroutine at a time may look; anybody may read what is current.
type watched[T loaded] struct {
	files []file
	parse func(contents) (T, error)
	log   hclog.Logger
	// changed is told of each change, after the first load. May be nil.
	changed func()

	current atomic.Pointer[T]
	seen    contents // that current was made of
	bad     contents // that failed last
	badErr  string   // of a file that can't be read
	said    bool     // about bad
	due     time.Time
}

// open reads the files for the first time.
func open[T loaded](files []file, log hclog.Logger, parse func(contents) (T, error)) (*watched[T], error) {
	w := &watched[T]{files: files, parse: parse, log: log}
	if w.log == nil {
		w.log = hclog.NewNullLogger()
	}
	c, err := w.read()
	if err != nil {
		return nil, err
	}
	value, err := parse(c)
	if err != nil {
		return nil, err
	}
	w.current.Store(&value)
	w.seen = c
	w.warnOfMode()
	w.complain(time.Now())
	return w, nil
}

func (w *watched[T]) value() T { return *w.current.Load() }

// read reads all files. The error names the one at fault.
func (w *watched[T]) read() (contents, error) {
	c := make(contents, len(w.files))
	for i, f := range w.files {
		if f.path == "" {
			continue
		}
		b, err := readFile(f.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.flag, err)
		}
		c[i] = b
	}
	return c, nil
}

// watch looks at the files until the context ends.
func (w *watched[T]) watch(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.look()
			w.complain(now)
		}
	}
}

// look takes in what has changed. Files are replaced one after the other: what
// does not fit together is complained about only when it is found again.
func (w *watched[T]) look() {
	c, err := w.read()
	if err == nil && c.equal(w.seen) {
		w.bad, w.badErr, w.said = nil, "", false
		return
	}
	var value T
	if err == nil {
		value, err = w.parse(c)
	}
	if err != nil {
		again := w.bad != nil && c.equal(w.bad) || c == nil && w.badErr == err.Error()
		if again && !w.said {
			w.log.Error("changed certificate files are not used, the old ones are", "error", err)
			w.said = true
		} else if !again {
			w.said = false
		}
		w.bad, w.badErr = c, err.Error()
		return
	}
	w.seen, w.bad, w.badErr, w.said = c, nil, "", false
	w.current.Store(&value)
	w.warnOfMode()
	if own := value.own(); own != nil {
		w.log.Info("certificate files were read again", "file", w.files[0].path, "certificate", own.Leaf.Subject.String(), "ends", own.Leaf.NotAfter)
		w.due = time.Time{}
	}
	if w.changed != nil {
		w.changed()
	}
}

// complain says that a certificate is out of time, or soon will be.
func (w *watched[T]) complain(now time.Time) {
	own := w.value().own()
	if own == nil || now.Before(w.due) {
		return
	}
	switch path := w.files[0].path; {
	case now.After(own.Leaf.NotAfter):
		w.log.Error("the certificate has ended", "file", path, "ended", own.Leaf.NotAfter)
	case now.Before(own.Leaf.NotBefore):
		w.log.Error("the certificate has not begun", "file", path, "begins", own.Leaf.NotBefore)
	case own.Leaf.NotAfter.Sub(now) < endsSoon:
		w.log.Warn("the certificate ends soon", "file", path, "ends", own.Leaf.NotAfter)
	default:
		return
	}
	w.due = now.Add(complainEvery)
}

// warnOfMode says that everybody on this machine can read a key.
func (w *watched[T]) warnOfMode() {
	for _, f := range w.files {
		if f.flag != flagTLSKey && f.flag != flagPeerKey || f.path == "" {
			continue
		}
		if info, err := os.Stat(f.path); err == nil && info.Mode().Perm()&0o007 != 0 {
			w.log.Warn("every user of this machine can read the key", "file", f.path, "mode", info.Mode().Perm().String())
		}
	}
}

// together refuses files of which some are missing.
func together(files ...file) error {
	given := 0
	var missing []error
	for _, f := range files {
		if f.path != "" {
			given++
		} else {
			missing = append(missing, fmt.Errorf("%s: it is needed where %s is given", f.flag, others(f.flag, files)))
		}
	}
	if given == 0 {
		return nil
	}
	return errors.Join(missing...)
}

func others(flag string, files []file) string {
	for _, f := range files {
		if f.flag != flag && f.path != "" {
			return f.flag
		}
	}
	return ""
}
