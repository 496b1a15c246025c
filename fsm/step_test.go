package fsm

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// breaker is a step hook that breaks one step after it was armed.
type breaker struct {
	armed bool
	at    int // the step to break, from 0 on
	steps int // met since it was armed
	panic bool
}

var errInjected = errors.New("injected")

func (b *breaker) step(int, string) error {
	if !b.armed {
		return nil
	}
	b.steps++
	if b.steps-1 != b.at {
		return nil
	}
	if b.panic {
		panic("injected panic")
	}
	return errInjected
}

// eachStep calls f for every step of every deed, with a furnished machine
// whose breaker waits for that step.
func eachStep(t *testing.T, f func(t *testing.T, j *journal, b *breaker, op tree.Op)) {
	total := 0
	for _, d := range deeds() {
		t.Run(d.name, func(t *testing.T) {
			b := &breaker{at: -1}
			j := newJournal(t, b.step)
			j.furnish()
			b.armed = true
			j.do(d.op)
			if b.steps == 0 {
				t.Fatal("no step is made")
			}
			for at := range b.steps {
				b := &breaker{at: at}
				j := newJournal(t, b.step)
				j.furnish()
				b.armed = true
				f(t, j, b, d.op)
			}
			total += b.steps
		})
	}
	t.Logf("%d steps", total)
}

func TestPanicAtEveryStepHalts(t *testing.T) {
	count := &breaker{armed: true, at: -1}
	newJournal(t, count.step).do(tree.CreateProvider{UUID: uuid(80), Name: "first"})
	stepsOfFirst := count.steps
	eachStep(t, func(t *testing.T, j *journal, b *breaker, op tree.Op) {
		b.panic = true
		before := j.m.View()
		written := snapshot(t, before)
		// The command before it in the entry goes with it.
		first := j.command(tree.CreateProvider{UUID: uuid(80), Name: "first"})
		b.at += stepsOfFirst
		entry := EncodeBatch(j.at, [][]byte{first, j.command(op)})
		results, err := j.m.Apply(j.index+1, entry)
		if results != nil {
			t.Errorf("step %d: results %v", b.at, results)
		}
		wantHalted(t, j.m, before, j.index+1, entry, err, "injected panic")
		if j.m.Halted().Stack == "" {
			t.Error("no stack")
		}
		if !bytes.Equal(snapshot(t, j.m.View()), written) {
			t.Errorf("step %d: the view has changed", b.at)
		}
	})
}

func TestErrorAtEveryStepRefuses(t *testing.T) {
	eachStep(t, func(t *testing.T, j *journal, b *breaker, op tree.Op) {
		before := j.m.View()
		digest := before.Digest()
		command := j.command(op)
		r := j.apply(command)[0]
		wantRefusal(t, r, tree.CodeFault)
		after := j.m.View()
		if after.Digest() != digest || after.Tree != before.Tree || r.Revision != before.Tree.Revision() {
			t.Fatalf("step %d: the state has changed", b.at)
		}
		// The refusal is the answer for good.
		if again := j.apply(command)[0]; !again.Replayed {
			t.Errorf("step %d: %+v on the second time", b.at, again)
		}
		wantRefusal(t, j.apply(command)[0], tree.CodeFault)
		// Under another id it happens, as if nothing had been.
		j.do(op)
		straight := newJournal(t, nil)
		straight.furnish()
		straight.do(op)
		if have, want := summary(j.m.View()), summary(straight.m.View()); have != want {
			t.Errorf("step %d: the state is\n%s\nwant\n%s", b.at, have, want)
		}
		if err := j.m.View().Tree.Check(); err != nil {
			t.Errorf("step %d: %v", b.at, err)
		}
	})
}

// summary is everything in a tree but its times.
func summary(v *View) string {
	var b bytes.Buffer
	fmt.Fprintln(&b, v.Tree.Meta())
	for _, names := range [][]string{v.Tree.ResourceClasses(), v.Tree.Traits()} {
		fmt.Fprintln(&b, names)
	}
	for p := range v.Tree.ProviderRecords() {
		p.Created, p.Updated = 0, 0
		fmt.Fprintf(&b, "%+v\n", p)
	}
	for c := range v.Tree.ConsumerRecords() {
		c.Created, c.Updated = 0, 0
		fmt.Fprintf(&b, "%+v\n", c)
	}
	return b.String()
}

func TestEveryKindIsBroken(t *testing.T) {
	kinds := map[opKind]bool{}
	for _, d := range deeds() {
		kinds[kindOf(d.op)] = true
	}
	if len(kinds) != len(opCodecs)-1 {
		t.Errorf("deeds of %d kinds, there are %d", len(kinds), len(opCodecs)-1)
	}
}
