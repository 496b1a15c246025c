package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// pretended is a listener whose connections come from where a test says.
type pretended struct {
	net.Listener
	next chan net.Conn
}

func (p *pretended) Accept() (net.Conn, error) {
	if c, ok := <-p.next; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

type fromAddr struct {
	net.Conn
	addr net.Addr
}

func (f *fromAddr) RemoteAddr() net.Addr { return f.addr }

// arrive has a connection come from an address, and is its other side.
func (p *pretended) arrive(addr string) net.Conn {
	here, there := net.Pipe()
	p.next <- &fromAddr{here, &net.TCPAddr{IP: net.ParseIP(addr), Port: 7}}
	return there
}

func TestConnectionsOfAnAddress(t *testing.T) {
	var log bytes.Buffer
	source := &pretended{next: make(chan net.Conn, 16)}
	l := limitAddresses(source, 2, hclog.New(&hclog.LoggerOptions{Output: &log}))
	accept := func(addr string) net.Conn {
		t.Helper()
		source.arrive(addr)
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := c.RemoteAddr().String(); !strings.Contains(got, addr) {
			t.Fatalf("%s was accepted where %s came", got, addr)
		}
		return c
	}
	// refused arrives before one that is accepted.
	refused := func(addr string) {
		t.Helper()
		there := source.arrive(addr)
		accept("127.0.0.1")
		if n, err := there.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("%s: read %d bytes, %v", addr, n, err)
		}
	}
	first := accept("192.0.2.1")
	accept("192.0.2.1")
	refused("192.0.2.1")
	refused("::ffff:192.0.2.1") // the same, as a listener for both has it
	accept("192.0.2.2")
	for range 2 { // a connection may be closed twice, and counts once
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
	}
	accept("192.0.2.1")
	refused("192.0.2.1")

	accept("2001:db8:0:1::1")
	accept("2001:db8:0:1::2")
	refused("2001:db8:0:1:ffff::3")
	accept("2001:db8:0:2::1")
	for range 5 {
		accept("::1")
	}
	if n := strings.Count(log.String(), "192.0.2.1"); n != 1 {
		t.Errorf("refusals were logged %d times:\n%s", n, log.String())
	}
}

// What is closed is counted no more, and leaves nothing behind.
func TestAddressesAreForgotten(t *testing.T) {
	source := &pretended{next: make(chan net.Conn, 1)}
	l := limitAddresses(source, 1, hclog.NewNullLogger()).(*addressListener) //nolint:forcetypeassert // it fails then
	for range 3 {
		source.arrive("192.0.2.1")
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.open) != 0 {
		t.Errorf("%v are remembered", l.open)
	}
	close(source.next)
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the end of the listener: %v", err)
	}
	if limitAddresses(source, 0, nil) != net.Listener(source) {
		t.Error("without a bound there is something in between")
	}
}
