package tree

import (
	"fmt"
	"sync"
	"testing"
)

// TestConcurrentUse reads a state and applies to it from many goroutines at
// once; it is of use under the race detector.
func TestConcurrentUse(t *testing.T) {
	s := sample(t)
	ops := []Op{
		populate(known(1, "host", ""), known(2, "numa0", "host"), known(4, "nic", "numa0"), node(11, "y", "host")),
		take(guest, of("numa0", "VCPU", 1)),
		take(absent, of("storage", "DISK_GB", 20)),
		ChangeTraits{Add, ByName("storage"), []string{"CUSTOM_FREE"}},
		ChangeAggregates{Mode: Add, Provider: ByName("nic"), Aggregates: []UUID{num(201)}},
		devices(Add, "nic", Device{"VGPU", "a", ""}),
		CreateTrait{"CUSTOM_X"}, RenameResourceClass{"CUSTOM_FREE", "CUSTOM_X"},
		RemoveTrait{"CUSTOM_X"}, MoveProvider{ByName("numa0"), ByName("storage")},
	}
	before, text := dump(s), content(s)
	want := dump(grow(t, s, ops...))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(2)
		go func() { // a writer: the chain goes on from its own next state
			defer wg.Done()
			for range 20 {
				next, _, err := s.Apply(now, Txn{Ops: ops}, nil)
				if err != nil {
					t.Error(err.Error())
					return
				}
				if dump(next) != want {
					t.Error("two writers from one state got different ones")
				}
				third, _, err := next.Apply(now, Txn{Ops: []Op{create(100+i, fmt.Sprint("n", i), "host"), Release{[]UUID{num(guest)}}}}, nil)
				if err != nil || third.Check() != nil {
					t.Error(fmt.Sprint("the third state: ", err))
				}
				if dump(next) != want {
					t.Error("a state changed")
				}
			}
		}()
		go func() { // a reader
			defer wg.Done()
			for range 20 {
				if dump(s) != before || content(s) != text {
					t.Error("a reader saw a change")
				}
				if err := s.Check(); err != nil {
					t.Error(err.Error())
				}
				if _, _, err := s.Apply(now, Txn{Ops: []Op{create(9, "x", "host"), RemoveProvider{ByName("host"), true}}}, nil); err == nil {
					t.Error("a refusal was expected")
				}
			}
		}()
	}
	wg.Wait()
}
