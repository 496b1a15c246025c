package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/certs"
)

func TestCert(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	good := func(args ...string) string {
		t.Helper()
		out, errs, code := run(t, "", append([]string{"cert"}, args...)...)
		if code != exitOK || errs != "" {
			t.Fatalf("cert %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
		}
		return out
	}
	bad := func(want string, args ...string) {
		t.Helper()
		if _, errs, code := run(t, "", append([]string{"cert"}, args...)...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("cert %s: exit code %d, %q, want %q", strings.Join(args, " "), code, errs, want)
		}
	}
	bad("treenode cert ca", "node", "n1", "--dir", dir, "--host", "n1")
	good("ca", "--dir", dir)
	good("node", "n1", "--dir", dir, "--host", "10.0.0.1,n1.example.org")
	good("client", "ops", "--dir", dir, "--organization", "admins")
	bad("is there already", "ca", "--dir", dir)
	bad("is there already", "node", "n1", "--dir", dir, "--host", "n1")
	bad("host: ", "node", "n2", "--dir", dir)
	bad("host: ", "node", "n2", "--dir", dir, "--host", "http://n2")
	bad(`node id "n 2"`, "node", "n 2", "--dir", dir, "--host", "n2")
	bad("days: 0", "client", "x", "--dir", dir, "--days", "0")
	bad("name: ", "client", "../x", "--dir", dir)
	bad("no such file", "show", filepath.Join(dir, "none"))
	bad("not a PEM file", "show", os.Args[0])
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if want := map[bool]os.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// What was made is what the two ports take.
	n1 := filepath.Join(dir, "n1")
	files := certs.PeerFiles{CA: filepath.Join(n1, "peer-ca.crt"), Cert: filepath.Join(n1, "peer.crt"), Key: filepath.Join(n1, "peer.key")}
	if _, err := certs.OpenPeer("n1", files, nil); err != nil {
		t.Error(err)
	}
	api, err := certs.OpenAPI(certs.APIFiles{
		Cert: filepath.Join(n1, "api.crt"), Key: filepath.Join(n1, "api.key"), ClientCA: filepath.Join(n1, "api-ca.crt"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"10.0.0.1", "n1.example.org", "localhost", "127.0.0.1", "::1"} {
		if err := api.Covers(host); err != nil {
			t.Error(err)
		}
	}
	ops := filepath.Join(dir, "client-ops")
	if _, err := certs.Client(filepath.Join(ops, "api-ca.crt"), filepath.Join(ops, "ops.crt"), filepath.Join(ops, "ops.key")); err != nil {
		t.Error(err)
	}
	// Twice, so that the list grows.
	good("revoke", files.Cert, "--dir", dir)
	good("node", "n1", "--dir", dir, "--host", "n1", "--out", filepath.Join(dir, "again"))
	good("revoke", filepath.Join(dir, "again", "peer.crt"), "--dir", dir)
	bad("", "revoke", filepath.Join(dir, "again", "api.crt"), "--dir", dir)
	files.CRL = filepath.Join(dir, "peer-ca.crl")
	if _, err := certs.OpenPeer("n1", files, nil); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Error(err)
	}
	out := good("show", files.Cert, files.Key, files.CRL, "-o", "json")
	var shown []certs.Description
	if err := json.Unmarshal([]byte(out), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown) != 3 || shown[0].Node != "n1" || shown[1].Kind != "key" || len(shown[2].Revoked) != 2 {
		t.Errorf("%+v", shown)
	}
	table := good("show", files.Cert, files.Key)
	for _, want := range []string{"treenode://peer/n1", "peer", "364 days", "key"} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is missing:\n%s", want, table)
		}
	}
	if key, err := os.ReadFile(files.Key); err != nil || strings.Contains(out+table, strings.Split(string(key), "\n")[1]) {
		t.Errorf("a key is shown (%v)", err)
	}
}

func TestClientTLSFlags(t *testing.T) {
	dir := t.TempDir()
	for want, args := range map[string][]string{
		"cacert: ": {"tree", "--cacert", filepath.Join(dir, "none")},
		"key: ":    {"tree", "--cert", "x"},
		"cert: ":   {"health", "--key", "x"},
		"no such":  {"bench", "--cacert", filepath.Join(dir, "none"), "--list"},
	} {
		if _, errs, code := run(t, "", args...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d, %q, want %q", args, code, errs, want)
		}
	}
}
