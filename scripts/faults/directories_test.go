package main

import (
	"encoding/json"
	"testing"

	"github.com/treenode/treenode/transport/wire"
)

func TestDirectory(t *testing.T) {
	shown := wire.Digest{State: wire.State{Index: 100}, Digest: "aa"}
	for _, c := range []struct {
		name, told string
		damaged    bool
		want       string // the rule; empty for none
	}{
		{"as shown", `{"state": {"index": 100, "digest": "aa"}}`, false, ""},
		{"an entry of the cluster's own came after", `{"state": {"index": 103, "digest": "aa"}}`, false, ""},
		{"less than shown", `{"state": {"index": 99, "digest": "aa"}}`, false, "acknowledged change not on disk"},
		{"another state", `{"state": {"index": 100, "digest": "bb"}}`, false, "directory differs"},
		{"an invariant", `{"state": {"index": 100, "digest": "aa", "violation": "provider 7"}}`, false, "state breaks an invariant"},
		{"a contradiction", `{"state": {"index": 100, "digest": "aa"}, "contradictions": ["a snapshot"]}`, false, "directory contradicts itself"},
		{"no state", `{}`, false, "directory leads to no state"},
		{"damage", `{"state": {"index": 100, "digest": "aa"}, "damage": ["a snapshot"]}`, false, "directory is damaged"},
		{"damage that was done", `{"state": {"index": 100, "digest": "aa"}, "damage": ["a snapshot"]}`, true, ""},
		{"damage that ends the log", `{"state": {"index": 50, "digest": "bb"}, "damage": ["entry 51"]}`, true, ""},
		{"less than shown without damage", `{"state": {"index": 50, "digest": "bb"}}`, true, "acknowledged change not on disk"},
		{"another state beside the damage", `{"state": {"index": 100, "digest": "bb"}, "damage": ["a snapshot"]}`, true, "directory differs"},
	} {
		var i inspection
		if err := json.Unmarshal([]byte(c.told), &i); err != nil {
			t.Fatal(err)
		}
		p := &report{}
		p.directory("n1", i, shown, c.damaged)
		if c.want == "" && len(p.Findings) > 0 || c.want != "" && (len(p.Findings) != 1 || string(p.Findings[0].Rule) != c.want) {
			t.Errorf("%s: %v, want %q", c.name, p.Findings, c.want)
		}
		if c.want == "" && len(i.Damage) != len(p.Unread) {
			t.Errorf("%s: the damage is not told: %q", c.name, p.Unread)
		}
	}
}
