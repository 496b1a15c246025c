package jsontext_test

import (
	"encoding/json"
	"testing"

	"github.com/treenode/treenode/transport/placement/jsontext"
)

// claim is the body of a usual PUT /allocations.
const claim = `{"allocations": {"4e061c03-611e-4caa-bf26-999dcff4284e": {"resources": {"VCPU": 1, "MEMORY_MB": 1024, "DISK_GB": 20}}},` +
	` "project_id": "6b6a9f0e", "user_id": "0d4e3c", "consumer_generation": null, "consumer_type": "INSTANCE"}`

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jsontext.Parse([]byte(claim)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMarshal makes and writes the answer to a usual GET of inventories.
func BenchmarkMarshal(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		all := jsontext.NewObject()
		for _, class := range []string{"VCPU", "MEMORY_MB", "DISK_GB"} {
			all.Set(class, jsontext.NewObject().Set("total", int64(1<<20)).Set("reserved", int64(0)).Set("min_unit", int64(1)).
				Set("max_unit", int64(1<<31-1)).Set("step_size", int64(1)).Set("allocation_ratio", json.Number("1.0")))
		}
		o := jsontext.NewObject().Set("resource_provider_generation", uint64(17)).Set("inventories", all)
		if _, err := jsontext.Marshal(o); err != nil {
			b.Fatal(err)
		}
	}
}
