package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A node with tokens, and the commands that make and use them.
func TestTokens(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tokens.yaml")
	call := func(in string, args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := Main(args, strings.NewReader(in), &out, &errs)
		return code, strings.TrimSpace(out.String()), errs.String()
	}
	code, admin, errs := call("", "token", "new", "--user", "boss", "--project", "p", "--roles", "admin", "--file", file)
	if code != 0 || !strings.HasPrefix(admin, "tn_") {
		t.Fatalf("%d %s %s", code, admin, errs)
	}
	code, watch, errs := call("", "token", "new", "--user", "watch", "--system", "--roles", "reader", "--lifetime", "1h", "--file", file)
	if code != 0 {
		t.Fatalf("%d %s", code, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), admin) || strings.Contains(string(text), watch) || strings.Count(string(text), "- id:") != 2 {
		t.Errorf("the file is %s (%v)", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	code, entry, _ := call(admin+"\n", "token", "hash", "--user", "boss", "--project", "p", "--roles", "admin")
	if code != 0 || strings.Contains(entry, admin) || !strings.Contains(entry, "$argon2id$") {
		t.Errorf("%d %s", code, entry)
	}
	for _, bad := range [][]string{
		{"token", "new", "--roles", "admin"}, {"token", "new", "--user", "u", "--roles", "r"},
		{"token", "new", "--user", "u", "--system", "--roles", "r", "--lifetime", "-1h"},
		{"token", "new", "--user", "u", "--system", "--roles", "r", "--file", dir},
		{"token", "hash", "--user", "u", "--system", "--roles", "r"},
	} {
		if code, _, _ := call("short", bad...); code != exitUsage {
			t.Errorf("%q: exit code %d", bad, code)
		}
	}
}
