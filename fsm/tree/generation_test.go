package tree

import "testing"

func raise(providers, consumers []Generation) RaiseGenerations {
	return RaiseGenerations{providers, consumers}
}

var generationRefusals = []refusal{
	{"raise nothing", []Op{raise(nil, nil)}, CodeInvalid, "providers", 0},
	{"raise no provider", []Op{raise([]Generation{{}}, nil)}, CodeInvalid, "providers[0].uuid", 0},
	{"raise no consumer", []Op{raise(nil, []Generation{{}})}, CodeInvalid, "consumers[0].uuid", 0},
	{"raise an unknown provider", []Op{raise([]Generation{{num(1), 500}, {num(77), 1}}, nil)}, CodeProviderNotFound, "providers[1].uuid", 0},
	{"raise an unknown consumer", []Op{raise([]Generation{{num(1), 500}}, []Generation{{num(absent), 1}})}, CodeConsumerNotFound, "consumers[0].uuid", 0},
	{"raise a provider twice", []Op{raise([]Generation{{num(1), 500}, {num(1), 501}}, nil)}, CodeInvalid, "providers[1].uuid", 0},
	{"raise a consumer twice", []Op{raise(nil, []Generation{{num(guest), 500}, {num(guest), 500}})}, CodeInvalid, "consumers[1].uuid", 0},
	{"raise a provider too far", []Op{raise([]Generation{{num(1), generationMax + 1}}, nil)}, CodeInvalid, "providers[0].generation", 0},
	{"raise a consumer too far", []Op{raise(nil, []Generation{{num(guest), 1<<64 - 1}})}, CodeInvalid, "consumers[0].generation", 0},
}

// Generations go up to what is given, and never down.
func TestRaiseGenerations(t *testing.T) {
	s := sample(t)
	generations := func(s *State) (uint64, uint64) {
		p, ok := s.Find(ByUUID(num(1)))
		c, known := s.FindConsumer(num(guest))
		if !ok || !known {
			t.Fatal("the sample has lost something")
		}
		return p.Generation(), c.Generation()
	}
	raised, effect := apply(t, s, raise([]Generation{{num(1), 300}}, []Generation{{num(guest), 400}}))
	equal(t, "effect", effect, Effect{Providers: []Generation{{num(1), 300}}, Consumers: []Generation{{num(guest), 400}}})
	for _, lower := range []uint64{0, 299, 300} {
		same, effect := apply(t, raised, raise([]Generation{{num(1), lower}}, []Generation{{num(guest), lower}}))
		equal(t, "effect", effect, Effect{})
		if p, c := generations(same); p != 300 || c != 400 {
			t.Errorf("raised to %d: %d and %d", lower, p, c)
		}
	}
	if err := raised.Check(); err != nil {
		t.Error(err)
	}
	counted := grow(t, raised, setInventories("host", inv("VCPU", 8)))
	if p, c := generations(counted); p != 301 || c != 400 {
		t.Errorf("after a change %d and %d", p, c)
	}
}
