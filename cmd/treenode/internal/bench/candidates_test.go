package bench

import (
	"strings"
	"testing"
)

func TestCheckCandidates(t *testing.T) {
	w := &world{word: "w"}
	root := w.root("r", map[string]int{"DISK": 1})
	node := w.below(root, "n", map[string]int{"VCPU": 1})
	leaf := w.below(node, "l", map[string]int{"GPU": 1})
	other := w.root("o", map[string]int{"GPU": 1})
	q := query{
		wants:      map[string]map[string]int{"_C": {"VCPU": 1}, "_G": {"GPU": 1}},
		candidates: 1, providers: 2, together: []string{"_C", "_G"},
	}
	fine := `{"allocation_requests": [{"allocations": {"NODE": {"resources": {"VCPU": 1}}, "LEAF": {"resources": {"GPU": 1}}},
		"mappings": {"_C": ["NODE"], "_G": ["LEAF"]}}], "provider_summaries": {"NODE": {}, "LEAF": {}, "OTHER": {}}}`
	full := strings.NewReplacer("NODE", node.uuid, "LEAF", leaf.uuid, "OTHER", other.uuid, `"VCPU"`, `"`+w.class("VCPU")+`"`, `"GPU"`, `"`+w.class("GPU")+`"`)
	if err := w.checkCandidates([]byte(full.Replace(fine)), q); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, with, want string }{
		{`"LEAF": {"resources": {"GPU": 1}}`, `"LEAF": {"resources": {"GPU": 2}}`, "want map"},
		{`, "LEAF": {"resources": {"GPU": 1}}`, ``, "want map"},
		{`"LEAF": {}, `, ``, "no summary"},
		{`LEAF`, `OTHER`, "not in one subtree"},
		{`LEAF`, `f00`, "not of this workload"},
		{`, "_G": ["LEAF"]`, ``, "maps 1 groups"},
		{`"LEAF": {"resources": {"GPU": 1}}`, `"LEAF": {"resources": {"GPU": 1}}, "OTHER": {"resources": {}}`, "of 3 providers"},
		{`{"allocation_requests": [`, `{"allocation_requests": [{},`, "2, want 1"},
	} {
		err := w.checkCandidates([]byte(full.Replace(strings.ReplaceAll(fine, c.old, c.with))), q)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v", c.with, c.old, err)
		}
	}
	twice := strings.NewReplacer(`["LEAF"]}}]`, `["LEAF"]}}, ONE]`).Replace(fine)
	one := fine[len(`{"allocation_requests": [`):strings.Index(fine, `], "provider_summaries"`)]
	q.candidates = 2
	if err := w.checkCandidates([]byte(full.Replace(strings.Replace(twice, "ONE", one, 1))), q); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("the same candidate twice: %v", err)
	}
}
