package raftnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/treenode/treenode/cluster"
)

const (
	magic           = "TNRN"
	protocolVersion = 2

	preambleLen = len(magic) + 3
	welcomeLen  = len(magic) + 4
)

// kind is what a connection is for.
type kind uint8

const (
	kindRaft kind = 1
	kindCall kind = 2
)

// statusOK is the status of a connection that is let in, and of an answer
// that is no refusal. Every other status is a cluster.PeerCode.
const statusOK = 0

// preamble is what a dialer says first.
type preamble struct {
	kind      kind
	clusterID string
	// server is the Raft server that a stream is meant for. Another one that
	// has its address, such as the same node without its old directory, must
	// not answer for it: it has neither its log nor its vote.
	server string
}

var (
	// errGarbage is a first message that is not this protocol.
	errGarbage = errors.New("not the peer protocol")
	// errSilent is a connection that was closed before it said anything, as
	// health checks do.
	errSilent = errors.New("nothing was sent")
)

// appendPreamble encodes p, whose ids have at most clusterIDLenMax and
// serverIDLenMax bytes.
func appendPreamble(b []byte, p preamble) []byte {
	b = append(b, magic...)
	b = append(b, protocolVersion, byte(p.kind), byte(len(p.clusterID))) //nolint:gosec // at most clusterIDLenMax
	b = append(b, p.clusterID...)
	b = append(b, byte(len(p.server))) //nolint:gosec // at most serverIDLenMax
	return append(b, p.server...)
}

// readPreamble reads exactly one preamble. It returns errGarbage, errSilent, a
// *cluster.PeerError that should be answered, or the error of r.
func readPreamble(r io.Reader) (preamble, error) {
	var b [preambleLen + clusterIDLenMax + 1 + serverIDLenMax]byte
	// The magic alone first: a stranger may say less than a preamble and wait.
	if n, err := io.ReadFull(r, b[:len(magic)]); err != nil {
		switch {
		case n > 0 && !strings.HasPrefix(magic, string(b[:n])):
			return preamble{}, errGarbage
		case n == 0 && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
			return preamble{}, errSilent
		}
		return preamble{}, err
	}
	if string(b[:len(magic)]) != magic {
		return preamble{}, errGarbage
	}
	if _, err := io.ReadFull(r, b[len(magic):preambleLen]); err != nil {
		return preamble{}, err
	}
	version, k, idLen := b[len(magic)], kind(b[len(magic)+1]), int(b[len(magic)+2])
	if version != protocolVersion {
		return preamble{}, refusal(cluster.PeerBadRequest, "peer protocol version %d is not spoken here, only %d", version, protocolVersion)
	}
	if k != kindRaft && k != kindCall || idLen > clusterIDLenMax {
		return preamble{}, errGarbage
	}
	rest := b[preambleLen : preambleLen+idLen+1]
	if _, err := io.ReadFull(r, rest); err != nil {
		return preamble{}, err
	}
	serverLen := int(rest[idLen])
	if serverLen > serverIDLenMax {
		return preamble{}, errGarbage
	}
	server := b[preambleLen+idLen+1:][:serverLen]
	if _, err := io.ReadFull(r, server); err != nil {
		return preamble{}, err
	}
	return preamble{kind: k, clusterID: string(rest[:idLen]), server: string(server)}, nil
}

// appendWelcome encodes the answer to a preamble; nil lets the dialer in.
func appendWelcome(b []byte, refused *cluster.PeerError) []byte {
	b = append(b, magic...)
	if refused == nil {
		return append(b, protocolVersion, statusOK, 0, 0)
	}
	message := shorten(refused.Message)
	b = append(b, protocolVersion, byte(refused.Code))
	b = binary.BigEndian.AppendUint16(b, uint16(len(message))) //nolint:gosec // at most messageLenMax
	return append(b, message...)
}

// readWelcome reads exactly one answer to a preamble. A refusal is
// a *cluster.PeerError.
func readWelcome(r io.Reader) error {
	var head [welcomeLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return fmt.Errorf("no answer to the greeting: %w", err)
	}
	if !bytes.Equal(head[:len(magic)], []byte(magic)) {
		return fmt.Errorf("the answer to the greeting is %w", errGarbage)
	}
	status, messageLen := head[len(magic)+1], int(binary.BigEndian.Uint16(head[len(magic)+2:]))
	if messageLen > messageLenMax {
		return fmt.Errorf("the answer to the greeting has a message of %d bytes: %w", messageLen, errGarbage)
	}
	message := make([]byte, messageLen)
	if _, err := io.ReadFull(r, message); err != nil {
		return fmt.Errorf("no answer to the greeting: %w", err)
	}
	if status != statusOK {
		return &cluster.PeerError{Code: cluster.PeerCode(status), Message: printable(message)}
	}
	return nil
}

// admit decides whether a node of cluster own serves a dialer of cluster
// theirs; verb is 0 at a call connection's handshake.
func admit(own, theirs string, k kind, verb cluster.Verb) *cluster.PeerError {
	switch {
	case own != "" && theirs != "" && own != theirs:
		return refusal(cluster.PeerOtherCluster, "this node belongs to cluster %q, the caller to %q", own, theirs)
	case k == kindRaft && own == "":
		return refusal(cluster.PeerNotReady, "this node does not belong to a cluster yet")
	case k == kindRaft && theirs == "":
		return refusal(cluster.PeerRefused, "a Raft stream has to name its cluster")
	case k == kindRaft, verb == 0, beforeMembership(verb):
		return nil
	case own == "":
		return refusal(cluster.PeerNotReady, "this node does not belong to a cluster yet")
	case theirs == "":
		return refusal(cluster.PeerRefused, "the caller does not belong to a cluster yet: it may not make call %d", verb)
	}
	return nil
}

// beforeMembership reports whether a node may make, and answer, a call before
// it belongs to a cluster.
func beforeMembership(verb cluster.Verb) bool {
	return verb == cluster.VerbHello || verb == cluster.VerbPledge || verb == cluster.VerbJoin
}

func refusal(code cluster.PeerCode, format string, args ...any) *cluster.PeerError {
	return &cluster.PeerError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// shorten cuts a message to messageLenMax bytes, between two characters.
func shorten(message string) string {
	if len(message) <= messageLenMax {
		return message
	}
	end := messageLenMax
	for end > 0 && !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end]
}

// printable makes a peer's text fit for a log.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(string(b), string(utf8.RuneError)))
}
