package cluster

import (
	"testing"

	"github.com/treenode/treenode/fsm"
)

func digest(b byte) Digest { return Digest{b} }

func TestMajority(t *testing.T) {
	for _, c := range []struct {
		name   string
		votes  []byte
		voters int
		want   byte // 0 for none
		differ bool
	}{
		{"alone", []byte{1}, 1, 1, false},
		{"two alike", []byte{1, 1}, 2, 1, false},
		{"two that differ", []byte{1, 2}, 2, 0, true},
		{"one of two", []byte{1}, 2, 0, false},
		{"two of three", []byte{1, 1}, 3, 1, false},
		{"one of three differs", []byte{1, 2, 1}, 3, 1, true},
		{"all three differ", []byte{1, 2, 3}, 3, 0, true},
		{"two of three differ, the third is silent", []byte{1, 2}, 3, 0, true},
		{"an even split", []byte{1, 1, 2, 2}, 4, 0, true},
		{"half is no majority", []byte{1, 1}, 4, 0, false},
		{"three of five", []byte{2, 1, 1, 3, 1}, 5, 1, true},
		{"two, two and one", []byte{2, 1, 1, 3, 2}, 5, 0, true},
		{"nobody", nil, 3, 0, false},
	} {
		votes := map[string]Digest{}
		for i, b := range c.votes {
			votes[string(rune('a'+i))] = digest(b)
		}
		have, ok := majority(votes, c.voters)
		if ok != (c.want != 0) || have != digest(c.want) {
			t.Errorf("%s: %v %v", c.name, have, ok)
		}
		if differ(votes) != c.differ {
			t.Errorf("%s: differ %v", c.name, differ(votes))
		}
	}
}

func at(index uint64) *fsm.View { return &fsm.View{Index: index} }

func TestMarksAreDigestedOneAtATime(t *testing.T) {
	var c checkpoints
	if !c.add(at(1)) {
		t.Fatal("no worker for the first mark")
	}
	first, _ := c.next()
	for i := uint64(2); i <= 4; i++ {
		if c.add(at(i)) {
			t.Fatal("a second worker")
		}
	}
	c.known(first, digest(1))
	last, _ := c.next()
	if last == nil || last.index != 4 {
		t.Fatalf("the next is %+v, want the newest", last)
	}
	for i, want := range map[uint64]bool{1: true, 2: false, 3: false, 4: false, 5: false} {
		if _, known := c.digestOf(c.at(i)); known != want {
			t.Errorf("digest of %d known: %v", i, known)
		}
	}
	for _, i := range []uint64{2, 3} {
		select {
		case <-c.at(i).done:
		default:
			t.Errorf("mark %d was skipped, whoever waits for it is not told", i)
		}
	}
	c.known(last, digest(4))
	if m, _ := c.next(); m != nil {
		t.Error("a mark is due that was done")
	}
	if !c.add(at(9)) {
		t.Error("no worker after the first has ended")
	}
	if c.at(1) != nil {
		t.Errorf("%d marks are kept, the first of them too", len(c.marks))
	}
}

func TestAgreement(t *testing.T) {
	var c checkpoints
	c.add(at(1))
	// The checkpoint may come while the digest is being computed.
	if _, differs := c.agree(5, 1, digest(1)); differs {
		t.Error("a digest that is not known yet differs")
	}
	m, _ := c.next()
	if agreed := c.known(m, digest(2)); agreed == nil || *agreed != digest(1) {
		t.Errorf("the checkpoint from before was forgotten: %v", agreed)
	}
	if own, differs := c.agree(6, 1, digest(3)); !differs || own != digest(2) {
		t.Errorf("own %v, differs %v", own, differs)
	}
	if _, differs := c.agree(7, 1, digest(2)); differs {
		t.Error("equal digests differ")
	}
	if _, differs := c.agree(8, 77, digest(2)); differs {
		t.Error("a mark that this node never had differs")
	}
	if c.newest != 8 {
		t.Errorf("the newest checkpoint is %d", c.newest)
	}
	c.add(at(10))
	m, v := c.next()
	c.forget()
	if v == nil || v.Index != 10 {
		t.Errorf("the state whose digest is being computed is %v after a snapshot was restored", v)
	}
	if agreed := c.known(m, digest(9)); agreed != nil {
		t.Error("a mark from before a snapshot was compared")
	}
	if _, differs := c.agree(11, 10, digest(1)); differs {
		t.Error("a mark from before a snapshot was compared")
	}
}
