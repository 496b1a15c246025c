package check

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const timeout = time.Minute

// start is a world with all hosts below RackA, of 6 each, and a pair of 1.
func start() State {
	s := State{Revision: 100}
	for p := range Providers {
		s.Providers[p] = ProviderState{Exists: true, Parent: NoParent}
		switch {
		case IsHost(p):
			s.Providers[p] = ProviderState{Exists: true, Parent: RackA, Total: FixedTotal, Generation: 1}
		case IsHalf(p):
			s.Providers[p] = ProviderState{Exists: true, Parent: PairRoot, Total: 1, Generation: 1}
		}
	}
	return s
}

// script plays operations one after the other, each right, with 10 units of
// time for each.
type script struct {
	t     *testing.T
	state State
	now   int64
	h     *History
}

func newScript(t *testing.T) *script {
	t.Helper()
	s := start()
	return &script{t: t, state: s, h: &History{Initial: s}}
}

func (s *script) add(o Op) *Op {
	o.Call, o.Return = s.now+1, s.now+9
	s.now += 10
	s.h.Ops = append(s.h.Ops, &o)
	return &o
}

// write plays a write and answers it rightly.
func (s *script) write(kind Kind, a Args) *Op {
	o := s.add(Op{Kind: kind, Args: a, Outcome: OK})
	if refusal := s.state.Apply(kind, &a); refusal != "" {
		o.Outcome, o.Code = Rejected, refusal
		return o
	}
	o.Revision, o.Index = s.state.Revision, s.state.Revision*10
	return o
}

func (s *script) read(level Level) *Op {
	providers := s.state.Providers
	return s.add(Op{
		Kind: ReadProviders, Level: level, Outcome: OK, Providers: &providers,
		Revision: s.state.Revision, Index: s.state.Revision * 10,
	})
}

func (s *script) readConsumers() *Op {
	consumers := s.state.Consumers
	return s.add(Op{
		Kind: ReadConsumers, Level: Linearizable, Outcome: OK, Consumers: &consumers,
		Revision: s.state.Revision, Index: s.state.Revision * 10,
	})
}

func claimOf(consumer, provider, amount int8) Args {
	return Args{Claims: []ConsumerClaim{{Consumer: consumer, Amounts: []Amount{{provider, amount}}}}}
}

// wantRules checks the history and compares the rules found, in any order.
// RuleLinearizable comes with every other and may be left out.
func wantRules(t *testing.T, h *History, want ...Rule) {
	t.Helper()
	v := Check(h, timeout)
	if v.Undecided {
		t.Fatal("undecided")
	}
	got := map[Rule]bool{}
	for _, f := range v.Findings {
		got[f.Rule] = true
	}
	for _, rule := range want {
		if !got[rule] {
			t.Errorf("rule %q was not found broken; found: %v", rule, v.Findings)
		}
		delete(got, rule)
	}
	if len(want) > 0 {
		delete(got, RuleLinearizable)
	}
	for rule := range got {
		t.Errorf("rule %q was found broken: %v", rule, v.Findings)
	}
}

func TestGoodHistory(t *testing.T) {
	s := newScript(t)
	s.write(Claim, claimOf(0, FixedHost, 4))
	s.read(Linearizable)
	if o := s.write(Claim, claimOf(1, FixedHost, 3)); o.Code != codeCapacityExceeded {
		t.Fatalf("claim: %s", o)
	}
	s.write(WritePair, Args{Total: 7})
	s.read(Stale)
	s.write(Release, Args{Claims: []ConsumerClaim{{Consumer: 0}}})
	s.readConsumers()
	wantRules(t, s.h)
}

// An acknowledged write that no later answer shows.
func TestLostUpdate(t *testing.T) {
	s := newScript(t)
	s.write(WritePair, Args{Total: 7})
	before := s.state
	s.write(WritePair, Args{Total: 8})
	s.state = before
	s.read(Linearizable)
	wantRules(t, s.h, RuleStale)
}

// The same, where a later write took the revision.
func TestLostUpdateOverwritten(t *testing.T) {
	s := newScript(t)
	before := s.state
	s.write(WritePair, Args{Total: 8})
	s.state = before
	s.write(Claim, claimOf(0, FixedHost, 1))
	s.read(Linearizable)
	wantRules(t, s.h, RuleLost)
}

// The same, where the revision is counted but the change is gone.
func TestLostUpdateInPlace(t *testing.T) {
	s := newScript(t)
	before := s.state.Providers[VariedHost]
	s.write(SetInventory, Args{Provider: VariedHost, Total: 9})
	s.state.Providers[VariedHost] = before
	s.read(Linearizable)
	wantRules(t, s.h, RuleLinearizable)
}

func TestStaleLinearizableRead(t *testing.T) {
	s := newScript(t)
	s.write(WritePair, Args{Total: 7})
	old := s.state
	s.write(WritePair, Args{Total: 8})
	s.read(Linearizable)
	s.state = old
	s.read(Linearizable)
	wantRules(t, s.h, RuleStale)
}

// The same answer is a good one for a stale read.
func TestStaleReadMayBeOld(t *testing.T) {
	s := newScript(t)
	s.write(WritePair, Args{Total: 7})
	old := s.state
	s.write(WritePair, Args{Total: 8})
	s.state = old
	s.read(Stale)
	wantRules(t, s.h)
}

func TestStaleReadOfNoState(t *testing.T) {
	s := newScript(t)
	s.write(WritePair, Args{Total: 7})
	s.state.Providers[VariedHost].Total++
	s.read(Stale)
	wantRules(t, s.h, RuleLinearizable)
}

func TestStaleReadOfTheFuture(t *testing.T) {
	s := newScript(t)
	early := s.read(Stale)
	s.write(WritePair, Args{Total: 7})
	late := s.read(Stale)
	early.Revision, early.Index, early.Providers = late.Revision, late.Index, late.Providers
	wantRules(t, s.h, RuleLost)
}

func TestDoneTwice(t *testing.T) {
	s := newScript(t)
	s.write(SetInventory, Args{Provider: VariedHost, Total: 9})
	s.state.Apply(SetInventory, &Args{Provider: VariedHost, Total: 9})
	s.read(Linearizable)
	wantRules(t, s.h, RuleTwice)
}

// A second execution is not excused by somebody else's unknown outcome.
func TestDoneTwiceBesideUnknown(t *testing.T) {
	s := newScript(t)
	s.add(Op{Kind: Claim, Args: claimOf(3, VariedHost, 1), Outcome: Unknown})
	s.write(SetInventory, Args{Provider: VariedHost, Total: 9})
	s.state.Apply(SetInventory, &Args{Provider: VariedHost, Total: 9})
	s.read(Linearizable)
	wantRules(t, s.h, RuleLinearizable)
}

// A second execution that the store does not count shows by the generation.
func TestDoneTwiceUncounted(t *testing.T) {
	s := newScript(t)
	s.write(SetInventory, Args{Provider: VariedHost, Total: 9})
	s.state.Apply(SetInventory, &Args{Provider: VariedHost, Total: 9})
	s.state.Revision--
	s.read(Linearizable)
	wantRules(t, s.h, RuleLinearizable)
}

func TestHalfTransaction(t *testing.T) {
	for _, level := range []Level{Linearizable, Session, Stale} {
		s := newScript(t)
		s.write(WritePair, Args{Total: 7})
		s.state.Providers[PairRight].Total = 1
		s.read(level)
		wantRules(t, s.h, RuleHalf)
	}
}

func TestOverCapacity(t *testing.T) {
	for _, level := range []Level{Linearizable, Session, Stale} {
		s := newScript(t)
		s.write(Claim, claimOf(0, FixedHost, 5))
		// The store takes a claim that does not fit.
		s.state.Consumers[1] = ConsumerState{Held: [2]Amount{{FixedHost, 3}}, Generation: 1}
		s.state.Providers[FixedHost].Used += 3
		s.state.Providers[FixedHost].Generation++
		s.state.Revision++
		s.add(Op{Kind: Claim, Args: claimOf(1, FixedHost, 3), Outcome: OK, Revision: s.state.Revision, Index: s.state.Revision * 10})
		s.read(level)
		wantRules(t, s.h, RuleCapacity)
	}
}

func TestSessionReadTooOld(t *testing.T) {
	s := newScript(t)
	w := s.write(WritePair, Args{Total: 7})
	o := s.read(Session)
	o.MinIndex = w.Index
	wantRules(t, s.h)
	o.MinIndex++
	wantRules(t, s.h, RuleSession)
}

// What was before the history is judged by its level alone.
func TestReadFromBefore(t *testing.T) {
	for _, level := range []Level{Stale, Session, Linearizable} {
		s := newScript(t)
		o := s.read(level)
		o.Revision, o.Index, o.Providers = 0, 0, &[Providers]ProviderState{}
		if v := Check(s.h, timeout); v.Earlier != 1 {
			t.Errorf("%s: %+v", level, v)
		}
		switch level {
		case Linearizable:
			wantRules(t, s.h, RuleStale)
		case Session:
			o.MinIndex = 1
			wantRules(t, s.h, RuleSession)
		default:
			wantRules(t, s.h)
		}
	}
}

func TestIndexesContradict(t *testing.T) {
	s := newScript(t)
	s.read(Stale)
	s.write(WritePair, Args{Total: 7})
	s.read(Stale).Index = 5
	wantRules(t, s.h, RuleIndex)
}

func TestRefusalWithoutReason(t *testing.T) {
	s := newScript(t)
	s.add(Op{Kind: Claim, Args: claimOf(0, FixedHost, 1), Outcome: Rejected, Code: codeCapacityExceeded})
	wantRules(t, s.h, RuleLinearizable)
}

func TestUnforeseenRefusal(t *testing.T) {
	s := newScript(t)
	s.add(Op{Kind: Claim, Args: claimOf(0, FixedHost, 1), Outcome: Rejected, Code: "request_id_expired"})
	wantRules(t, s.h, RuleRefusal)
}

func TestWrongGenerationTold(t *testing.T) {
	s := newScript(t)
	o := s.write(Claim, claimOf(19, FixedHost, 1))
	o.Told = []Told{{Consumer: true, Number: 19, Generation: 1}, {Number: FixedHost, Generation: 2}}
	wantRules(t, s.h)
	o.Told[0].Generation = 2
	wantRules(t, s.h, RuleLinearizable)
}

// An unknown outcome may take effect long after the client gave up, or never.
func TestUnknownStaysOpen(t *testing.T) {
	for _, happened := range []bool{false, true} {
		s := newScript(t)
		s.add(Op{Kind: Claim, Args: claimOf(0, FixedHost, 4), Outcome: Unknown})
		s.read(Linearizable)
		s.write(WritePair, Args{Total: 7})
		if happened {
			a := claimOf(0, FixedHost, 4)
			s.state.Apply(Claim, &a)
		}
		s.read(Linearizable)
		s.write(Claim, claimOf(1, FixedHost, 3)) // refused if it happened
		s.read(Linearizable)
		wantRules(t, s.h)
	}
}

// What is not acknowledged must not take effect twice either.
func TestUnknownTwice(t *testing.T) {
	s := newScript(t)
	a := Args{Total: 9, Provider: VariedHost}
	s.add(Op{Kind: SetInventory, Args: a, Outcome: Unknown})
	s.state.Apply(SetInventory, &a)
	s.read(Linearizable)
	s.state.Apply(SetInventory, &a)
	s.read(Linearizable)
	wantRules(t, s.h, RuleTwice)
}

// Random operations by twenty clients at once, some answers of which are lost.
func randomHistory(seed uint64, n int) *History {
	r := rand.New(rand.NewPCG(seed, 1))
	state := start()
	h := &History{Initial: state}
	states := []State{state}
	for i := range n {
		at := int64(i) * 100
		o := &Op{Client: i % 20, Call: at - r.Int64N(2000), Return: at + 1 + r.Int64N(2000), Outcome: OK}
		h.Ops = append(h.Ops, o)
		host := int8(FixedHost + r.IntN(PairRoot-FixedHost))
		switch r.IntN(10) {
		case 0, 1, 2, 3:
			o.Kind, o.Args = Claim, claimOf(int8(r.IntN(Consumers)), host, int8(1+r.IntN(4)))
		case 4, 5:
			o.Kind, o.Args = Release, Args{Claims: []ConsumerClaim{{Consumer: int8(r.IntN(Consumers))}}}
		case 6:
			o.Kind, o.Args = WritePair, Args{Total: int32(i + 10)}
		case 7:
			o.Kind, o.Args = SetInventory, Args{Provider: VariedHost, Total: int32(2 + r.IntN(9))}
		case 8:
			o.Kind, o.Level = ReadProviders, Linearizable
		case 9:
			o.Kind, o.Level = ReadProviders, Stale
		}
		shown := &state
		if o.Level == Stale {
			shown = &states[max(0, len(states)-1-r.IntN(40))]
		}
		if o.Kind.Reads() {
			providers := shown.Providers
			o.Providers, o.Revision = &providers, shown.Revision
			continue
		}
		lost := r.IntN(100) < 3
		if lost && r.IntN(2) == 0 {
			o.Outcome = Unknown
			continue
		}
		if o.Code = state.Apply(o.Kind, &o.Args); o.Code != "" {
			o.Outcome = Rejected
		} else {
			o.Revision = state.Revision
			states = append(states, state)
		}
		if lost {
			*o = Op{Client: o.Client, Kind: o.Kind, Args: o.Args, Call: o.Call, Return: o.Return, Outcome: Unknown}
		}
	}
	r.Shuffle(len(h.Ops), func(i, j int) { h.Ops[i], h.Ops[j] = h.Ops[j], h.Ops[i] })
	return h
}

func TestRandomHistory(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	h := randomHistory(seed, 4000)
	v := Check(h, timeout)
	if !v.Good() || v.Operations != 4000 || v.Unknown == 0 {
		t.Fatalf("good history: %+v", v)
	}
	t.Logf("%v for %d operations, %d unknown", v.Took, v.Operations, v.Unknown)
	// One linearizable read is put back by a change it must have seen.
	reads := slices.DeleteFunc(slices.Clone(h.Ops), func(o *Op) bool {
		return o.Level != Linearizable || o.Providers[VariedHost].Total < 2
	})
	reads[len(reads)/2].Providers[VariedHost].Generation--
	v = Check(h, timeout)
	if len(v.Findings) != 1 || v.Findings[0].Rule != RuleLinearizable || !strings.Contains(v.Findings[0].Text, "varied-0: shown") {
		t.Fatalf("bad history: %+v", v)
	}
}

// Out of time is never a pass.
func TestUndecided(t *testing.T) {
	v := Check(randomHistory(1, 4000), time.Nanosecond)
	if !v.Undecided || v.Good() {
		t.Fatalf("%+v", v)
	}
}
