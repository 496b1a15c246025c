package tree

import "testing"

var traitRefusals = []refusal{
	{"set for nobody", []Op{ChangeTraits{Set, ByName("nobody"), nil}}, CodeProviderNotFound, "provider", 0},
	{"set an unknown one", []Op{ChangeTraits{Set, ByName("host"), []string{"CUSTOM_X"}}}, CodeTraitNotFound, "traits", 0},
	{"add an unknown one", []Op{ChangeTraits{Add, ByName("host"), []string{"CUSTOM_RACK", "X"}}}, CodeTraitNotFound, "traits", 0},
	{"remove an unknown one", []Op{ChangeTraits{Remove, ByName("host"), []string{"CUSTOM_X"}}}, CodeTraitNotFound, "traits", 0},
	{"use before creation", []Op{ChangeTraits{Set, ByName("host"), []string{"CUSTOM_X"}}, CreateTrait{"CUSTOM_X"}}, CodeTraitNotFound, "traits", 0},
}

func TestChangeTraits(t *testing.T) {
	s := sample(t) // host has HW_CPU_X86_AVX and CUSTOM_RACK
	for _, c := range []struct {
		name  string
		mode  ChangeMode
		given []string
		want  []string
		gain  uint64
	}{
		{"set others", Set, []string{"CUSTOM_FREE", "HW_NUMA_ROOT"}, []string{"HW_NUMA_ROOT", "CUSTOM_FREE"}, 1},
		{"set the same in another order", Set, []string{"CUSTOM_RACK", "HW_CPU_X86_AVX"}, []string{"HW_CPU_X86_AVX", "CUSTOM_RACK"}, 0},
		{"set with repetitions", Set, []string{"CUSTOM_RACK", "CUSTOM_RACK"}, []string{"CUSTOM_RACK"}, 1},
		{"set none", Set, nil, nil, 1},
		{"add one", Add, []string{"CUSTOM_FREE"}, []string{"HW_CPU_X86_AVX", "CUSTOM_RACK", "CUSTOM_FREE"}, 1},
		{"add one between", Add, []string{"HW_NUMA_ROOT"}, []string{"HW_CPU_X86_AVX", "HW_NUMA_ROOT", "CUSTOM_RACK"}, 1},
		{"add what is there", Add, []string{"CUSTOM_RACK"}, []string{"HW_CPU_X86_AVX", "CUSTOM_RACK"}, 0},
		{"add none", Add, nil, []string{"HW_CPU_X86_AVX", "CUSTOM_RACK"}, 0},
		{"remove one", Remove, []string{"HW_CPU_X86_AVX"}, []string{"CUSTOM_RACK"}, 1},
		{"remove what is not there", Remove, []string{"CUSTOM_FREE"}, []string{"HW_CPU_X86_AVX", "CUSTOM_RACK"}, 0},
		{"remove all", Remove, []string{"CUSTOM_RACK", "HW_CPU_X86_AVX"}, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, effect := apply(t, s, ChangeTraits{c.mode, ByName("host"), c.given})
			gained(t, s, next, []string{"host", "storage"}, c.gain, 0)
			p := provide(t, next, "host")
			equal(t, "traits", p.Traits(), c.want)
			equal(t, "written records", len(effect.Providers), int(c.gain))
			for _, name := range []string{"HW_CPU_X86_AVX", "CUSTOM_RACK", "CUSTOM_FREE", "HW_NUMA_ROOT"} {
				var found bool
				for q := range next.ProvidersWithTrait(name, 0) {
					found = found || q.Number() == p.Number()
				}
				equal(t, name, found, p.HasTrait(name))
			}
		})
	}
}
