package raftnet

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/treenode/treenode/cluster"
)

func FuzzPreamble(f *testing.F) {
	f.Add([]byte("TNRN\x02\x01\x02c1\x02s1"))
	f.Add([]byte("TNRN\x02\x02\x00\x00"))
	f.Add([]byte("TNRN\x01\x02\x00"))
	f.Add([]byte("TNRN\x02\x02\xff" + strings.Repeat("x", 255)))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Add([]byte("TN"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		p, err := readPreamble(r)
		if err != nil {
			return
		}
		// What is accepted is what would have been sent, and not a byte more is
		// taken: the stream's own bytes follow.
		if got := appendPreamble(nil, p); !bytes.Equal(got, b[:len(b)-r.Len()]) {
			t.Errorf("%q was read as %+v, which is %q", b, p, got)
		}
	})
}

func FuzzWelcome(f *testing.F) {
	f.Add(appendWelcome(nil, nil))
	f.Add(appendWelcome(nil, &cluster.PeerError{Code: cluster.PeerOtherCluster, Message: "other"}))
	f.Add([]byte("TNRN\x01\x03\xff\xff"))
	f.Add([]byte("HTTP/1.1 400"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		err := readWelcome(r)
		var refused *cluster.PeerError
		if errors.As(err, &refused) && (refused.Code == statusOK || len(refused.Message) > 3*messageLenMax) {
			t.Errorf("%q was read as %+v", b, refused)
		}
		if err == nil && len(b)-r.Len() < welcomeLen {
			t.Errorf("%q was taken for a welcome", b)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(appendAnswerHeader(nil, answerHeader{sequence: 1}))
	f.Add(append(appendAnswerHeader(nil, answerHeader{sequence: 1, bodyLen: 3}), "abc"...))
	f.Add(append(appendAnswerHeader(nil, answerHeader{status: 4, sequence: 1, bodyLen: 2}), "no"...))
	f.Add([]byte("\x00\x00\x00\x00\x01\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := readAnswer(bytes.NewReader(b), 1)
		if err == nil && !bytes.HasPrefix(b, append(appendAnswerHeader(nil, answerHeader{sequence: 1, bodyLen: uint32(len(body))}), body...)) {
			t.Errorf("%q was read as %q", b, body)
		}
	})
}

// FuzzConnection lets a stranger say anything to an open port. The port has to
// answer a proper call afterwards.
func FuzzConnection(f *testing.F) {
	hello := "TNRN\x01\x02\x01c"
	call := "\x03\x00\x00\x00\x07\x00\x00\x00\x00\x00\x0f\x42\x40\x00\x00\x00\x02hi"
	f.Add([]byte(hello + call))
	f.Add([]byte(hello + call + call))
	f.Add([]byte(hello + "\x03\x00\x00\x00\x07\x00\x00\x00\x00\x00\x0f\x42\x40\xff\xff\xff\xff"))
	f.Add([]byte(hello + "\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05hello" + call))
	f.Add([]byte(hello + call[:5]))
	f.Add([]byte("TNRN\x02\x02\x00\x00" + call))
	f.Add([]byte("GET /"))
	n, err := Listen(Config{Listen: "127.0.0.1:0"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { n.Close() })
	n.SetClusterID("c")
	n.Serve(handlerFunc(echo))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 6 && b[5] == byte(kindRaft) {
			return // waits for Raft
		}
		near, far := net.Pipe()
		go func() {
			near.Write(b)
			near.Close()
		}()
		go io.Copy(io.Discard, near)
		n.handshakes <- struct{}{}
		n.running.Add(1)
		n.receive(n.track(far))
		if n.Stats().CallsInFlight > n.limits.CallsMax {
			t.Error("places are lost")
		}
		if got, err := n.Call(t.Context(), n.Addr(), cluster.VerbTerm, []byte("x")); err != nil || string(got) != "\x03x" {
			t.Errorf("%q, %v", got, err)
		}
	})
}
