package raftnet

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster"
)

func echoAnd(then func()) handlerFunc {
	return func(ctx context.Context, verb cluster.Verb, body []byte) ([]byte, error) {
		then()
		return echo(ctx, verb, body)
	}
}

// raw connects as a stranger would and says something.
func raw(t *testing.T, n *Net, say string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(say)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func wantBytes(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got[:n], err, want)
	}
}

// TestBytesOfTheProtocol is for compatibility: these bytes must not change
// without a new protocol version.
func TestBytesOfTheProtocol(t *testing.T) {
	noLeaks(t)
	n := listen(t, "c1")
	n.Serve(handlerFunc(func(ctx context.Context, verb cluster.Verb, body []byte) ([]byte, error) {
		if verb == cluster.VerbTerm {
			_, ok := ctx.Deadline()
			return fmt.Appendf(nil, "%s %v", body, ok), nil
		}
		return nil, &cluster.PeerError{Code: cluster.PeerNotLeader, Message: "no"}
	}))
	conn := raw(t, n, "TNRN\x02\x02\x02c1\x00")
	wantBytes(t, conn, "TNRN\x02\x00\x00\x00")
	fmt.Fprint(conn, "\x03\x00\x00\x00\x07\x00\x00\x00\x00\x00\x0f\x42\x40\x00\x00\x00\x02hi")
	wantBytes(t, conn, "\x00\x00\x00\x00\x07\x00\x00\x00\x07hi true")
	fmt.Fprint(conn, "\x03\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	wantBytes(t, conn, "\x00\xff\xff\xff\xff\x00\x00\x00\x06 false")
	fmt.Fprint(conn, "\x02\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00")
	wantBytes(t, conn, "\x04\x00\x00\x00\x00\x00\x00\x00\x02no")
	// Two at once are answered, one way or the other round.
	fmt.Fprint(conn, strings.Repeat("\x02\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 2))
	wantBytes(t, conn, strings.Repeat("\x04\x00\x00\x00\x09\x00\x00\x00\x02no", 2))

	stream := raw(t, n, "TNRN\x02\x01\x02c1\x00")
	wantBytes(t, stream, "TNRN\x02\x00\x00\x00")
	other := raw(t, n, "TNRN\x02\x01\x02c2\x00")
	wantBytes(t, other, "TNRN\x02\x03\x00\x35this node belongs to cluster \"c1\", the caller to \"c2\"")
	newer := raw(t, n, "TNRN\x03")
	fmt.Fprint(newer, "??")
	wantBytes(t, newer, "TNRN\x02\x05\x00\x32peer protocol version 3 is not spoken here, only 2")
	wantEnded(t, other, newer)
}

// TestOversizeOnTheWire: a request that claims to be huge is refused on its
// header alone.
func TestOversizeOnTheWire(t *testing.T) {
	noLeaks(t)
	n := listen(t, "c")
	n.Serve(handlerFunc(echo))
	for _, size := range []string{"\x00\x40\x00\x01", "\xff\xff\xff\xff"} {
		conn := raw(t, n, "TNRN\x02\x02\x01c\x00")
		wantBytes(t, conn, "TNRN\x02\x00\x00\x00")
		fmt.Fprint(conn, "\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"+size)
		_, err := readAnswer(conn, 1)
		wantPeerError(t, err, cluster.PeerTooLarge)
		wantEnded(t, conn)
	}
	if s := n.Stats(); s.CallsInFlight != 0 {
		t.Errorf("%+v", s)
	}
}

func TestGarbage(t *testing.T) {
	noLeaks(t)
	var log buffer
	n := listen(t, "c", log.logger)
	n.Serve(handlerFunc(echo))
	says := []string{
		"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TNRM\x02\x02\x00", "TNRN\x02\x03\x00\x00", "TNRN\x02\x00\x00\x00", "TNRN\x02\x01\x01c\x81",
		"TNRN\x02\x02\x81", strings.Repeat("\x00", 4096), "SSH-2.0-x\r\n",
	}
	for _, say := range says {
		wantEnded(t, raw(t, n, say))
	}
	short := raw(t, n, "ab")
	short.Close()
	eventually(t, "all are counted", func() bool { return n.Stats().Garbage == uint64(len(says)+1) })
	if got := log.String(); strings.Count(got, "\n") != 1 {
		t.Errorf("the log has more than one line: %s", got)
	}
	// A health check connects and goes: nothing to tell.
	raw(t, n, "").Close()
	if _, err := n.Call(soon(t), n.Addr(), cluster.VerbHello, nil); err != nil {
		t.Error(err)
	}
	eventually(t, "the health check is over", func() bool { return n.handshakes.taken() == 0 })
	if s := n.Stats(); s.Handshakes != 0 || s.Garbage != uint64(len(says)+1) {
		t.Errorf("%+v", s)
	}
}

func TestSlowStrangers(t *testing.T) {
	noLeaks(t)
	n := listen(t, "c", func(c *Config) { c.Limits.HandshakeTimeout = 500 * time.Millisecond })
	n.Serve(handlerFunc(echo))
	var slow []net.Conn
	for _, say := range []string{"", "T", "TNRN", "TNRN\x02\x02", "TNRN\x02\x02\x05ab", "TNRN\x02\x02\x02ab"} {
		slow = append(slow, raw(t, n, say))
	}
	dripping := raw(t, n, "T")
	stop := make(chan struct{})
	defer close(stop)
	go func() { // each byte in time, the whole too late
		for _, b := range []byte("NRN\x01\x02\x01cxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx") {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
			if _, err := dripping.Write([]byte{b}); err != nil {
				return
			}
		}
	}()
	if _, err := n.Call(soon(t), n.Addr(), cluster.VerbHello, nil); err != nil {
		t.Error(err)
	}
	wantEnded(t, append(slow, dripping)...)
	eventually(t, "all are counted", func() bool { return n.Stats().Handshakes == 7 })
}

func TestHandshakesMax(t *testing.T) {
	noLeaks(t)
	n := listen(t, "c", func(c *Config) { c.Limits.HandshakesMax = 2 })
	n.Serve(handlerFunc(echo))
	peer := listen(t, "c")
	if _, err := peer.Call(soon(t), n.Addr(), cluster.VerbHello, nil); err != nil {
		t.Fatal(err)
	}
	one, two := raw(t, n, "T"), raw(t, n, "T")
	eventually(t, "both are in their handshake", func() bool { return n.handshakes.taken() == 2 })
	if _, err := peer.Call(soon(t), n.Addr(), cluster.VerbHello, nil); err != nil {
		t.Errorf("established connections must not suffer: %v", err)
	}
	other := listen(t, "c")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := other.Call(ctx, n.Addr(), cluster.VerbHello, nil)
	wantCallError(t, err, false)
	result := make(chan error)
	go func() { // waits for a place
		_, err := other.Call(soon(t), n.Addr(), cluster.VerbHello, nil)
		result <- err
	}()
	one.Close()
	if err := take(t, result); err != nil {
		t.Error(err)
	}
	two.Close()
	// Closing does not wait for a place.
	raw(t, n, "T")
	raw(t, n, "T")
	eventually(t, "both are in their handshake", func() bool { return n.handshakes.taken() == 2 })
	raw(t, n, "T")
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

// TestSlowRequest: a member that stops in the middle of a request.
func TestSlowRequest(t *testing.T) {
	noLeaks(t)
	n := listen(t, "c", func(c *Config) { c.Limits.CallReadTimeout = 30 * time.Millisecond })
	n.Serve(handlerFunc(echo))
	for _, say := range []string{"\x03", "\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05hell"} {
		conn := raw(t, n, "TNRN\x02\x02\x01c\x00"+say)
		wantBytes(t, conn, "TNRN\x02\x00\x00\x00")
		wantEnded(t, conn)
	}
	eventually(t, "their places are free", func() bool { return n.Stats().CallsInFlight == 0 && n.Stats().CallConns == 0 })
	if got := n.callBytes.Load(); got != 0 {
		t.Errorf("%d bytes are still accounted for", got)
	}
}

// TestAnswerNobodyTakes: a member that does not read.
func TestAnswerNobodyTakes(t *testing.T) {
	noLeaks(t)
	n := listen(t, "c", func(c *Config) { c.Limits.CallWriteTimeout = 30 * time.Millisecond })
	n.Serve(handlerFunc(func(context.Context, cluster.Verb, []byte) ([]byte, error) {
		return make([]byte, cluster.CallBytesMax), nil
	}))
	call := "\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	raw(t, n, "TNRN\x02\x02\x01c\x00"+strings.Repeat(call, 4))
	eventually(t, "it is let go", func() bool { return n.Stats().CallsAnswered > 0 && n.Stats().CallConns == 0 })
}

func TestTLSRefusesStrangers(t *testing.T) {
	noLeaks(t)
	secure := withTLS(t)
	n := listen(t, "c", secure)
	n.Serve(handlerFunc(echo))
	plain := listen(t, "c")
	_, err := plain.Call(soon(t), n.Addr(), cluster.VerbHello, nil)
	wantCallError(t, err, false)
	other := listen(t, "c", withTLS(t))
	_, err = other.Call(soon(t), n.Addr(), cluster.VerbHello, nil)
	wantCallError(t, err, false)
	// It trusts the node but has nothing to show itself.
	nobody := listen(t, "c", secure, func(c *Config) {
		c.ClientTLS = &tls.Config{RootCAs: c.ClientTLS.RootCAs, MinVersion: tls.VersionTLS13}
	})
	_, err = nobody.Call(soon(t), n.Addr(), cluster.VerbHello, nil)
	wantCallError(t, err, false)
	eventually(t, "all are counted", func() bool { return n.Stats().Handshakes == 3 })
	if s := n.Stats(); s.CallsAnswered != 0 {
		t.Errorf("%+v", s)
	}
}

func TestRefusalLog(t *testing.T) {
	var out buffer
	now := time.Unix(1000, 0)
	log := refusalLog{log: hclog.New(&hclog.LoggerOptions{Output: &out}), interval: time.Minute, now: func() time.Time { return now }}
	lines := func() int { return strings.Count(out.String(), "\n") }
	for range 10 {
		log.say(refusedGarbage, "garbage")
	}
	log.say(refusedCluster, "cluster")
	if lines() != 2 {
		t.Errorf("log: %s", out.String())
	}
	now = now.Add(time.Minute - 1)
	log.say(refusedGarbage, "garbage")
	if lines() != 2 {
		t.Errorf("log: %s", out.String())
	}
	now = now.Add(1)
	log.say(refusedGarbage, "garbage")
	log.say(refusedCluster, "cluster")
	if lines() != 4 || strings.Count(out.String(), "not_logged_before=10") != 1 || strings.Count(out.String(), "not_logged_before") != 1 {
		t.Errorf("log: %s", out.String())
	}
}
