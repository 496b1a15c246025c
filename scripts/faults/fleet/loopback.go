package fleet

import (
	"errors"
	"fmt"
	"net"
)

// loopback is nodes on ports of 127.0.0.1, which nothing keeps apart.
type loopback struct {
	reason string
	ports  []int // two for each node
}

func openLoopback(nodes int, reason string) (*loopback, error) {
	l := &loopback{reason: reason}
	var held []net.Listener
	var failed error
	for range 2 * nodes {
		// All are held until all are found, so that they differ.
		h, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			failed = err
			break
		}
		held = append(held, h)
		l.ports = append(l.ports, h.Addr().(*net.TCPAddr).Port) //nolint:errcheck // it listens on TCP
	}
	for _, h := range held {
		failed = errors.Join(failed, h.Close())
	}
	return l, failed
}

func (l *loopback) can() error { return &Unable{Network, l.reason} }

func (l *loopback) addresses(node int) (api, peer string) {
	return fmt.Sprintf("127.0.0.1:%d", l.ports[2*node]), fmt.Sprintf("127.0.0.1:%d", l.ports[2*node+1])
}

func (l *loopback) wrap(_ int, args []string) []string { return args }

func (l *loopback) rules(drops map[[2]int]bool, loss map[int]int) error {
	if len(drops)+len(loss) == 0 {
		return nil
	}
	return l.can()
}

func (l *loopback) close() error { return nil }
