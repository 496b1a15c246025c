package fsm

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/treenode/treenode/fsm/tree"
)

// JoinToken lets one new node into the cluster. The secret is known to whoever
// carries it to that node; here is only its hash. A plain SHA-256 is enough: a
// memory-hard one slows the guessing of what people choose, and this is 256 random
// bits.
type JoinToken struct {
	ID   string
	Hash [sha256.Size]byte
	// Node is the node id that it is bound to; empty for any.
	Node string
	// By is the user who made it.
	By            string
	Made, Expires tree.Time
	// UsedBy is the server (Raft id) that joined with it; empty for none yet.
	UsedBy string
	Used   tree.Time
}

// Bounds of join tokens.
const (
	// JoinTokensMax is how many there are at once, used ones included.
	JoinTokensMax = 1024
	// JoinTokenFieldMax bounds each text of one, in bytes.
	JoinTokenFieldMax = 255
	// joinTokenKeep is how long after its end a token is still listed: a week.
	joinTokenKeep = tree.Time(7 * 24 * 3600 * 1_000_000)
)

// JoinTokenOp is what an entry does with a token. Append only.
type JoinTokenOp uint8

// What an entry does with a token.
const (
	// JoinTokenMake adds one; nothing happens if its id is taken or there are
	// JoinTokensMax.
	JoinTokenMake JoinTokenOp = 1
	// JoinTokenRevoke removes the one with the id.
	JoinTokenRevoke JoinTokenOp = 2
	// JoinTokenUse marks one as used by the server UsedBy, whose node id is Node,
	// if Hash is its hash, it has not ended, is bound to no other node and used by
	// no other server.
	JoinTokenUse JoinTokenOp = 3
)

var errUnknownJoinTokenOp = errors.New("unknown change of a join token")

// String returns the name of what is done.
func (op JoinTokenOp) String() string {
	switch op {
	case JoinTokenMake:
		return "make"
	case JoinTokenRevoke:
		return "revoke"
	case JoinTokenUse:
		return "use"
	}
	return fmt.Sprintf("change %d", uint8(op))
}

// JoinTokenChange is what an entry of KindJoinToken holds. Whether it took effect
// is seen in the view after it.
type JoinTokenChange struct {
	Op    JoinTokenOp
	Token JoinToken
}

// EncodeJoinToken makes a log entry of a change. Its texts are bounded by who
// proposes it.
func EncodeJoinToken(at tree.Time, change JoinTokenChange) []byte {
	c := &codec{}
	c.entry(&Entry{Kind: KindJoinToken, At: at, JoinToken: change})
	return c.buf
}

func (c *codec) joinTokenChange(t *JoinTokenChange) {
	c.uint8((*uint8)(&t.Op))
	if c.err == nil && (t.Op == 0 || t.Op > JoinTokenUse) {
		c.fail(errUnknownJoinTokenOp)
		return
	}
	c.joinToken(&t.Token)
}

func (c *codec) joinToken(t *JoinToken) {
	c.string(&t.ID)
	c.fixed(t.Hash[:])
	c.string(&t.Node)
	c.string(&t.By)
	c.time(&t.Made)
	c.time(&t.Expires)
	c.string(&t.UsedBy)
	c.time(&t.Used)
}

// JoinTokens are sorted by id. The slice is the view's: it must not be changed.
func (v *View) JoinTokens() []JoinToken { return v.joinTokens }

// JoinToken returns the token with that id.
func (v *View) JoinToken(id string) (JoinToken, bool) {
	i, found := findJoinToken(v.joinTokens, id)
	if !found {
		return JoinToken{}, false
	}
	return v.joinTokens[i], true
}

func findJoinToken(tokens []JoinToken, id string) (int, bool) {
	return slices.BinarySearchFunc(tokens, id, func(t JoinToken, id string) int { return strings.Compare(t.ID, id) })
}

// Admits reports whether a server may join with the token at a time.
func (t JoinToken) Admits(hash [sha256.Size]byte, node, server string, at tree.Time) bool {
	return t.Hash == hash && at < t.Expires && (t.Node == "" || t.Node == node) && (t.UsedBy == "" || t.UsedBy == server)
}

// checkJoinTokens refuses tokens that no log leads to.
func checkJoinTokens(tokens []JoinToken, version uint8) error {
	if len(tokens) > JoinTokensMax || version == snapshotTokens && len(tokens) == 0 {
		return fmt.Errorf("it has %d join tokens", len(tokens))
	}
	if !slices.IsSortedFunc(tokens, func(a, b JoinToken) int {
		if a.ID < b.ID {
			return -1
		}
		return 1 // none stands twice
	}) {
		return errors.New("its join tokens are not sorted")
	}
	return nil
}

// changeJoinTokens returns the tokens after a change. What it is given stays as
// it is.
func changeJoinTokens(tokens []JoinToken, change JoinTokenChange, now tree.Time) []JoinToken {
	next := slices.DeleteFunc(slices.Clone(tokens), func(t JoinToken) bool { return t.Expires+joinTokenKeep <= now })
	i, found := findJoinToken(next, change.Token.ID)
	switch {
	case change.Op == JoinTokenMake && !found && len(next) < JoinTokensMax:
		made := change.Token
		made.Made, made.UsedBy, made.Used = now, "", 0
		next = slices.Insert(next, i, made)
	case change.Op == JoinTokenRevoke && found:
		next = slices.Delete(next, i, i+1)
	case change.Op == JoinTokenUse && found && next[i].Admits(change.Token.Hash, change.Token.Node, change.Token.UsedBy, now):
		if next[i].UsedBy == "" {
			next[i].UsedBy, next[i].Used = change.Token.UsedBy, now
		}
	}
	return next
}
