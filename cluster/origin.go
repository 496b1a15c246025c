package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// Origin is where a change comes from. It travels with the command to the leader,
// which decides again whether the change is allowed, and into the log, from which
// every node writes its audit. It is no part of the command: the same request id
// with the same body is the same change, whoever tries it again.
type Origin struct {
	// User and Project are the ids of who asked, Roles what they may be. A request
	// in the scope of the whole deployment has System and no project.
	User, Project string
	Roles         []string
	System        bool
	// Action is the policy's rule by which the API allowed the change.
	Action string
	// Request is the API's id of the request, as its answer and its log name it.
	Request string
}

// Bounds of an origin; those of what the log keeps are fsm.Origin's. A request's id
// is cut to its bound, since clients make it up. Anything else over its bound makes
// Propose refuse the change, as CodeInvalid.
const (
	rolesMax      = 64
	roleBytesMax  = 255
	apiRequestMax = 128
)

type originKey struct{}

// WithOrigin returns a context whose proposals are of that origin.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns the origin of a context's proposals. False means that the
// change is the node's own.
func OriginOf(ctx context.Context) (Origin, bool) {
	o, ok := ctx.Value(originKey{}).(Origin)
	return o, ok
}

// source is a checked origin, as it goes with a command: what the log keeps, and
// what only the leader is told.
type source struct {
	logged fsm.Origin
	roles  []string
}

// sourceOf returns the source of a context's proposals, nil for the node's own. The
// error names what is over its bound.
func sourceOf(ctx context.Context) (*source, error) {
	o, ok := OriginOf(ctx)
	if !ok {
		return nil, nil
	}
	s := &source{
		logged: fsm.Origin{User: o.User, Project: o.Project, System: o.System, Action: o.Action, Request: cut(o.Request, apiRequestMax)},
		roles:  o.Roles,
	}
	return s, s.check()
}

func (s *source) check() error {
	if err := s.logged.Check(); err != nil {
		return err
	}
	if len(s.roles) > rolesMax {
		return fmt.Errorf("there are %d roles, the limit is %d", len(s.roles), rolesMax)
	}
	for _, r := range s.roles {
		if len(r) > roleBytesMax {
			return fmt.Errorf("a role has %d bytes, the limit is %d", len(r), roleBytesMax)
		}
	}
	return nil
}

// cut shortens a text to so many bytes, and not within a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

func (s *source) origin() Origin {
	return Origin{
		User: s.logged.User, Project: s.logged.Project, Roles: s.roles,
		System: s.logged.System, Action: s.logged.Action, Request: s.logged.Request,
	}
}

// size is about what it takes on its way to the leader, at most.
func (s *source) size() int {
	if s == nil {
		return 0
	}
	size := s.logged.Size() + 4
	for _, r := range s.roles {
		size += len(r) + 4
	}
	return size
}

var errOriginForm = errors.New("an origin has to be there whole")

// appendSource writes a source as nodes pass it on: what the log keeps, then the
// roles, each with its length in 4 bytes before it. None is nothing.
func appendSource(b []byte, s *source) []byte {
	if s == nil {
		return b
	}
	b = appendCounted(b, s.logged.Encode())
	for _, r := range s.roles {
		b = appendCounted(b, []byte(r))
	}
	return b
}

func appendCounted(b, counted []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(counted))) //nolint:gosec // bounded by whoever counts
	return append(b, counted...)
}

// decodeSource reads what appendSource wrote.
func decodeSource(b []byte) (*source, error) {
	if len(b) == 0 {
		return nil, nil
	}
	logged, rest, ok := cutCounted(b)
	if !ok {
		return nil, errOriginForm
	}
	s := &source{}
	var err error
	if s.logged, err = fsm.DecodeOrigin(logged); err != nil {
		return nil, err
	}
	for len(rest) > 0 {
		role, after, ok := cutCounted(rest)
		if !ok {
			return nil, errOriginForm
		}
		s.roles, rest = append(s.roles, string(role)), after
	}
	return s, s.check()
}

// authorize asks the policy of this node, which leads, whether a change is allowed.
// The error is an *Error.
func (n *Node) authorize(s *source, cmd fsm.Command) error {
	if n.config.Authorize == nil || s == nil {
		return nil
	}
	if err := n.config.Authorize(s.origin(), cmd); err != nil {
		return fail(CodeForbidden, err, "the leader does not allow it")
	}
	return nil
}

// originsRead reports whether every member reads where commands come from. This
// node must lead; the error says that it does not, or not yet surely.
func (n *Node) originsRead() (bool, error) {
	return n.reads(fsm.LevelOrigins, func(at tree.Time) []byte { return fsm.EncodeOrigins(at, nil, nil) })
}
