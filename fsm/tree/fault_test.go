package tree

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// faultCases are transactions on the sample, each a lot of steps long: at
// least one for every kind of operation, and some of several operations.
var faultCases = []struct {
	name string
	ops  []Op
}{
	{"root", []Op{create(9, "x", "")}},
	{"child", []Op{create(9, "x", "nic")}},
	{"remove a leaf", []Op{RemoveProvider{Provider: ByName("numa1")}}},
	{"rename", []Op{RenameProvider{ByName("host"), "x"}}},
	{"move a subtree", []Op{MoveProvider{ByName("host"), ByName("storage")}}},
	{"un-parent", []Op{MoveProvider{ByName("numa0"), ByName("")}}},
	{"populate", []Op{populate(
		known(1, "host", "").with(func(p *PopulateProvider) {
			p.Inventories, p.Traits = ptr(invs(inv("VCPU", 1))), ptr([]string{"CUSTOM_FREE"})
			p.Aggregates, p.Resources = ptr([]UUID{num(202)}), ptr([]Device{{"VGPU", "a", ""}})
		}),
		known(2, "nic", "x"), known(4, "numa0", "nic"), // numa1 goes
		node(11, "y", "x"), node(12, "x", "host"),
	)}},
	{"set inventories", []Op{setInventories("nic", inv("SRIOV_NET_VF", 9), inv("VCPU", 1))}},
	{"put inventories", []Op{put(Upsert, "host", inv("VCPU", 1), inv("MEMORY_MB", 1))}},
	{"remove inventories", []Op{RemoveInventories{ByName("host"), []string{"MEMORY_MB"}}}},
	{"set traits", []Op{ChangeTraits{Set, ByName("host"), []string{"CUSTOM_FREE", "CUSTOM_RACK"}}}},
	{"add traits", []Op{ChangeTraits{Add, ByName("host"), []string{"CUSTOM_FREE"}}}},
	{"remove traits", []Op{ChangeTraits{Remove, ByName("host"), []string{"CUSTOM_RACK"}}}},
	{"set aggregates", []Op{ChangeAggregates{Mode: Set, Provider: ByName("host"), Aggregates: []UUID{num(202), num(203)}}}},
	{"add aggregates", []Op{ChangeAggregates{Mode: Add, Provider: ByName("host"), Aggregates: []UUID{num(202)}}}},
	{"remove aggregates", []Op{ChangeAggregates{Mode: Remove, Provider: ByName("host"), Aggregates: []UUID{num(201)}}}},
	{"set devices", []Op{devices(Set, "nic", Device{"VGPU", "a", ""})}},
	{"add devices", []Op{devices(Add, "nic", Device{"VGPU", "a", ""}, Device{"CUSTOM_PORT", "p0", "west"})}},
	{"remove devices", []Op{devices(Remove, "nic", Device{"CUSTOM_PORT", "p0", ""}, Device{"CUSTOM_PORT", "p1", ""})}},
	{"claim", []Op{Claim{[]ConsumerClaim{takes(guest, of("numa1", "VCPU", 1), of("storage", "DISK_GB", 20)), takes(tunnel), takes(absent, of("nic", "SRIOV_NET_VF", 2))}}}},
	{"release", []Op{Release{[]UUID{num(guest), num(tunnel)}}}},
	{"reshape", []Op{reshape(
		becoming(becomes("numa0"), becomes("numa1", inv("VCPU", 8), inv("PCPU", 2)), becomes("nic", inv("SRIOV_NET_VF", 1))),
		takes(guest, of("numa1", "VCPU", 2)), takes(tunnel, of("numa1", "VCPU", 1), of("nic", "SRIOV_NET_VF", 1)),
	)}},
	{"create a class", []Op{CreateResourceClass{"CUSTOM_X"}}},
	{"rename a class", []Op{RenameResourceClass{"CUSTOM_PORT", "CUSTOM_X"}}},
	{"remove a class", []Op{RemoveResourceClass{"CUSTOM_FREE"}}},
	{"create a trait", []Op{CreateTrait{"CUSTOM_X"}}},
	{"remove a trait", []Op{RemoveTrait{"CUSTOM_FREE"}}},
	{"raise generations", []Op{RaiseGenerations{[]Generation{raisedTo(1), raisedTo(2)}, []Generation{raisedTo(guest), raisedTo(tunnel)}}}},

	{"all that a machine needs", []Op{
		CreateResourceClass{"CUSTOM_GPU"}, CreateTrait{"CUSTOM_X"},
		create(9, "x", "numa1"), setInventories("x", inv("CUSTOM_GPU", 4)),
		ChangeTraits{Add, ByName("x"), []string{"CUSTOM_X"}}, take(absent, of("x", "CUSTOM_GPU", 2)),
		RenameProvider{ByName("x"), "y"}, MoveProvider{ByName("y"), ByName("")},
	}},
	{"remove everything", []Op{
		Release{[]UUID{num(guest), num(tunnel)}}, RemoveProvider{ByName("host"), true}, RemoveProvider{ByName("storage"), true},
		RemoveTrait{"CUSTOM_RACK"}, RemoveResourceClass{"CUSTOM_PORT"},
	}},
}

func raisedTo(n int) Generation { return Generation{num(n), 1000} }

var errStep = errors.New("the disk of this test is full")

// TestEveryStepFailsOnce makes each step of each transaction fail, by an error
// and by a panic: the old state is as it was, and the same transaction then
// gives what it gives on a state that never saw a failure.
func TestEveryStepFailsOnce(t *testing.T) {
	missing := map[string]bool{}
	for _, kind := range everyKind(t) {
		missing[kind] = true
	}
	for _, c := range faultCases {
		for _, kind := range kinds(c.ops) {
			delete(missing, kind)
		}
		t.Run(c.name, func(t *testing.T) {
			want, wantEffect := apply(t, sample(t), c.ops...)
			type step struct {
				op   int
				name string
			}
			var steps []step
			count := func(op int, name string) error {
				steps = append(steps, step{op, name})
				return nil
			}
			s := sample(t)
			if _, _, err := s.Apply(now, Txn{Ops: c.ops}, count); err != nil {
				t.Fatal(err)
			}
			if len(steps) == 0 {
				t.Fatal("the transaction has no step")
			}
			before := dump(s)
			for k := range steps {
				for _, fail := range []func(){nil, func() { panic(errStep) }} {
					n := 0
					hook := func(op int, name string) error {
						if n++; n-1 != k {
							return nil
						}
						if (step{op, name}) != steps[k] {
							t.Errorf("step %d is %v, was %v", k, step{op, name}, steps[k])
						}
						if fail != nil {
							fail()
						}
						return errStep
					}
					next, effect, err := applyRecovered(s, Txn{Ops: c.ops}, hook)
					if n != k+1 {
						t.Fatalf("step %d of %d failed, but %d were made", k, len(steps), n)
					}
					if next != nil || fmt.Sprint(effect) != fmt.Sprint(Effect{}) {
						t.Fatalf("step %v failed, but something came of it", steps[k])
					}
					var e *Error
					if fail == nil && (!errors.As(err, &e) || e.Code != CodeFault || e.Op != steps[k].op || !strings.Contains(e.Message, errStep.Error())) {
						t.Fatalf("step %v failed with %s", steps[k], describe(err))
					}
					if dump(s) != before {
						t.Fatalf("step %v failed and changed the state:\n%s\nwas:\n%s", steps[k], dump(s), before)
					}
					if err := s.Check(); err != nil {
						t.Fatalf("step %v failed: %v", steps[k], err)
					}
				}
			}
			got, effect := apply(t, s, c.ops...)
			if dump(got) != dump(want) {
				t.Errorf("after the failures the transaction gives:\n%s\nwant:\n%s", dump(got), dump(want))
			}
			equal(t, "effect", effect, wantEffect)
		})
	}
	for kind := range missing {
		t.Errorf("no case for the operation %s", kind)
	}
}

// applyRecovered is Apply with a panic of the hook as an error.
func applyRecovered(s *State, txn Txn, hook StepHook) (next *State, effect Effect, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return s.Apply(now, txn, hook)
}

// A hook's refusal keeps its code, and gets the operation's index.
func TestStepHookMayRefuse(t *testing.T) {
	refusal := refuse(CodeOrphan, "no").at("somewhere")
	_, _, err := sample(t).Apply(now, Txn{Ops: []Op{CreateTrait{"CUSTOM_FREE"}, create(9, "x", "")}}, func(int, string) error { return refusal })
	equal(t, "error", describe(err), "orphan: no op=1 field=somewhere provider= consumer= conflicts=[]")
}

// Each change of a table is announced: what a transaction writes is never more
// than the steps it made.
func TestNoChangeWithoutAStep(t *testing.T) {
	for _, c := range faultCases {
		s, steps := sample(t), 0
		next, _, err := s.Apply(now, Txn{Ops: c.ops}, func(int, string) error { steps++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if changed := linesBetween(dump(s), dump(next)); changed > 2*steps {
			t.Errorf("%s: %d lines of the content came or went in %d steps", c.name, changed, steps)
		}
	}
}

// linesBetween counts the lines that one text has and the other has not, but
// for the first, which tells the revision.
func linesBetween(a, b string) (n int) {
	have := strings.Split(a, "\n")[1:]
	then := strings.Split(b, "\n")[1:]
	for _, line := range have {
		if !slices.Contains(then, line) {
			n++
		}
	}
	for _, line := range then {
		if !slices.Contains(have, line) {
			n++
		}
	}
	return n
}
