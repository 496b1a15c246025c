package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// What the reference is filled with.
const (
	hostCount     = 12
	poolCount     = 2
	consumerCount = 500
	// consumersPerRequest keeps filling fast.
	consumersPerRequest = 250
)

type object = map[string]any

// The kinds of things, in their UUIDs.
const (
	hosts = iota + 1
	numaNodes
	functions
	pools
	aggregates
	instances
)

func uuidOf(kind, i int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", kind, i) }

var scripts = []string{"host", "Wirt-größe", "ホスト", "хост", "مضيف", "🖥 <&>\"'\\"}

// filler fills the reference; the first error ends it.
type filler struct {
	o   *oracle
	ctx context.Context
	err error
}

func (f *filler) do(method, version, path string, body any) {
	if f.err == nil {
		_, f.err = f.o.request(f.ctx, method, version, path, body)
	}
}

// read reads an answer.
func (f *filler) read(path string, into any) {
	if f.err != nil {
		return
	}
	var text []byte
	if text, f.err = f.o.request(f.ctx, http.MethodGet, "1.39", path, nil); f.err == nil {
		f.err = json.Unmarshal(text, into)
	}
}

// provider makes a provider with all that it has.
func (f *filler) provider(uuid, name, parent string, inventories object, traits, groups []string) {
	body := object{"uuid": uuid, "name": name}
	if parent != "" {
		body["parent_provider_uuid"] = parent
	}
	f.do(http.MethodPost, "1.39", "/resource_providers", body)
	path, generation := "/resource_providers/"+uuid, 0
	if inventories != nil {
		f.do(http.MethodPut, "1.39", path+"/inventories", object{"resource_provider_generation": generation, "inventories": inventories})
		generation++
	}
	if traits != nil {
		f.do(http.MethodPut, "1.39", path+"/traits", object{"resource_provider_generation": generation, "traits": traits})
		generation++
	}
	if groups != nil {
		f.do(http.MethodPut, "1.39", path+"/aggregates", object{"resource_provider_generation": generation, "aggregates": groups})
	}
}

func furnish(ctx context.Context, o *oracle) error {
	f := &filler{o: o, ctx: ctx}
	for _, class := range []string{"CUSTOM_FPGA", "CUSTOM_BAREMETAL_GOLD", "CUSTOM_UNUSED"} {
		f.do(http.MethodPut, "1.39", "/resource_classes/"+class, nil)
	}
	for _, trait := range []string{"CUSTOM_GOLD", "CUSTOM_RACK_7", "CUSTOM_UNUSED"} {
		f.do(http.MethodPut, "1.39", "/traits/"+trait, nil)
	}
	for i := range poolCount {
		f.provider(uuidOf(pools, i), fmt.Sprintf("pool %d", i), "",
			object{"DISK_GB": object{"total": 1 << 30, "reserved": 100, "allocation_ratio": 0.75}},
			[]string{"MISC_SHARES_VIA_AGGREGATE"}, []string{uuidOf(aggregates, i)})
	}
	for i := range hostCount {
		host, numa := uuidOf(hosts, i), uuidOf(numaNodes, i)
		f.provider(host, fmt.Sprintf("%s-%d", scripts[i%len(scripts)], i), "",
			object{"MEMORY_MB": object{"total": 1 << 24, "reserved": 4096, "allocation_ratio": 1.5, "min_unit": 128, "max_unit": 1 << 20, "step_size": 128}},
			[]string{"HW_CPU_X86_AVX2", "COMPUTE_NODE"}, []string{uuidOf(aggregates, i%poolCount), uuidOf(aggregates, 100+i)})
		f.provider(numa, fmt.Sprintf("numa-%d", i), host,
			object{"VCPU": object{"total": 128, "allocation_ratio": 16.0}, "PCPU": object{"total": 256}},
			[]string{"HW_NUMA_ROOT", "CUSTOM_GOLD"}, nil)
		f.provider(uuidOf(functions, i), fmt.Sprintf("pf-%d", i), numa,
			object{"CUSTOM_FPGA": object{"total": 64, "max_unit": 8}}, nil, nil)
	}
	f.claims()
	// It has less than is claimed by now, in other steps: a ratio turned down.
	var p struct{ Generation uint64 }
	f.read("/resource_providers/"+uuidOf(numaNodes, 0), &p)
	f.do(http.MethodPut, "1.39", "/resource_providers/"+uuidOf(numaNodes, 0)+"/inventories", object{
		"resource_provider_generation": p.Generation, "inventories": object{
			"VCPU": object{"total": 2, "step_size": 2, "min_unit": 2}, "PCPU": object{"total": 1, "max_unit": 1},
		},
	})
	// One that was made before consumers had types, and one before projects.
	f.do(http.MethodPut, "1.12", "/allocations/"+uuidOf(instances, 9001), object{
		"project_id": "старый", "user_id": "u", "allocations": object{uuidOf(pools, 0): object{"resources": object{"DISK_GB": 1}}},
	})
	f.do(http.MethodPut, "1.0", "/allocations/"+uuidOf(instances, 9002), object{
		"allocations": []object{{"resource_provider": object{"uuid": uuidOf(pools, 1)}, "resources": object{"DISK_GB": 2}}},
	})
	return f.err
}

// claims makes the consumers: each holds something of one to four providers.
func (f *filler) claims() {
	for first := 0; first < consumerCount; first += consumersPerRequest {
		body := object{}
		for i := first; i < min(first+consumersPerRequest, consumerCount); i++ {
			at := i % hostCount
			held := object{uuidOf(numaNodes, at): object{"resources": object{"VCPU": 1 + i%4, "PCPU": 1}}}
			if i%2 == 0 {
				held[uuidOf(hosts, at)] = object{"resources": object{"MEMORY_MB": 128 * (1 + i%9)}}
			}
			if i%3 == 0 {
				held[uuidOf(pools, at%poolCount)] = object{"resources": object{"DISK_GB": 1 + i%50}}
			}
			if i%5 == 0 {
				held[uuidOf(functions, at)] = object{"resources": object{"CUSTOM_FPGA": 1}}
			}
			body[uuidOf(instances, i)] = object{
				"allocations": held, "project_id": fmt.Sprintf("project-%d", i%7), "user_id": "üser",
				"consumer_type": []string{"INSTANCE", "MIGRATION", "CUSTOM_THING"}[i%3], "consumer_generation": nil,
			}
		}
		f.do(http.MethodPost, "1.38", "/allocations", body)
	}
}
