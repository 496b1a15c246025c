package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// No bit of node.json can be another one without that being noticed, also in the
// name of the checksum. A description of the first version, without one, is read.
func TestEveryBitOfNodeJSON(t *testing.T) {
	dir := t.TempDir()
	id := identity{Format: identityFormat, NodeID: "n1", Instance: "113bb8ca", ClusterID: "9f984de7", PledgedTo: "10.1.2.3:8779", Logged: true}
	if err := id.save(dir); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, identityFile))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeIdentity(good, dir, "n1"); err != nil || got != id {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range good {
		for bit := range 8 {
			b := []byte(string(good))
			b[i] ^= 1 << bit
			got, err := decodeIdentity(b, dir, "n1")
			if err == nil && got != id {
				t.Errorf("bit %d of byte %d: %s is read as %+v", bit, i, b, got)
			}
			if err := os.WriteFile(filepath.Join(dir, identityFile), b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, inspected := OpenDirectory(dir, nil); err != nil && damageIn(inspected) == nil {
				t.Errorf("bit %d of byte %d: inspected, %s is not damaged but %v", bit, i, b, inspected)
			}
		}
	}
	// Two places: what is changed, and the name of what would tell.
	both := strings.Replace(strings.Replace(string(good), "9f984de7", "9f984de6", 1), `"sum"`, `"rum"`, 1)
	if _, err := decodeIdentity([]byte(both), dir, "n1"); damageIn(err) == nil {
		t.Errorf("%s is read: %v", both, err)
	}
	first := `{"format": 1, "node_id": "n1", "instance": "113bb8ca", "logged": true}`
	if _, err := decodeIdentity([]byte(first), dir, "n1"); err != nil {
		t.Error(err)
	}
}
