package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// queueMax is how many entries may wait to be written. An entry has half a
	// mebibyte at most, but is seldom more than a few kibibytes.
	queueMax = 128
	// writeMax is how many bytes are gathered for one write.
	writeMax = 1 << 20
	// flushEvery is how long written lines may wait for the disk.
	flushEvery = time.Second
)

// Options are a writer's. All must be set.
type Options struct {
	// Node is the node's id. A directory is one node's.
	Node string
	// Cluster returns the id of the node's cluster. It is called once the first entry
	// is there. Another cluster's log is another history: its indexes begin anew.
	Cluster func() string
	// FileBytes is after how many bytes a new file is begun, and Files how many
	// are kept.
	FileBytes int64
	Files     int
	// Stall bounds how long Add and Sync wait for the disk.
	Stall time.Duration
	// Failed is told, once, why nothing is written any more.
	Failed func(error)
}

// WriteError is an audit that can't be written.
type WriteError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *WriteError) Error() string {
	return "audit: " + e.Path + " can't be written: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Err }

var (
	errStalled = errors.New("the disk hangs")
	errClosed  = errors.New("the writer is closed")
)

// item is something to write.
type item struct {
	entry    *Entry
	restored uint64     // a snapshot replaced what was before this index
	through  uint64     // nothing is missing up to here, and it is to be on disk
	done     chan error // of through
}

// Writer writes the audit of a node. Add and Restored are for one goroutine at a
// time; the others may be called from any.
type Writer struct {
	dir   string
	o     Options
	items chan item

	closeOnce sync.Once
	closing   chan struct{}
	failOnce  sync.Once
	failed    chan struct{}
	cause     error         // set before failed closes
	done      chan struct{} // closed when the goroutine that writes has returned

	// Of the goroutine that writes:
	file  *os.File // nil until there is something to write
	tail  tail
	buf   []byte
	dirty bool
}

// Open continues the audit in a directory, or begins one. The error names the file.
func Open(dir string, o Options) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &WriteError{dir, err}
	}
	end, err := readTail(dir)
	if err != nil {
		return nil, err
	}
	if end.number > 0 && end.head.Node != o.Node {
		return nil, &DamageError{Path: dir, Reason: fmt.Sprintf("it is the audit of node %q, this is node %q", end.head.Node, o.Node)}
	}
	w := &Writer{
		dir: dir, o: o, tail: end, items: make(chan item, queueMax),
		closing: make(chan struct{}), failed: make(chan struct{}), done: make(chan struct{}),
	}
	if end.number > 0 {
		if err := w.mend(); err != nil {
			return nil, err
		}
	}
	go w.run()
	return w, nil
}

// mend opens the last file and cuts off what is torn.
func (w *Writer) mend() error {
	path := w.path()
	f, err := os.OpenFile(path, os.O_WRONLY, 0o600)
	if err != nil {
		return &WriteError{path, err}
	}
	w.file = f
	if err = f.Truncate(w.tail.size); err == nil {
		_, err = f.Seek(w.tail.size, 0)
	}
	if err == nil && w.tail.torn > 0 {
		err = w.append(w.tail.at.note(&Record{Kind: Torn, TornBytes: w.tail.torn}))
		if err == nil {
			err = w.write()
		}
		w.tail.torn = 0
	}
	if err != nil {
		return errors.Join(&WriteError{path, err}, f.Close())
	}
	return nil
}

func (w *Writer) path() string { return filepath.Join(w.dir, nameOf(w.tail.number)) }

// Add has an entry written. The error is why nothing is written any more; Failed is
// told it too.
func (w *Writer) Add(e Entry) error { return w.send(item{entry: &e}) }

// Restored notes that a snapshot replaced what was before, up to an index.
func (w *Writer) Restored(index uint64) error { return w.send(item{restored: index}) }

// Sync returns once all that was added is on disk, after which the log need not have
// what is up to index.
func (w *Writer) Sync(index uint64) error {
	i := item{through: index, done: make(chan error, 1)}
	if err := w.send(i); err != nil {
		return err
	}
	timeout := time.NewTimer(w.o.Stall)
	defer timeout.Stop()
	select {
	case err := <-i.done:
		return err
	case <-w.failed:
		return w.cause
	case <-w.done:
		return errClosed
	case <-timeout.C:
		return w.fail(&WriteError{w.dir, errStalled})
	}
}

func (w *Writer) send(i item) error {
	select {
	case <-w.failed:
		return w.cause
	case w.items <- i:
		return nil
	default:
	}
	timeout := time.NewTimer(w.o.Stall)
	defer timeout.Stop()
	select {
	case w.items <- i:
		return nil
	case <-w.failed:
		return w.cause
	case <-w.done:
		return errClosed
	case <-timeout.C:
		return w.fail(&WriteError{w.dir, errStalled})
	}
}

// fail ends the writing, and returns why.
func (w *Writer) fail(err error) error {
	w.failOnce.Do(func() {
		w.cause = err
		close(w.failed)
		w.o.Failed(err)
	})
	<-w.failed
	return w.cause
}

// Close writes what was added, and waits for it for Options.Stall at most.
func (w *Writer) Close() error {
	w.closeOnce.Do(func() { close(w.closing) })
	timeout := time.NewTimer(w.o.Stall)
	defer timeout.Stop()
	select {
	case <-w.done:
	case <-timeout.C:
		return &WriteError{w.dir, errStalled}
	}
	select {
	case <-w.failed:
		return w.cause
	default:
		return nil
	}
}

func (w *Writer) run() {
	defer close(w.done)
	err := w.serve()
	if w.file != nil {
		err = errors.Join(err, w.file.Close())
	}
	if err != nil {
		_ = w.fail(&WriteError{w.path(), err}) // told to Failed
	}
}

// serve writes until the writer closes or fails.
func (w *Writer) serve() error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		var first item
		select {
		case first = <-w.items:
		case <-tick.C:
			if err := w.flush(); err != nil {
				return err
			}
			continue
		case <-w.failed:
			return nil
		case <-w.closing:
			select {
			case first = <-w.items:
			default:
				return w.flush()
			}
		}
		if err := w.take(first); err != nil {
			return err
		}
		for waiting := true; waiting && len(w.buf) < writeMax; {
			select {
			case next := <-w.items:
				if err := w.take(next); err != nil {
					return err
				}
			default:
				waiting = false
			}
		}
		if err := w.write(); err != nil {
			return err
		}
	}
}

// take makes the lines of an item.
func (w *Writer) take(i item) error {
	switch {
	case i.entry != nil:
		return w.takeEntry(i.entry)
	case i.done != nil:
		err := w.takeThrough(i.through)
		i.done <- err
		return err
	}
	if err := w.begin(); err != nil || w.tail.at.missing() > i.restored {
		return err
	}
	at := w.tail.at
	return w.append(&Record{Kind: Gap, Index: i.restored, Term: at.term, Gap: &[2]uint64{at.missing(), i.restored}})
}

func (w *Writer) takeThrough(index uint64) error {
	if err := w.begin(); err != nil {
		return err
	}
	if at := w.tail.told; at.missing() <= index {
		if err := w.append(&Record{Kind: Through, Index: index, Term: at.term}); err != nil {
			return err
		}
	}
	return w.flush()
}

func (w *Writer) takeEntry(e *Entry) error {
	records, err := e.records()
	if err != nil || len(records) == 0 {
		return err
	}
	if err := w.begin(); err != nil {
		return err
	}
	if at := w.tail.at; e.Index <= at.index && e.Term > at.term {
		if err := w.append(&Record{Kind: Rewound, Index: e.Index - 1, Term: e.Term}); err != nil {
			return err
		}
	}
	if w.tail.at.index < e.Index {
		if err := w.room(); err != nil {
			return err
		}
	}
	for i := range records {
		if at := w.tail.at; e.Index < at.index || e.Index == at.index && (at.whole || i < at.commands) {
			continue // from before the start
		}
		if err := w.append(&records[i]); err != nil {
			return err
		}
	}
	if w.tail.at.index == e.Index {
		w.tail.at.whole = true
	}
	return nil
}

// begin sees to it that there is a file for the lines of this cluster.
func (w *Writer) begin() error {
	cluster := w.o.Cluster()
	if w.file != nil && w.tail.head.Cluster == cluster {
		return nil
	}
	if w.tail.head.Cluster != cluster {
		w.tail.at = position{}
	}
	return w.rotate(cluster)
}

// rotate goes on in a new file.
func (w *Writer) rotate(cluster string) error {
	head := Record{
		Kind: Begin, Format: format, File: nameOf(w.tail.number + 1), Node: w.o.Node, Cluster: cluster,
	}
	w.tail.at.note(&head)
	if w.tail.number > 0 {
		head.Continues = nameOf(w.tail.number)
	}
	if w.file != nil {
		if err := errors.Join(w.flush(), w.file.Close()); err != nil {
			return err
		}
		w.file = nil
	}
	f, err := os.OpenFile(filepath.Join(w.dir, head.File), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	torn := w.tail.torn
	w.file = f
	w.tail.number, w.tail.size, w.tail.head, w.tail.torn = w.tail.number+1, 0, head, 0
	err = w.append(&head)
	if err == nil && torn > 0 {
		err = w.append(w.tail.at.note(&Record{Kind: Torn, TornBytes: torn}))
	}
	if err != nil {
		return err
	}
	if err := errors.Join(w.flush(), syncDir(w.dir)); err != nil {
		return err
	}
	return w.prune()
}

// prune removes the oldest files.
func (w *Writer) prune() error {
	numbers, err := numbersIn(w.dir)
	if err != nil {
		return err
	}
	for _, n := range numbers[:max(0, len(numbers)-w.o.Files)] {
		if err := os.Remove(filepath.Join(w.dir, nameOf(n))); err != nil {
			return err
		}
	}
	return nil
}

// room begins a new file if this one is full. The lines of an entry are in one file.
func (w *Writer) room() error {
	if w.tail.size < w.o.FileBytes {
		return nil
	}
	return w.rotate(w.tail.head.Cluster)
}

func (w *Writer) append(r *Record) error {
	before := len(w.buf)
	var err error
	if w.buf, w.tail.last, err = appendLine(w.buf, w.tail.last, r); err != nil {
		return err
	}
	w.tail.size += int64(len(w.buf) - before)
	w.tail.told = r.position()
	w.tail.at = w.tail.told
	return nil
}

// write gives the file what was gathered.
func (w *Writer) write() error {
	if len(w.buf) == 0 {
		return nil
	}
	_, err := w.file.Write(w.buf)
	w.buf, w.dirty = w.buf[:0], true
	return err
}

// flush has the disk take it.
func (w *Writer) flush() error {
	if err := w.write(); err != nil || !w.dirty {
		return err
	}
	w.dirty = false
	return w.file.Sync()
}

// syncDir makes names in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
