package cluster

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// TestPaced writes four pieces: each reaches the disk before the next begins.
func TestPaced(t *testing.T) {
	var to bytes.Buffer
	var flushed []int
	p := &paced{to: &to, stopped: make(chan struct{}), began: time.Now(), flush: func() error {
		flushed = append(flushed, to.Len())
		return nil
	}}
	part := make([]byte, persistPiece/4)
	for range 4*4 + 1 {
		if _, err := p.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if len(flushed) != 4 || flushed[3] != 4*persistPiece {
		t.Errorf("flushed at %v", flushed)
	}
	if to.Len() != 17*len(part) {
		t.Errorf("%d bytes were written", to.Len())
	}
}

// TestPacedEnds lets the node stop, and the disk fail.
func TestPacedEnds(t *testing.T) {
	stopped := make(chan struct{})
	close(stopped)
	var to bytes.Buffer
	p := &paced{to: &to, stopped: stopped, began: time.Now().Add(-time.Hour), flush: func() error { return nil }}
	if _, err := p.Write(make([]byte, persistPiece)); !errors.Is(err, errClosed) {
		t.Errorf("at the stop: %v", err)
	}
	broken := errors.New("broken")
	p = &paced{to: &to, stopped: make(chan struct{}), began: time.Now(), flush: func() error { return broken }}
	if _, err := p.Write(make([]byte, persistPiece)); !errors.Is(err, broken) {
		t.Errorf("with a broken disk: %v", err)
	}
}
