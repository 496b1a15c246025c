package cluster

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// A node that is new to the cluster needs a token to join, where
// Config.RequireJoinToken says so: besides a certificate of the peers' CA, which may
// have been made for another purpose or stolen, somebody has to have wanted one more
// node now. A token lets one server in. Who it is for, and whether it was used, is
// decided by the log (fsm.JoinToken), so that two leaders can't both take it.
//
// A node id that is a member's needs none: it is that member's, which has moved or
// lost its directory, and has to come back without a hand. Where peers prove who
// they are, the id is proved.

// Bounds of a token's life.
const (
	joinTokenLifeShortest = time.Minute
	joinTokenLifeLongest  = 30 * 24 * time.Hour
)

// JoinToken is a token as it is told: without its secret, which nobody has but who
// made it.
type JoinToken struct {
	ID   string
	Node string // the node id that it is for; empty for any
	By   string // the user who made it; empty if that is not known
	Made time.Time
	// Expires is its end.
	Expires time.Time
	// UsedBy is the server that joined with it; empty for none yet.
	UsedBy string
	Used   time.Time
}

// joinTokenForm is how a token is written: its id in 16 hexadecimal digits and its
// secret, 256 random bits, in 64.
var joinTokenForm = regexp.MustCompile(`^tnj-([0-9a-f]{16})-([0-9a-f]{64})$`)

// parseJoinToken returns a token's id and the hash of its secret.
func parseJoinToken(text string) (id string, hash [sha256.Size]byte, ok bool) {
	parts := joinTokenForm.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return "", hash, false
	}
	return parts[1], sha256.Sum256([]byte(parts[2])), true
}

// CheckJoinToken returns an error if a text is no join token. It says nothing of
// the text.
func CheckJoinToken(text string) error {
	if _, _, ok := parseJoinToken(text); !ok {
		return fail(CodeInvalid, nil, "it is no join token: tnj-, 16 hexadecimal digits, -, 64 hexadecimal digits")
	}
	return nil
}

// MakeJoinToken makes a token that lets one node join until its life ends; a node
// id binds it to that node. The text is what the node is given, and is not kept.
// The context's origin says who made it.
func (n *Node) MakeJoinToken(ctx context.Context, node string, life time.Duration) (token JoinToken, text string, err error) {
	if node != "" && !nodeIDForm.MatchString(node) {
		return JoinToken{}, "", fail(CodeInvalid, nil, "node: %q is not the id of a node", node)
	}
	if life < joinTokenLifeShortest || life > joinTokenLifeLongest {
		return JoinToken{}, "", fail(CodeInvalid, nil, "expires: %v; a join token lives from %v to %v", life, joinTokenLifeShortest, joinTokenLifeLongest)
	}
	var random [8 + 32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return JoinToken{}, "", fail(CodeInternal, err, "no randomness")
	}
	id, secret := hex.EncodeToString(random[:8]), hex.EncodeToString(random[8:])
	made := fsm.JoinToken{ID: id, Hash: sha256.Sum256([]byte(secret)), Node: node, By: askerOf(ctx)}
	kept, err := n.changeJoinToken(ctx, joinTokenRequest{Op: fsm.JoinTokenMake, Token: made, Life: life})
	if err != nil {
		return JoinToken{}, "", err
	}
	return kept, "tnj-" + id + "-" + secret, nil
}

// RevokeJoinToken removes a token. A node that has joined with it stays.
func (n *Node) RevokeJoinToken(ctx context.Context, id string) error {
	_, err := n.changeJoinToken(ctx, joinTokenRequest{Op: fsm.JoinTokenRevoke, Token: fsm.JoinToken{ID: id, By: askerOf(ctx)}})
	return err
}

// askerOf is the user that a context's origin names, for the log.
func askerOf(ctx context.Context) string {
	from, _ := OriginOf(ctx)
	return from.User[:min(len(from.User), fsm.JoinTokenFieldMax)]
}

// JoinTokens lists the tokens, the used and the ended included for a week after
// their end, sorted by id.
func (n *Node) JoinTokens(ctx context.Context) ([]JoinToken, error) {
	v, err := n.Read(ctx, Linearizable, 0)
	if err != nil {
		return nil, err
	}
	list := []JoinToken{}
	for _, t := range v.JoinTokens() {
		list = append(list, showJoinToken(t))
	}
	return list, nil
}

func showJoinToken(t fsm.JoinToken) JoinToken {
	told := JoinToken{ID: t.ID, Node: t.Node, By: t.By, Made: timeOf(t.Made), Expires: timeOf(t.Expires), UsedBy: t.UsedBy}
	if t.UsedBy != "" {
		told.Used = timeOf(t.Used)
	}
	return told
}

func timeOf(t tree.Time) time.Time { return time.UnixMicro(int64(t)).UTC() }

// joinTokenRequest asks the leader to change a token. Its end counts from the
// log's time, which is the leader's to say.
type joinTokenRequest struct {
	Op    fsm.JoinTokenOp `json:"op"`
	Token fsm.JoinToken   `json:"token"`
	Life  time.Duration   `json:"life,omitempty"`
}

// changeJoinToken has the leader make or revoke a token.
func (n *Node) changeJoinToken(ctx context.Context, r joinTokenRequest) (JoinToken, error) {
	if done, err := n.atLeader(ctx, VerbAdmin, admin{Op: "join token", JoinToken: &r}); done {
		if err != nil || r.Op != fsm.JoinTokenMake {
			return JoinToken{}, err
		}
		v, err := n.Read(ctx, Linearizable, 0)
		if err != nil {
			return JoinToken{}, err
		}
		return madeJoinToken(v, r.Token.ID)
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	if _, found := n.machine.View().JoinToken(r.Token.ID); !found && r.Op == fsm.JoinTokenRevoke {
		return JoinToken{}, fail(CodeMemberNotFound, nil, "there is no join token %q", r.Token.ID)
	}
	v, err := n.proposeJoinToken(ctx, r)
	if err != nil || r.Op != fsm.JoinTokenMake {
		return JoinToken{}, err
	}
	return madeJoinToken(v, r.Token.ID)
}

func madeJoinToken(v *fsm.View, id string) (JoinToken, error) {
	t, found := v.JoinToken(id)
	if !found {
		return JoinToken{}, fail(CodeInvalid, nil, "there are %d join tokens already: revoke some", fsm.JoinTokensMax)
	}
	return showJoinToken(t), nil
}

// proposeJoinToken puts a change into the log and returns the state after it. The
// caller holds n.changing.
func (n *Node) proposeJoinToken(ctx context.Context, r joinTokenRequest) (*fsm.View, error) {
	_, err := n.proposeAlone(ctx, fsm.LevelJoinTokens, func(at tree.Time) []byte {
		r.Token.Expires = at + tree.Time(r.Life.Microseconds())
		return fsm.EncodeJoinToken(at, fsm.JoinTokenChange{Op: r.Op, Token: r.Token})
	})
	if err != nil {
		return nil, err
	}
	return n.machine.View(), nil
}

// rejoinLife is for how long a member that is being replaced may come back although
// it is no member meanwhile.
const rejoinLife = 24 * time.Hour

func rejoinID(node string) string { return "rejoin-" + node }

// expectBack notes in the log that a node may join without a token: it is taken out
// and in again, and this leader may end between the two. The caller leads and holds
// n.changing. Where that can't be noted, the node needs a token if just that happens.
func (n *Node) expectBack(ctx context.Context, node string) {
	if !n.config.RequireJoinToken || n.expectedBack(node) {
		return
	}
	var hash [sha256.Size]byte
	_, err := rand.Read(hash[:]) // nobody has the secret of that
	if err == nil {
		_, err = n.proposeJoinToken(ctx, joinTokenRequest{
			Op: fsm.JoinTokenMake, Life: rejoinLife, Token: fsm.JoinToken{ID: rejoinID(node), Hash: hash, Node: node},
		})
	}
	if err != nil {
		n.log.Warn("should this leader end just now, the node that is replaced needs a join token", "node", node, "reason", err)
	}
}

func (n *Node) expectedBack(node string) bool {
	t, found := n.machine.View().JoinToken(rejoinID(node))
	now, err := n.stamp()
	return found && err == nil && now < t.Expires
}

// useJoinToken marks a token as used by a server that joins. The caller leads and
// holds n.changing. The error says why the server may not join.
func (n *Node) useJoinToken(ctx context.Context, raftID, text string) error {
	node := nodeIDOf(raftID)
	if text == "" {
		return fail(CodeForbidden, nil, "node %s is new to this cluster and has no join token (treenode cluster token make)", node)
	}
	id, hash, ok := parseJoinToken(text)
	if !ok {
		return fail(CodeForbidden, nil, "what node %s has as a join token is none", node)
	}
	now, err := n.stamp()
	if err != nil {
		return err
	}
	t, found := n.machine.View().JoinToken(id)
	switch {
	case !found:
		return fail(CodeForbidden, nil, "join token %s is not known: it was revoked, or is another cluster's", id)
	case t.Hash != hash:
		return fail(CodeForbidden, nil, "the secret of join token %s is wrong", id)
	case now >= t.Expires:
		return fail(CodeForbidden, nil, "join token %s has ended at %s", id, timeOf(t.Expires).Format(time.RFC3339))
	case t.Node != "" && t.Node != node:
		return fail(CodeForbidden, nil, "join token %s is for node %s, not %s", id, t.Node, node)
	case t.UsedBy != "" && t.UsedBy != raftID:
		return fail(CodeForbidden, nil, "join token %s was used by server %s", id, t.UsedBy)
	case t.UsedBy == raftID:
		return nil
	}
	v, err := n.proposeJoinToken(ctx, joinTokenRequest{Op: fsm.JoinTokenUse, Token: fsm.JoinToken{ID: id, Hash: hash, Node: node, UsedBy: raftID}})
	if err != nil {
		return err
	}
	if t, _ := v.JoinToken(id); t.UsedBy != raftID {
		return fail(CodeForbidden, nil, "join token %s ended or was revoked meanwhile", id)
	}
	n.log.Info("a join token was used", "token", id, "server", raftID)
	return nil
}
