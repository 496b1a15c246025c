package cluster_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/cluster/logstore"
)

// keysOf are named keys, the first of them active. The last byte of a name is its
// key's.
func keysOf(t testing.TB, names ...string) *atrest.Keys {
	t.Helper()
	var text strings.Builder
	for _, name := range names {
		if name == "plain" {
			text.WriteString("plain\n")
			continue
		}
		fmt.Fprintf(&text, "%s:%s\n", name, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{name[len(name)-1]}, atrest.KeyLen)))
	}
	k, err := atrest.Parse([]byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// holding are the files below a directory that hold a text.
func holding(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	for path, b := range filesBelow(t, dir) {
		if bytes.Contains(b, []byte(text)) {
			found = append(found, path)
		}
	}
	return found
}

func filesBelow(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			all[path], err = os.ReadFile(path) //nolint:gosec // of this test
		}
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			delete(all, path)
			err = nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantPrivate fails the test if others can get at anything in a directory.
func wantPrivate(t *testing.T, dir string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if seen++; err == nil && info.Mode().Perm() != want {
			t.Errorf("%s has mode %04o, not %04o", path, info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil || seen < 5 {
		t.Fatalf("%d files seen: %v", seen, err)
	}
}

func awaitKeys(t *testing.T, r *atrest.Ring, write func(), want ...string) {
	t.Helper()
	await(t, fmt.Sprint("only these keys are in use: ", want), func(context.Context) error {
		write()
		var got []string
		for _, ref := range r.InUse() {
			got = append(got, ref.Name)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("in use: %q", got)
		}
		return nil
	})
}

// Some nodes encrypt and others don't; snapshots go between them; a key is
// exchanged while they run; one that is missing is asked for by its name; and a
// damaged directory is rebuilt as any other. In no file of a node that encrypts,
// set aside or not, is there anything that was written.
func TestEncryptedCluster(t *testing.T) {
	t.Parallel()
	rings := []*atrest.Ring{atrest.NewRing(keysOf(t, "march1")), nil, atrest.NewRing(keysOf(t, "own3"))}
	engines := []logstore.Engine{logstore.EngineWAL, logstore.EngineWAL, logstore.EngineBolt}
	nodes := startKept(t, 3, func(i int, c *cluster.Config) {
		c.Keys, c.RaftLog = rings[i], engines[i]
		c.SnapshotThreshold, c.TrailingLogs = 20, 10
	})
	names := 0
	write := func(n int) {
		t.Helper()
		for range n {
			nodes[names%3].propose(fmt.Sprintf("payload%d", names))
			names++
		}
	}
	write(30)
	snapshots := func() {
		t.Helper()
		for _, k := range nodes {
			if err := k.Node().Snapshot(); err != nil {
				t.Fatal(err)
			}
		}
	}
	snapshots()
	write(5)
	alike(t, nodes)

	// A key is exchanged while everything goes on.
	r := rings[0]
	if err := r.Replace(keysOf(t, "april2", "march1")); err != nil {
		t.Fatal(err)
	}
	if err := r.Replace(keysOf(t, "april2")); !errors.As(err, new(*atrest.MissingKeyError)) {
		t.Errorf("march1 is needed, but was dropped: %v", err)
	}
	awaitKeys(t, r, func() { write(12); snapshots() }, "april2")
	if err := r.Replace(keysOf(t, "april2")); err != nil {
		t.Errorf("nothing needs march1 any more: %v", err)
	}

	// One that is away gets a snapshot from the others, from an encrypted one or not.
	first := nodes[0]
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	rest := nodes[1:]
	for range 40 {
		rest[names%2].propose(fmt.Sprintf("payload%d", names))
		names++
	}
	for _, k := range rest {
		if err := k.Node().Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	if got := holding(t, first.config.DataDir, "payload"); len(got) > 0 {
		t.Errorf("what was written is in %v", got)
	}

	// Without the key, and with another one of the same name, it does not start, says
	// which is missing, and leaves the directory as it is.
	before := fmt.Sprint(filesBelow(t, filepath.Join(first.config.DataDir, "raft-wal")))
	for name, keys := range map[string]*atrest.Ring{"none": nil, "wrong": atrest.NewRing(keysOf(t, "april9"))} {
		first.config.Keys = keys
		err := first.tryOpen("")
		if err == nil {
			t.Fatal(first.Close(), "it starts with key:", name)
		}
		if !errors.As(err, new(*atrest.MissingKeyError)) || !strings.Contains(err.Error(), `"april2"`) || errors.As(err, new(*cluster.DamageError)) {
			t.Errorf("key %s: %v", name, err)
		}
		_, err = cluster.OpenDirectory(first.config.DataDir, keys.Keys())
		var refused *cluster.Error
		if !errors.As(err, &refused) || refused.Code != cluster.CodeInvalid || !errors.As(err, new(*atrest.MissingKeyError)) {
			t.Errorf("inspected with key %s: %v", name, err)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(first.config.DataDir, "dam*")); len(found) > 0 {
		t.Errorf("it passes for damaged: %v", found)
	}
	if fmt.Sprint(filesBelow(t, filepath.Join(first.config.DataDir, "raft-wal"))) != before {
		t.Error("the log was changed")
	}
	d, err := cluster.OpenDirectory(first.config.DataDir, r.Keys())
	if err != nil {
		t.Fatal(err)
	}
	report := d.Report()
	if err := d.Close(); err != nil || len(report.Damage) > 0 || report.State == nil || report.State.Violation != "" || len(report.Keys) != 1 || report.Keys[0].Name != "april2" {
		t.Errorf("%v: %+v", err, report)
	}
	first.config.Keys = r
	first.open()
	first.awaitReady()
	alike(t, nodes)

	// Damage to what is encrypted is found, and rebuilt.
	old := first.Status().RaftID
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	states, err := filepath.Glob(first.path("snapshots", "*", "state.bin"))
	if err != nil || len(states) == 0 {
		t.Fatal(states, err)
	}
	for _, path := range states {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 8
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first.open()
	await(t, "the damaged node is rebuilt", func(ctx context.Context) error {
		if id := first.Status().RaftID; id == old || id == "" {
			return fmt.Errorf("still %q", id)
		}
		return first.Ready(ctx)
	})
	write(3)
	alike(t, nodes)
	for i, k := range nodes {
		wantPrivate(t, k.config.DataDir)
		got := holding(t, k.config.DataDir, "payload")
		if (len(got) > 0) == (rings[i] != nil) {
			t.Errorf("node %d: what was written is in %v", i+1, got)
		}
	}
}

// A node of which nothing was encrypted begins to, and ends it again; an older
// program is kept away meanwhile.
func TestEncryptionIsTurnedOnAndOff(t *testing.T) {
	t.Parallel()
	n := start(t, 1, func(c *cluster.Config) { c.SnapshotThreshold, c.TrailingLogs = 1000, 1 })[0]
	format := func() string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(n.config.DataDir, "node.json"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), `"format": `)
		return rest[:1]
	}
	n.propose(createRoot(t, "before"))
	if got := format(); got != "1" {
		t.Errorf("format %s", got)
	}
	n.config.Keys = atrest.NewRing(keysOf(t, "k1"))
	n.reopen()
	n.awaitReady()
	n.propose(createRoot(t, "during"))
	if err := n.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if got := format(); got != "2" {
		t.Errorf("format %s", got)
	}
	if got := holding(t, n.config.DataDir, "during"); len(got) > 0 {
		t.Errorf("what was written is in %v", got)
	}
	n.config.Keys = atrest.NewRing(keysOf(t, "plain", "k1"))
	n.reopen()
	n.awaitReady()
	awaitKeys(t, n.config.Keys, func() {
		n.propose(createRoot(t, newID(t).String()))
		if err := n.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}, "")
	n.config.Keys = nil
	n.reopen()
	n.awaitReady()
	if got := format(); got != "1" {
		t.Errorf("format %s", got)
	}
	if v := n.read(cluster.Linearizable, 0); v.Tree.NumProviders() < 4 {
		t.Errorf("%d providers", v.Tree.NumProviders())
	}
}

// Others are kept out of what a node writes, whatever the umask is, also where an
// older version let them in; of the directory itself it is said how to.
func TestNobodyElseGetsIn(t *testing.T) {
	t.Parallel()
	for _, engine := range []logstore.Engine{logstore.EngineWAL, logstore.EngineBolt} {
		var saying sync.Mutex // also of loggers that outlive Close
		var buffer bytes.Buffer
		said := func() string {
			saying.Lock()
			defer saying.Unlock()
			return buffer.String()
		}
		n := layOut(t, 1, func(c *cluster.Config) {
			c.RaftLog, c.SnapshotThreshold, c.TrailingLogs = engine, 1000, 1
			c.Logger = hclog.New(&hclog.LoggerOptions{Output: &buffer, Level: hclog.Warn, Mutex: &saying})
		})[0]
		n.open()
		n.awaitReady()
		work := func() {
			t.Helper()
			n.propose(createRoot(t, newID(t).String()))
			if err := n.Snapshot(); err != nil {
				t.Fatal(err)
			}
		}
		work()
		wantPrivate(t, n.config.DataDir)
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(said(), "chmod") {
			t.Errorf("said for nothing: %s", said())
		}
		err := filepath.WalkDir(n.config.DataDir, func(path string, e fs.DirEntry, err error) error {
			if err == nil {
				mode := fs.FileMode(0o644)
				if e.IsDir() {
					mode = 0o755
				}
				err = os.Chmod(path, mode) //nolint:gosec // of this test
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		n.open()
		n.awaitReady()
		work()
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(said(), "chmod 0700 "+n.config.DataDir) {
			t.Errorf("not said: %s", said())
		}
		if err := os.Chmod(n.config.DataDir, 0o700); err != nil { //nolint:gosec // a directory
			t.Fatal(err)
		}
		wantPrivate(t, n.config.DataDir)
	}
}

// A cluster that is made of an encrypted directory is encrypted too.
func TestRecoveredStaysEncrypted(t *testing.T) {
	t.Parallel()
	keys := keysOf(t, "k1")
	n := start(t, 1, func(c *cluster.Config) { c.Keys = atrest.NewRing(keys) })[0]
	n.propose(createRoot(t, "payload"))
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := cluster.OpenDirectory(n.config.DataDir, keys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Recover(cluster.Recovery{Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := holding(t, n.config.DataDir, "payload"); len(got) > 0 {
		t.Errorf("what was written is in %v", got)
	}
	wantPrivate(t, n.config.DataDir)
	n.config.Keys = nil
	if err := n.tryOpen(); !errors.As(err, new(*atrest.MissingKeyError)) {
		t.Fatalf("it opens without its key: %v", err)
	}
	n.config.Keys = atrest.NewRing(keys)
	n.open()
	n.awaitReady()
	if v := n.read(cluster.Linearizable, 0); v.Tree.NumProviders() != 1 {
		t.Errorf("%d providers", v.Tree.NumProviders())
	}
}
