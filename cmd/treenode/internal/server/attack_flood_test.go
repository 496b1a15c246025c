package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/treenode/treenode/transport/certs"
)

// slowRequests send a byte now and then, all at once.
func slowRequests(b *battlefield) (string, error) {
	kinds := []struct {
		name, first, then string
		after             time.Duration
	}{
		{"headers", "GET / HTTP/1.1\r\nHost: x\r\n", "X: y\r\n", patienceOfAPI.header},
		{"native", b.posts(onProviders, "Content-Length: 1000\r\n\r\n"), " ", requestTime},
		{"Placement", b.posts("/resource_providers", "Content-Length: 1000\r\n\r\n"), " ", patienceOfAPI.request},
	}
	saw, errs := make([]string, len(kinds)), make([]error, len(kinds))
	var slow sync.WaitGroup
	for i, k := range kinds {
		slow.Go(func() {
			how, err := b.slowly(k.first, k.then, k.after)
			saw[i] = k.name + ": " + how
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w", k.name, err)
			}
		})
	}
	slow.Wait()
	return strings.Join(saw, "; "), errors.Join(errs...)
}

// slowly begins a request, goes on with a little now and then, and expects to be cut
// off after a time.
func (b *battlefield) slowly(first, then string, after time.Duration) (string, error) {
	conn, err := b.dial(b.apiAddr())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn = tls.Client(conn, shows(b.t, certs.Pair{}))
	began := time.Now()
	if _, err := io.WriteString(conn, first); err != nil {
		return "", err
	}
	ended := make(chan string, 1)
	go func() {
		all, err := io.ReadAll(conn)
		if leftStanding(err) {
			ended <- ""
			return
		}
		status := ""
		if len(all) > 0 {
			status = strings.Fields(string(all))[1] + ", "
		}
		ended <- status + "closed"
	}()
	for {
		select {
		case how := <-ended:
			took := time.Since(began)
			if how == "" || took < after/2 || took > 10*after {
				return "", fmt.Errorf("after %v: %q", took, how)
			}
			return fmt.Sprintf("%s after %v", how, took.Round(100*time.Millisecond)), nil
		case <-time.After(50 * time.Millisecond):
			_, _ = io.WriteString(conn, then) // its end is seen by the reader
		}
	}
}

// leftStanding reports whether an attacker's own patience ended.
func leftStanding(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}

// idle opens connections and leaves them: most in their handshake, some after a
// request.
func idle(b *battlefield) (string, error) {
	want := min(10_000, connectionsOfTest())
	conns, opened := make([]net.Conn, want), make([]time.Time, want)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	}()
	for i := range conns {
		conn, err := b.dial(b.apiAddr())
		if err != nil {
			return "", err
		}
		conns[i], opened[i] = conn, time.Now()
		if i%100 != 0 {
			continue
		}
		over := tls.Client(conn, shows(b.t, certs.Pair{}))
		if _, err := io.WriteString(over, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return "", err
		}
		if n, err := over.Read(make([]byte, 1024)); n == 0 {
			return "", err
		}
	}
	// Both ends are of this process, so that half of its files are more than all of them.
	if allowed := connectionsAllowed(); allowed < want {
		return "", fmt.Errorf("the node takes %d connections only", allowed)
	}
	// Another client gets in beside them.
	if _, err := b.wants(200, http.MethodGet, "/healthz", ""); err != nil {
		return "", err
	}
	standing := 0
	for i, at := range opened {
		if i%100 == 0 || time.Since(at) < patienceOfAPI.handshake {
			standing++
		}
	}
	if standing < want/10 {
		return "", fmt.Errorf("only %d were open at a time", standing)
	}
	for i, c := range conns {
		if i%100 == 0 {
			continue
		}
		if n, err := c.Read(make([]byte, 1)); n > 0 || leftStanding(err) {
			return "", fmt.Errorf("connection %d is not closed: %w", i, err)
		}
	}
	return fmt.Sprintf("%d taken, %d of them at a time; those without a handshake closed", want, standing), nil
}

// garbage is what a port scan looks like, 200 times over.
func (b *battlefield) garbage(addr string) (string, error) {
	texts := []string{
		"\x00", "\x16\x03\x01\x00\x05hello", "SSH-2.0-x\r\n", "\x80\x2e\x01\x00\x02", "EHLO x\r\n", "TNRN\x02\x02\x00\x00", "\xff\xfb\x01\xff\xfd\x03",
		strings.Repeat("A", 4096), "\x16\x03\x01\xff\xff" + strings.Repeat("\x01", 2000), "*1\r\n$4\r\nPING\r\n",
	}
	for i := range 200 {
		conn, err := b.dial(addr)
		if err != nil {
			return "", err
		}
		_, _ = io.WriteString(conn, texts[i%len(texts)])
		if half, ok := conn.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
		if i < len(texts) {
			got, err := io.ReadAll(io.LimitReader(conn, 4096))
			if leftStanding(err) || bytes.Contains(got, []byte("TNRN")) {
				return "", fmt.Errorf("%q: %q, %w", texts[i%len(texts)], got, err)
			}
		}
		conn.Close()
	}
	return "closed, 200 times", nil
}
