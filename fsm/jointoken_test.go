package fsm

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"reflect"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// token changes a join token at a time after the start, in an entry of its own,
// and returns what is known of that token then.
func (j *journal) token(after tree.Time, op JoinTokenOp, change JoinToken) (JoinToken, bool) {
	j.t.Helper()
	j.index++
	if results, err := j.m.Apply(j.index, EncodeJoinToken(start+after, JoinTokenChange{op, change})); err != nil || len(results) != 0 {
		j.t.Fatalf("entry %d: %v, %v", j.index, results, err)
	}
	return j.m.View().JoinToken(change.ID)
}

func TestJoinTokens(t *testing.T) {
	j := newJournal(t, nil)
	hash, other := sha256.Sum256([]byte("right")), sha256.Sum256([]byte("wrong"))
	digest := j.m.View().Digest()
	if made, ok := j.token(1, JoinTokenMake, JoinToken{ID: "a", Hash: hash, Expires: start + 100, By: "ann", UsedBy: "forged"}); !ok || made.UsedBy != "" || made.Made != start+1 {
		t.Fatalf("made %+v, %v", made, ok)
	}
	if again, _ := j.token(2, JoinTokenMake, JoinToken{ID: "a", Hash: other, Expires: start + 900}); again.Hash != hash {
		t.Error("an id is given twice")
	}
	use := func(after tree.Time, id string, hash [32]byte, node, server string) string {
		t.Helper()
		used, _ := j.token(after, JoinTokenUse, JoinToken{ID: id, Hash: hash, Node: node, UsedBy: server})
		return used.UsedBy
	}
	if by := use(3, "a", other, "n4", "n4@x"); by != "" {
		t.Errorf("used with another secret, by %q", by)
	}
	if by := use(4, "a", hash, "n4", "n4@x"); by != "n4@x" {
		t.Errorf("used by %q", by)
	}
	if by := use(5, "a", hash, "n5", "n5@y"); by != "n4@x" {
		t.Errorf("used twice, by %q", by)
	}
	if by := use(6, "a", hash, "n4", "n4@x"); by != "n4@x" {
		t.Errorf("the same server again is %q", by)
	}
	j.token(7, JoinTokenMake, JoinToken{ID: "b", Hash: hash, Node: "n5", Expires: start + 50})
	if by := use(8, "b", hash, "n4", "n4@x"); by != "" {
		t.Errorf("one for n5 is used by %q", by)
	}
	if by := use(50, "b", hash, "n5", "n5@y"); by != "" {
		t.Errorf("used at its end by %q", by)
	}
	if _, ok := j.token(51, JoinTokenRevoke, JoinToken{ID: "b"}); ok {
		t.Error("a revoked one is there")
	}
	if j.m.View().Digest() != digest {
		t.Error("tokens are in the tree's digest")
	}
	// Snapshots carry them, and those without any are as they were before.
	kept := snapshot(t, j.m.View())
	back, err := ReadSnapshot(bytes.NewReader(kept))
	if err != nil || !reflect.DeepEqual(back.JoinTokens(), j.m.View().JoinTokens()) || len(back.JoinTokens()) != 1 {
		t.Fatalf("read back %+v, %v", back, err)
	}
	if again := snapshot(t, back); !bytes.Equal(again, kept) {
		t.Error("a snapshot that is read is written otherwise")
	}
	if kept[len(snapshotMagic)] != snapshotTokens {
		t.Errorf("it has version %d", kept[len(snapshotMagic)])
	}
	if _, ok := j.token(100+joinTokenKeep, JoinTokenRevoke, JoinToken{ID: "nobody"}); ok || len(j.m.View().JoinTokens()) != 0 {
		t.Errorf("left are %+v", j.m.View().JoinTokens())
	}
	if plain := snapshot(t, j.m.View()); plain[len(snapshotMagic)] != snapshotVersion {
		t.Errorf("without tokens it has version %d", plain[len(snapshotMagic)])
	}
}

// Entries of other kinds leave the tokens alone, and the views before a change
// keep what they had.
func TestJoinTokensStay(t *testing.T) {
	j := newJournal(t, nil)
	j.token(1, JoinTokenMake, JoinToken{ID: "a", Expires: start + 1<<40})
	before := j.m.View()
	j.furnish()
	j.token(3, JoinTokenUse, JoinToken{ID: "a", UsedBy: "n4@x"})
	if now, _ := j.m.View().JoinToken("a"); now.UsedBy != "n4@x" {
		t.Errorf("used by %q", now.UsedBy)
	}
	if was, _ := before.JoinToken("a"); was.UsedBy != "" {
		t.Errorf("an earlier view says %q", was.UsedBy)
	}
}

func TestJoinTokensAreBounded(t *testing.T) {
	j := newJournal(t, nil)
	for i := range JoinTokensMax {
		j.token(1, JoinTokenMake, JoinToken{ID: fmt.Sprint(i), Expires: start + 1000})
	}
	if _, ok := j.token(1, JoinTokenMake, JoinToken{ID: "one more", Expires: start + 1000}); ok || len(j.m.View().JoinTokens()) != JoinTokensMax {
		t.Errorf("there are %d", len(j.m.View().JoinTokens()))
	}
}
