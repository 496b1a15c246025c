package raftnet

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/treenode/treenode/cluster"
)

const (
	requestLen = 17
	answerLen  = 9
)

// requestHeader precedes the body of a call.
type requestHeader struct {
	verb     cluster.Verb
	sequence uint32
	timeout  time.Duration // 0: none
	bodyLen  uint32
}

func appendRequestHeader(b []byte, h requestHeader) []byte {
	b = append(b, byte(h.verb))
	b = binary.BigEndian.AppendUint32(b, h.sequence)
	b = binary.BigEndian.AppendUint64(b, uint64(h.timeout.Microseconds())) //nolint:gosec // not negative
	return binary.BigEndian.AppendUint32(b, h.bodyLen)
}

// readRequestHeader reads exactly one header.
func readRequestHeader(r io.Reader) (requestHeader, error) {
	var b [requestLen]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return requestHeader{}, err
	}
	const microsMax = uint64(1<<63-1) / uint64(time.Microsecond)
	return requestHeader{
		verb:     cluster.Verb(b[0]),
		sequence: binary.BigEndian.Uint32(b[1:]),
		timeout:  time.Duration(min(binary.BigEndian.Uint64(b[5:]), microsMax)) * time.Microsecond,
		bodyLen:  binary.BigEndian.Uint32(b[13:]),
	}, nil
}

// answerHeader precedes the body of an answer.
type answerHeader struct {
	status   uint8
	sequence uint32
	bodyLen  uint32
}

func appendAnswerHeader(b []byte, h answerHeader) []byte {
	b = append(b, h.status)
	b = binary.BigEndian.AppendUint32(b, h.sequence)
	return binary.BigEndian.AppendUint32(b, h.bodyLen)
}

// readAnswer reads exactly one answer to the request with the given sequence.
// A refusal is a *cluster.PeerError.
func readAnswer(r io.Reader, sequence uint32) ([]byte, error) {
	var b [answerLen]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, err
	}
	h := answerHeader{status: b[0], sequence: binary.BigEndian.Uint32(b[1:]), bodyLen: binary.BigEndian.Uint32(b[5:])}
	limit := uint32(cluster.CallBytesMax)
	if h.status != statusOK {
		limit = messageLenMax
	}
	if h.sequence != sequence || h.bodyLen > limit {
		return nil, fmt.Errorf("%w: answer %d of %d bytes to request %d", errGarbage, h.sequence, h.bodyLen, sequence)
	}
	body := make([]byte, h.bodyLen)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	if h.status != statusOK {
		return nil, &cluster.PeerError{Code: cluster.PeerCode(h.status), Message: printable(body)}
	}
	return body, nil
}
