package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What serve can't do it refuses before it makes a data directory, naming the
// flag or the file.
func TestServeRefuses(t *testing.T) {
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte("ours: 'role:a and'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open, bad := filepath.Join(dir, "open"), filepath.Join(dir, "bad")
	if err := errors.Join(os.WriteFile(open, nil, 0o644), os.WriteFile(bad, []byte("k1:Secret!Secret"), 0o600)); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	for _, c := range []struct{ args, want string }{
		{"--auth kerberos", `auth: "kerberos"`},
		{"--auth tokens", "auth-tokens-file: "},
		{"--auth tokens --auth-tokens-file " + policy, "list of entries"},
		{"--auth certificates", "auth-client-certs: "},
		{"--auth-client-certs " + policy, "auth-client-certs: "},
		{"--rate-limit -1", "rate-limit: "},
		{"--auth keystone", "auth-keystone-file: "},
		{"--auth-keystone-file " + policy, "auth-keystone-file: "},
		{"--auth keystone --auth-keystone-file " + policy, "ours: there is no such key"},
		{"--policy-mode strict", `policy-mode: "strict"`},
		{"--policy-file " + filepath.Join(dir, "none"), "policy-file: "},
		{"--policy-file " + policy, "policy-file: rule ours"},
		{"--cors-origin example.com", `cors-origin: "example.com"`},
		{"--cors-origin http://example.com/path", `cors-origin: "http://example.com/path"`},
		{"--candidates-order random", `candidates-order: "random"`},
		{"--candidates-max -1", "candidates-max: -1"},
		{"--searches-max -1", "searches-max: -1"},
		{"--scrub-interval 0", "scrub-interval: 0s"},
		{"--raft-log paper", `raft-log "paper"`},
		{"--join nowhere", `join: "nowhere"`},
		{"--bootstrap-expect 3", "bootstrap-expect 3 needs join"},
		{"--node-id a/b", `node id "a/b"`},
		{"--listen 192.0.2.1:8778", "--insecure-listen"},
		{"--peer-listen 0.0.0.0:8779", "--insecure-listen"},
		{"--pprof 192.0.2.1:6060", "pprof"},
		{"--log-format xml", `log-format: "xml"`},
		{"--log-level loud", `log-level: "loud"`},
		{"--otlp-endpoint nowhere", `otlp-endpoint: "nowhere"`},
		{"--otlp-endpoint http://127.0.0.1:4318 --trace-sample 2", "trace-sample: 2"},
		{"--encryption-key-file " + open, "chmod 0600 " + open},
		{"--encryption-key-file " + bad, bad + `: line 1: key "k1" is not base64`},
		{"--config " + filepath.Join(dir, "none"), "config: "},
	} {
		args := append([]string{"serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0"}, strings.Fields(c.args)...)
		_, errs, code := run(t, "", args...)
		if code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit code %d, %q, want %q", c.args, code, errs, c.want)
		}
		if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: there is a data directory (%v)", c.args, err)
		}
	}
}

// Keys come from the environment as well, where nothing that is started from here
// finds them, and no error shows them.
func TestKeysFromTheEnvironment(t *testing.T) {
	t.Setenv(keysVariable, "k1:Secret!Secret")
	_, errs, code := run(t, "", "serve", "--data-dir", filepath.Join(t.TempDir(), "data"))
	if code != exitUsage || !strings.Contains(errs, keysVariable+`: line 1: key "k1" is not base64`) || strings.Contains(errs, "Secret") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if os.Getenv(keysVariable) != "" {
		t.Error("the keys are still in the environment")
	}
	t.Setenv(keysVariable, "k1:Secret!Secret")
	if _, errs, code := run(t, "", "inspect", t.TempDir(), "--encryption-key-file", "x"); code != exitUsage || !strings.Contains(errs, "either in a file or in") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
