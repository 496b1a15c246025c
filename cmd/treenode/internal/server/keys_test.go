package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster/atrest"
)

func writeKeys(t *testing.T, path string, names ...string) {
	t.Helper()
	var text strings.Builder
	for _, name := range names {
		secret := bytes.Repeat([]byte{name[len(name)-1]}, atrest.KeyLen)
		fmt.Fprintf(&text, "%s:%s\n", name, base64.StdEncoding.EncodeToString(secret))
	}
	// As a deployment does: whoever reads gets the old file or the new one.
	if err := os.WriteFile(path+".new", []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// The key file is read again while the server runs; one that lacks a key in use is
// refused and told of; the metrics say which keys are needed.
func TestKeyFileIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "keys")
	writeKeys(t, file, "k1")
	var saying sync.Mutex // also of loggers that outlive Shutdown
	var buffer bytes.Buffer
	said := func() string {
		saying.Lock()
		defer saying.Unlock()
		return buffer.String()
	}
	s, err := Start(Config{
		NodeID: "n1", DataDir: filepath.Join(dir, "data"), Listen: "127.0.0.1:0", PeerListen: "127.0.0.1:0",
		RequestTimeout: 10 * time.Second, EncryptionKeyFile: file, Logger: hclog.New(&hclog.LoggerOptions{Output: &buffer, Mutex: &saying}),
	})
	if err != nil {
		t.Fatal(err)
	}
	shut := func() {
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	want := func(lines ...string) {
		t.Helper()
		r, err := http.Get(s.URL() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			name, labels, _ := strings.Cut(line, " ")
			key, value, _ := strings.Cut(labels, "|")
			found := false
			for got := range strings.Lines(string(body)) {
				found = found || strings.HasPrefix(got, name) && strings.Contains(got, key) && strings.HasSuffix(got, " "+value+"\n")
			}
			if !found {
				t.Errorf("no %s in\n%s", line, body)
			}
		}
	}
	ready := time.Now().Add(time.Minute)
	for s.Node() == nil || s.Node().Ready(t.Context()) != nil {
		if time.Now().After(ready) {
			t.Fatal("the node does not get ready")
		}
		time.Sleep(time.Millisecond)
	}
	want(`treenode_encryption_key_active key="k1"|1`, `treenode_encryption_key_in_use key="k1"|1`, `treenode_encryption_keys_refused |0`)
	writeKeys(t, file, "k2")
	s.Reload()
	want(`treenode_encryption_key_active key="k1"|1`, `treenode_encryption_keys_refused |1`)
	writeKeys(t, file, "k2", "k1")
	s.Reload()
	want(`treenode_encryption_key_active key="k2"|1`, `treenode_encryption_key_active key="k1"|0`, `treenode_encryption_key_in_use key="k1"|1`, `treenode_encryption_keys_refused |0`)
	shut()
	for _, text := range []string{"stay those that they were", "were exchanged"} {
		if !strings.Contains(said(), text) {
			t.Errorf("%q was not said: %s", text, said())
		}
	}
	if strings.Contains(said(), base64.StdEncoding.EncodeToString([]byte("111111"))) {
		t.Error("a key was told")
	}
}
