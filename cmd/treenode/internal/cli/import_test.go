package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treenode/treenode/cmd/treenode/internal/storetest"
)

func TestImportAndExport(t *testing.T) {
	from, to, third := furnished(t), storetest.New(t), storetest.New(t)
	source := []string{"import", "--from", from.URL, "--from-noauth"}
	with := func(more ...string) []string { return append(append([]string(nil), source...), more...) }

	if out := succeed(t, to, with("--dry-run")...); !strings.Contains(out, "nothing was written") {
		t.Error(out)
	}
	out, errs, code := run(t, "", with("--verify", "--endpoint", to.URL)...)
	if code != exitFailure || !strings.Contains(errs, "does not hold what the source holds") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	golden(t, "import_verify", out)
	golden(t, "import", succeed(t, to, source...))
	if errs := fails(t, to, exitRejected, source...); !strings.Contains(errs, "the target is not empty") {
		t.Error(errs)
	}
	succeed(t, to, with("--resume")...)
	golden(t, "import_equal", succeed(t, to, with("--verify")...))

	file := filepath.Join(t.TempDir(), "export.jsonl")
	succeed(t, to, "export", file)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	succeed(t, third, "import", "--file", file)
	text := succeed(t, third, "export")
	out, errs, code = run(t, text, "import", "--verify", "--file", "-", "-o", "json", "--endpoint", to.URL)
	var answer compared
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != exitOK || len(answer.Differences) != 0 {
		t.Errorf("exit code %d, error %v: %s%s", code, err, out, errs)
	}
	if _, errs, code := run(t, strings.Replace(text, `"name":"`, `"name":"x`, 1), "import", "--file", "-", "--prune", "--endpoint", third.URL); code != exitUsage ||
		!strings.Contains(errs, "standard input: line ") || !strings.Contains(errs, "SHA-256") {
		t.Errorf("a changed stream: exit code %d: %s", code, errs)
	}
}

// An import whose transaction fails says how to go on; what was written stays.
func TestImportFails(t *testing.T) {
	from, to := furnished(t), storetest.New(t)
	to.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/txn" {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":{"kind":"rejected","code":"invalid","message":"no"}}`))
		return true
	}
	if errs := fails(t, to, exitRejected, "import", "--from", from.URL, "--from-noauth"); !strings.Contains(errs, "--resume goes on from there") {
		t.Error(errs)
	}
}

func TestImportUsage(t *testing.T) {
	n := storetest.New(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("two\nlines\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, part string }{
		{"", "from: the URL of a Placement service is needed"},
		{"--from http://x", "how to authenticate?"},
		{"--from-noauth", "from: the URL"},
		{"--from http://x --from-noauth --from-token-file f", "one too many"},
		{"--from http://x --file f", "only one can be read"},
		{"--from http://x --from-token-file " + token + ".none", "from-token-file: "},
		{"--from http://x --from-token-file " + token, "does not hold one token"},
		{"--from http://x --from-noauth --from-cacert " + token, "holds no PEM certificate"},
		{"--from http://x --from-noauth --from-concurrency 65", "not from 1 to 64"},
		{"--from http://x --from-noauth --resume --merge", "exclude each other"},
		{"--from http://x --from-noauth --verify --prune", "verify: "},
		{"--file " + token, "line 1: "},
		{"--file " + token + ".none", "file: "},
	} {
		args := append([]string{"import"}, strings.Fields(c.args)...)
		if errs := fails(t, n, exitUsage, args...); !strings.Contains(errs, c.part) {
			t.Errorf("%q: %s, want %q", c.args, errs, c.part)
		}
	}
	t.Setenv("OS_AUTH_URL", "http://127.0.0.1:1")
	if errs := fails(t, n, exitUsage, "import"); !strings.Contains(errs, "OS_USERNAME or OS_USER_ID is needed") {
		t.Error(errs)
	}
}
