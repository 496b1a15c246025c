package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/treenode/treenode/cluster/failpoint"
	"github.com/treenode/treenode/fsm"
)

// Commands that wait on a follower go to the leader together, in one call of
// VerbForward, or of VerbOrigins if some of them say where they come from: a call
// and its answer cost both nodes as much as the command.
//
//	VerbForward: { length(4) command } for each command
//	VerbOrigins: { length(4) command length(4) origin length(4) span } for each
//	             command; the origin is that of appendSource, and empty for a
//	             node's own, the span what Span.Carry says, and empty for none
//	answer:  { code(1) length(4) body } for each command, in the same order
//
// Numbers are big endian. Code 0 comes with the result, any other is
// a PeerCode and comes with its message. A refusal of the whole call says that
// none of its commands was proposed.
//
// VerbOrigins is younger, and a leader is asked first whether it knows it. One that
// does not gets the commands alone: what its log can't say anyway. A leader that
// authorises takes a command without an origin from another node only as long as
// some member may be so old that it can't send one.

// forwardForm is how the commands of a call are written.
type forwardForm bool

const (
	plainForward  forwardForm = false
	originForward forwardForm = true
)

func (f forwardForm) verb() Verb {
	if f == originForward {
		return VerbOrigins
	}
	return VerbForward
}

// forwardsInFlight is how many calls with commands may be under way to the
// leader.
const forwardsInFlight = 2

// forward sends a group of commands to whichever node leads now.
func (n *Node) forward(group []*proposal, release func()) {
	leader, self, ok := n.leader()
	if !ok || self {
		// The callers come again, and find that it is this node.
		refuseAll(group, fail(CodeNoLeader, nil, "another node was thought to lead"))
		release()
		return
	}
	go func() {
		defer release()
		ctx, cancel := forwardContext(group)
		defer cancel()
		// The callers come again then, under the same request ids.
		ctx, cancel = n.untilReplaced(ctx, leader)
		defer cancel()
		form, err := n.formFor(ctx, leader, group)
		if err != nil {
			refuseAll(group, err)
			return
		}
		begun := time.Now()
		answer, err := n.config.Network.Call(ctx, leader, form.verb(), encodeForward(group, form))
		back := time.Now()
		n.config.observe(Event{Kind: EventForward, Took: back.Sub(begun), Count: len(group), Err: err})
		if err != nil {
			n.leaderLevel.Store(nil) // it may be another program when it is back
			refuseAll(group, forwardError(err))
			return
		}
		results, err := decodeForwarded(answer, len(group))
		if err != nil {
			// The leader did something, this node can't tell what.
			refuseAll(group, fail(CodeOutcomeUnknown, err, "the leader's answer can't be read"))
			return
		}
		failpoint.Reach(failpoint.CommitRelayed)
		for i, p := range group {
			if p.traced != nil {
				results[i].passed = &passage{sent: begun, back: back}
			}
			p.done <- results[i]
		}
	}()
}

// forwardContext ends when the last caller of the group has given up.
func forwardContext(group []*proposal) (context.Context, context.CancelFunc) {
	var last time.Time
	for _, p := range group {
		if p.deadline.IsZero() {
			return context.WithCancel(context.Background())
		}
		if p.deadline.After(last) {
			last = p.deadline
		}
	}
	return context.WithDeadline(context.Background(), last)
}

func encodeForward(group []*proposal, form forwardForm) []byte {
	size := 0
	for _, p := range group {
		size += 12 + p.size()
	}
	b := make([]byte, 0, size)
	var origin []byte
	for _, p := range group {
		b = appendCounted(b, p.command)
		if form == originForward {
			origin = appendSource(origin[:0], p.source)
			b = appendCounted(b, origin)
			b = appendCounted(b, p.traced.carry())
		}
	}
	return b
}

// leaderLevel is what a leader said that it reads.
type leaderLevel struct {
	raftID string
	level  int
	asked  time.Time
}

// askLevelEvery is how often a leader that does not know VerbOrigins is asked again:
// it may be given a newer program and lead again as the same server.
const askLevelEvery = time.Second

// formFor chooses how a group goes to the leader. The error is an *Error; nothing
// was sent then.
func (n *Node) formFor(ctx context.Context, leader string, group []*proposal) (forwardForm, error) {
	if n.levelReached() >= fsm.LevelOrigins {
		return originForward, nil
	}
	asked := slices.ContainsFunc(group, func(p *proposal) bool { return p.source != nil })
	if !asked || n.config.Level < fsm.LevelOrigins {
		return plainForward, nil
	}
	_, id := n.raft.LeaderWithID()
	known := n.leaderLevel.Load()
	if known == nil || known.raftID != string(id) || known.level < fsm.LevelOrigins && time.Since(known.asked) > askLevelEvery {
		h, err := n.greet(ctx, leader)
		if err == nil && h.RaftID != string(id) {
			err = fmt.Errorf("server %s answers at %s", h.RaftID, leader)
		}
		if err != nil {
			return plainForward, fail(CodeNoLeader, err, "the leader %s can't be asked what it reads", id)
		}
		known = &leaderLevel{h.RaftID, levelOf(h), time.Now()}
		n.leaderLevel.Store(known)
	}
	return known.level >= fsm.LevelOrigins, nil
}

var errForwardForm = errors.New("commands have to be there whole, each with its length")

// forwarded is a command from another node.
type forwarded struct {
	command []byte
	origin  []byte // encoded; empty for none
	span    []byte // that it is a part of; empty for none
}

// decodeForward returns the commands of a request. The error is a *PeerError.
func decodeForward(body []byte, form forwardForm) ([]forwarded, error) {
	var commands []forwarded
	for len(body) > 0 {
		var f forwarded
		var ok bool
		f.command, body, ok = cutCounted(body)
		if ok && form == originForward {
			if f.origin, body, ok = cutCounted(body); ok {
				f.span, body, ok = cutCounted(body)
			}
			ok = ok && len(f.span) <= carriedBytesMax
		}
		if !ok || len(commands) == batchCommandsMax {
			return nil, &PeerError{Code: PeerBadRequest, Message: errForwardForm.Error()}
		}
		commands = append(commands, f)
	}
	return commands, nil
}

// checkForwarded refuses what must never be in the log: an entry that the
// machine can't read halts every node, for good.
func checkForwarded(f forwarded) (fsm.Command, *source, error) {
	if len(f.command) > commandBytesMax {
		return fsm.Command{}, nil, &PeerError{Code: PeerTooLarge, Message: fmt.Sprintf("the command has %d bytes, the limit is %d", len(f.command), commandBytesMax)}
	}
	cmd, err := fsm.DecodeCommand(f.command)
	if err != nil {
		return fsm.Command{}, nil, &PeerError{Code: PeerBadRequest, Message: fmt.Sprintf("the command can't be read: %v", err)}
	}
	from, err := decodeSource(f.origin)
	if err != nil {
		return fsm.Command{}, nil, &PeerError{Code: PeerBadRequest, Message: fmt.Sprintf("where the command comes from can't be read: %v", err)}
	}
	return cmd, from, nil
}

// takeForwarded checks a command of another node, asks the policy, and has it
// proposed.
func (n *Node) takeForwarded(ctx context.Context, f forwarded, form forwardForm) (*proposal, error) {
	cmd, from, err := checkForwarded(f)
	if err != nil {
		return nil, err
	}
	if from == nil && n.config.Authorize != nil {
		old := false
		if form == plainForward {
			read, err := n.originsRead()
			if err != nil {
				return nil, err
			}
			old = !read
		}
		if !old {
			err := fail(CodeForbidden, nil, "the change does not say where it comes from; give every node the same settings for who may do what")
			if form == plainForward { // a code that whoever uses this form knows
				return nil, &PeerError{Code: PeerRefused, Message: err.Error()}
			}
			return nil, err
		}
	}
	if err := n.authorize(from, cmd); err != nil {
		return nil, err
	}
	if err := n.commandRead(ctx, cmd); err != nil {
		return nil, notRead(err)
	}
	var span Span
	if len(f.span) > 0 {
		span = n.begin(ctx, SpanPropose, f.span)
	}
	p, err := n.entries.enqueue(within(ctx, span), f.command, from)
	if err != nil && span != nil {
		span.End(err)
	}
	return p, err
}

// cutCounted cuts off a length and as many bytes.
func cutCounted(b []byte) (counted, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	size := uint64(binary.BigEndian.Uint32(b))
	if b = b[4:]; size > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:size:size], b[size:], true
}

// proposeForwarded answers VerbForward and VerbOrigins.
func (n *Node) proposeForwarded(ctx context.Context, body []byte, form forwardForm) ([]byte, error) {
	if _, self, _ := n.leader(); !self {
		return nil, &PeerError{Code: PeerNotLeader, Message: "this node does not lead"}
	}
	commands, err := decodeForward(body, form)
	if err != nil {
		return nil, err
	}
	waiting := make([]*proposal, len(commands))
	refused := make([]error, len(commands))
	for i, command := range commands {
		waiting[i], refused[i] = n.takeForwarded(ctx, command, form)
	}
	var answer []byte
	for i, p := range waiting {
		result, err := fsm.Result{}, refused[i]
		if err == nil {
			result, err = n.entries.await(ctx, p)
			p.traced.end(err)
		}
		answer = appendForwarded(answer, result, err)
	}
	failpoint.Reach(failpoint.CommitForwarded)
	return answer, nil
}

// forwardedBytesMax bounds the answers that one call carries back, with room
// for those that come without a result. A caller whose result does not fit asks
// again and gets it then: the machine remembers it.
const forwardedBytesMax = CallBytesMax - batchCommandsMax<<10

func appendForwarded(b []byte, result fsm.Result, err error) []byte {
	code, body := PeerCode(0), []byte(nil)
	if err == nil {
		if body = result.Encode(); len(b)+len(body) > forwardedBytesMax && len(b) > 0 {
			err = &PeerError{Code: PeerOutcome, Message: "the result does not fit into this answer"}
		}
	}
	if err != nil {
		refused := peerErrorOf(err)
		code, body = refused.Code, []byte(refused.Message)
		body = body[:min(len(body), messageBytesMax)]
	}
	b = append(b, byte(code))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body))) //nolint:gosec // at most commandBytesMax and what it touched
	return append(b, body...)
}

// messageBytesMax bounds what is told of a command without a result.
const messageBytesMax = 512

// decodeForwarded reads the answer to a call with that many commands.
func decodeForwarded(answer []byte, commands int) ([]proposed, error) {
	results := make([]proposed, commands)
	for i := range results {
		if len(answer) == 0 {
			return nil, errForwardForm
		}
		code := PeerCode(answer[0])
		body, rest, ok := cutCounted(answer[1:])
		if !ok {
			return nil, errForwardForm
		}
		answer = rest
		if code != 0 {
			results[i].err = forwardError(&PeerError{Code: code, Message: string(body)})
			continue
		}
		var err error
		if results[i].result, err = fsm.DecodeResult(body); err != nil {
			results[i].err = fail(CodeOutcomeUnknown, err, "the leader's answer can't be read")
		}
	}
	if len(answer) > 0 {
		return nil, errForwardForm
	}
	return results, nil
}

// forwardError says what a failed call to the leader means for the command.
func forwardError(err error) *Error {
	var call *CallError
	if errors.As(err, &call) {
		if !call.Sent {
			return fail(CodeNoLeader, err, "the leader can't be reached")
		}
		return fail(CodeOutcomeUnknown, err, "the leader did not answer")
	}
	var peer *PeerError
	if errors.As(err, &peer) {
		switch peer.Code {
		case PeerNotLeader, PeerNotReady, PeerOtherCluster:
			return fail(CodeNoLeader, err, "the node that was thought to lead does not")
		case PeerBusy:
			return fail(CodeBusy, err, "the leader is busy")
		case PeerTooLarge:
			return fail(CodeTooLarge, err, "the leader refused the size")
		case PeerForbidden:
			return &Error{Code: CodeForbidden, Message: peer.Message}
		case PeerNotRead:
			return &Error{Code: CodeNotReady, Message: peer.Message}
		case PeerBadRequest, PeerRefused:
			return fail(CodeInvalid, err, "the leader refused the request")
		case PeerInternal, PeerOutcome:
		}
	}
	return fail(CodeOutcomeUnknown, err, "the outcome is unknown")
}

// peerErrorOf is the reverse of forwardError, on the leader's side.
func peerErrorOf(err error) *PeerError {
	var e *Error
	var refused *PeerError
	switch {
	case errors.As(err, &refused):
		return refused
	case !errors.As(err, &e):
		return &PeerError{Code: PeerInternal, Message: err.Error()}
	}
	code := PeerInternal
	switch e.Code {
	case CodeNoLeader:
		code = PeerNotLeader
	case CodeBusy, CodeDeadline:
		code = PeerBusy
	case CodeStopping, CodeNotReady:
		code = PeerNotReady
	case CodeTooLarge:
		code = PeerTooLarge
	case CodeInvalid, CodeMemberNotFound, CodeMemberExists, CodeLastVoter, CodeClusterMismatch:
		code = PeerRefused
	case CodeForbidden:
		return &PeerError{Code: PeerForbidden, Message: e.text()}
	case CodeOutcomeUnknown, CodeHalted:
		code = PeerOutcome
	case CodeInternal:
	}
	return &PeerError{Code: code, Message: e.Error()}
}
