package raftnet

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/treenode/treenode/cluster"
)

// impostor is a peer that lets everybody in and then does as it likes.
func impostor(t *testing.T, serve func(conn net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := readPreamble(conn); err == nil {
				if _, err := conn.Write(appendWelcome(nil, nil)); err == nil {
					serve(conn)
				}
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// TestNothingIsSentTwice: the peer takes a request on a connection that was
// good before, and dies without a word.
func TestNothingIsSentTwice(t *testing.T) {
	noLeaks(t)
	var requests, conns atomic.Int64
	addr := impostor(t, func(conn net.Conn) {
		conns.Add(1)
		for i := range 2 {
			h, err := readRequestHeader(conn)
			if err != nil {
				return
			}
			requests.Add(1)
			if i == 1 {
				return
			}
			if _, err := conn.Write(appendAnswerHeader(nil, answerHeader{sequence: h.sequence})); err != nil {
				return
			}
		}
	})
	a := listen(t, "c")
	if _, err := a.Call(soon(t), addr, cluster.VerbHello, nil); err != nil {
		t.Fatal(err)
	}
	_, err := a.Call(soon(t), addr, cluster.VerbHello, nil)
	wantCallError(t, err, true)
	if requests.Load() != 2 || conns.Load() != 1 {
		t.Errorf("%d requests on %d connections", requests.Load(), conns.Load())
	}
	if _, err := a.Call(soon(t), addr, cluster.VerbHello, nil); err != nil {
		t.Errorf("the next call needs a new connection: %v", err)
	}
}

// TestBadAnswers: each is an error of a call that was sent, and ends the
// connection.
func TestBadAnswers(t *testing.T) {
	noLeaks(t)
	for name, say := range map[string]string{
		"another sequence": "\x00\x00\x00\x00\x02\x00\x00\x00\x00",
		"a huge answer":    "\x00\x00\x00\x00\x01\xff\xff\xff\xff",
		"a huge refusal":   "\x04\x00\x00\x00\x01\x00\x00\x04\x01" + strings.Repeat("x", 1025),
		"half a header":    "\x00\x00\x00",
		"half a body":      "\x00\x00\x00\x00\x01\x00\x00\x00\x05abc",
		"nothing":          "",
	} {
		addr := impostor(t, func(conn net.Conn) {
			if _, err := readRequestHeader(conn); err == nil {
				fmt.Fprint(conn, say)
			}
		})
		a := listen(t, "c")
		_, err := a.Call(soon(t), addr, cluster.VerbHello, nil)
		if failed, ok := err.(*cluster.CallError); !ok || !failed.Sent { //nolint:errorlint // it is promised bare
			t.Errorf("%s: %v", name, err)
		}
		eventually(t, "the connection is closed", func() bool {
			a.mu.Lock()
			defer a.mu.Unlock()
			return len(a.links) == 0
		})
	}
}

// TestBadWelcomes: each is an error of a call that was not sent.
func TestBadWelcomes(t *testing.T) {
	noLeaks(t)
	for name, say := range map[string]string{
		"another protocol": "HTTP/1.1 400 Bad Request\r\n\r\n",
		"too short":        "TNRN\x02\x00",
		"a long message":   "TNRN\x02\x03\xff\xff" + strings.Repeat("x", 70000),
		"half a message":   "TNRN\x02\x03\x00\x05abc",
		"nothing":          "",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if conn, err := l.Accept(); err == nil {
				readPreamble(conn)
				fmt.Fprint(conn, say)
				conn.Close()
			}
		}()
		a := listen(t, "c")
		_, err = a.Call(soon(t), l.Addr().String(), cluster.VerbHello, nil)
		if failed, ok := err.(*cluster.CallError); !ok || failed.Sent { //nolint:errorlint // it is promised bare
			t.Errorf("%s: %v", name, err)
		}
		l.Close()
	}
}
