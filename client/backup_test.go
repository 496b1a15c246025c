package client

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster/archive"
	"github.com/treenode/treenode/transport/wire"
)

func TestBackup(t *testing.T) {
	_, c := start(t, 1)
	must(c.CreateProvider(t.Context(), root("host")))(t)
	var b bytes.Buffer
	if err := c.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	got, err := archive.Verify(&b)
	if err != nil || got.Providers != 1 || got.Consistency != "linearizable" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := c.Backup(WithConsistency(t.Context(), "none"), &b); err == nil || b.Len() > 0 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
}

// A node that can't begin is passed over. One that breaks off in the middle is not:
// what it sent is with the writer already.
func TestBackupBreaksOff(t *testing.T) {
	cluster, c := start(t, 2, WithAttemptTimeout(time.Second), WithTimeout(20*time.Second))
	must(c.CreateProvider(t.Context(), root("host")))(t)
	refuse := func(_ *fakeNode, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	cluster.nodes[0].faults = []fault{refuse}
	cluster.nodes[1].faults = []fault{refuse}
	var b bytes.Buffer
	if err := c.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Verify(&b); err != nil {
		t.Error(err)
	}
	release := make(chan struct{})
	defer close(release)
	for name, rest := range map[string]func(){
		"cut": func() { panic(http.ErrAbortHandler) }, "silent": func() { <-release },
	} {
		half := func(_ *fakeNode, w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("treenode archive"))
			_ = http.NewResponseController(w).Flush()
			rest()
		}
		cluster.nodes[0].faults = []fault{half}
		cluster.nodes[1].faults = []fault{half}
		b.Reset()
		err := c.Backup(t.Context(), &b)
		e := wantError(t, err, wire.NotApplied, wire.CodeNotReady)
		if b.String() != "treenode archive" || e.Attempts != 1 {
			t.Errorf("%s: %q, %v", name, b.String(), err)
		}
		cluster.nodes[0].faults, cluster.nodes[1].faults = nil, nil
	}
	if err := c.Backup(t.Context(), fullDisk{}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

var errFull = errors.New("full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }
