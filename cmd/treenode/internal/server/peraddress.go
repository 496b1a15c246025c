package server

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// ConnectionsPerAddress is the default of Config.ConnectionsPerAddress for the command
// line: a quarter of all.
const ConnectionsPerAddress = connectionsMax / 4

// addressListener bounds the connections that each remote address has open at a time
// and closes further ones without a word, so that one address can't take the places
// of all others. Loopback addresses have no bound: who is there is a proxy, or could
// do harm in other ways.
type addressListener struct {
	net.Listener
	max int
	log hclog.Logger

	mu   sync.Mutex
	open map[netip.Prefix]int
	next time.Time // when a refusal may be logged again
}

// limitAddresses bounds the connections of each address to max; 0 is no bound.
func limitAddresses(l net.Listener, max int, log hclog.Logger) net.Listener { //nolint:predeclared // as net/netutil has it
	if max == 0 {
		return l
	}
	return &addressListener{Listener: l, max: max, log: log, open: map[netip.Prefix]int{}}
}

// Accept implements net.Listener.
func (l *addressListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, bounded := counted(c.RemoteAddr())
		if !bounded {
			return c, nil
		}
		if l.enter(from) {
			return &addressConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		_ = c.Close() // nothing was said on it yet
	}
}

// counted is what a connection counts for: an IPv4 address, or the network of a site
// with IPv6, which has addresses without number.
func counted(addr net.Addr) (netip.Prefix, bool) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}, false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	if !ip.IsValid() || ip.IsLoopback() {
		return netip.Prefix{}, false
	}
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	return p, err == nil
}

func (l *addressListener) enter(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from] >= l.max {
		if now := time.Now(); !now.Before(l.next) {
			l.next = now.Add(refusalInterval)
			l.log.Warn("connection refused: its address has as many as it may", "from", fmt.Sprint(from), "max", l.max)
		}
		return false
	}
	l.open[from]++
	return true
}

func (l *addressListener) leave(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from]--; l.open[from] == 0 {
		delete(l.open, from)
	}
}

type addressConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *addressConn) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}
