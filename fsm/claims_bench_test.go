package fsm

import (
	"fmt"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

const (
	busyProviders = 1000
	busyConsumers = 100_000
)

// busyClaim is the n-th claim of a busy cluster: a new instance takes three
// classes of one provider, as PUT /allocations proposes it.
func busyClaim(n int) tree.Txn {
	c := tree.ConsumerClaim{
		Consumer: scattered('c', n), Project: owner('o', n%1000), User: owner('u', n%5000), Type: "INSTANCE",
	}
	provider := tree.ByUUID(scattered('p', n*7919%busyProviders))
	for _, class := range []string{"VCPU", "MEMORY_MB", "DISK_GB"} {
		c.Allocations = append(c.Allocations, tree.AllocationOf{Provider: provider, Class: class, Amount: 1})
	}
	return tree.Txn{
		Preconditions: []tree.Precondition{{Kind: tree.ConsumerAbsent, Consumer: c.Consumer}},
		Ops:           []tree.Op{tree.Claim{Consumers: []tree.ConsumerClaim{c}}},
	}
}

// busy is a machine with many consumers by providers with plenty of three
// classes.
func busy(t testing.TB) *journal {
	t.Helper()
	j := newJournal(t, nil)
	var inventories []tree.InventoryOf
	for _, class := range []string{"VCPU", "MEMORY_MB", "DISK_GB"} {
		i := inventory(class)
		i.Total, i.MaxUnit = 1<<31-1, 1<<31-1
		inventories = append(inventories, i)
	}
	traits := tree.StandardTraits()[100:120]
	var op tree.Populate
	for i := range busyProviders {
		op.Providers = append(op.Providers, tree.PopulateProvider{
			UUID: scattered('p', i), Name: fmt.Sprintf("compute-%04d", i), Inventories: &inventories, Traits: &traits,
		})
	}
	j.do(op)
	for first := 0; first < busyConsumers; first += scaleBatch {
		var op tree.Claim
		for n := first; n < first+scaleBatch; n++ {
			claim, _ := busyClaim(n).Ops[0].(tree.Claim)
			op.Consumers = append(op.Consumers, claim.Consumers...)
		}
		j.do(op)
	}
	return j
}

// busyRound is how many claims are timed before the machine is put back to
// where it began, so that it is as large for the last claim as for the first.
const busyRound = 1 << 14

// BenchmarkApplyBusy applies entries of so many claims; a time is that of one
// claim.
func BenchmarkApplyBusy(b *testing.B) {
	j := busy(b)
	began, index := j.m.View(), j.index
	commands := make([][]byte, busyRound)
	for i := range commands {
		commands[i] = encoded(b, requestID(j.at+tree.Time(i)*100, i), busyClaim(busyConsumers+i))
	}
	for _, size := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("claims=%d", size), func(b *testing.B) {
			var entries [][]byte
			for i := 0; i < busyRound; i += size {
				entries = append(entries, EncodeBatch(j.at+tree.Time(i)*100, commands[i:i+size]))
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ { // b.Loop counts claims
				if n%size > 0 {
					continue
				}
				at := n % busyRound / size
				if at == 0 {
					j.m.view.Store(began)
				}
				results, err := j.m.Apply(index+1+uint64(at), entries[at])
				if err != nil {
					b.Fatal(err)
				}
				for _, r := range results {
					if r.Refused != nil {
						b.Fatal(r.Refused)
					}
				}
			}
		})
	}
}
