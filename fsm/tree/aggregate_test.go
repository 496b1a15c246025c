package tree

import "testing"

var aggregateRefusals = []refusal{
	{"set for nobody", []Op{ChangeAggregates{Provider: ByName("nobody")}}, CodeProviderNotFound, "provider", 0},
	{"set the zero UUID", []Op{ChangeAggregates{Provider: ByName("host"), Aggregates: []UUID{num(1), {}}}}, CodeInvalid, "aggregates", 0},
	{"remove the zero UUID", []Op{ChangeAggregates{Mode: Remove, Provider: ByName("host"), Aggregates: []UUID{{}}}}, CodeInvalid, "aggregates", 0},
}

func TestChangeAggregates(t *testing.T) {
	s := sample(t) // host is in 201
	list := func(ns ...int) (all []UUID) {
		for _, n := range ns {
			all = append(all, num(n))
		}
		return all
	}
	for _, c := range []struct {
		name  string
		mode  ChangeMode
		given []UUID
		want  []UUID
	}{
		{"set others", Set, list(300, 202), list(202, 300)},
		{"set the same", Set, list(201), list(201)},
		{"set with repetitions", Set, list(202, 201, 202), list(201, 202)},
		{"set none", Set, nil, nil},
		{"add", Add, list(7), list(7, 201)},
		{"add what is there", Add, list(201), list(201)},
		{"remove", Remove, list(201), nil},
		{"remove what is not there", Remove, list(202), list(201)},
	} {
		for _, keep := range []bool{false, true} {
			gain := uint64(1)
			if keep {
				gain = 0
			}
			next, effect := apply(t, s, ChangeAggregates{c.mode, ByName("host"), c.given, keep})
			gained(t, s, next, []string{"host", "storage"}, gain, 0)
			p := provide(t, next, "host")
			equal(t, c.name, p.Aggregates(), c.want)
			equal(t, "effect", effect, Effect{Providers: []Generation{{num(1), p.Generation()}}})
			for _, a := range list(7, 201, 202, 300) {
				var found bool
				for q := range next.ProvidersInAggregate(a, 0) {
					found = found || q.Number() == p.Number()
				}
				equal(t, c.name+": "+a.String(), found, p.InAggregate(a))
			}
		}
	}
}

// What the caller gave, and what a query returned, are copies.
func TestAggregatesAreCopied(t *testing.T) {
	given := []UUID{num(9), num(8)}
	s := grow(t, sample(t), ChangeAggregates{Provider: ByName("host"), Aggregates: given},
		Populate{[]PopulateProvider{{Name: "numa1", Parent: ByName("host"), Aggregates: &given}, {Name: "nic", Parent: ByName("numa0")}, {Name: "numa0", Parent: ByName("host")}}})
	before := dump(s)
	equal(t, "given", given, []UUID{num(9), num(8)})
	given[0], given[1] = UUID{}, UUID{}
	provide(t, s, "host").Aggregates()[0] = UUID{}
	equal(t, "content", dump(s), before)
}
