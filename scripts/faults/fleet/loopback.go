package fleet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// loopback is nodes on ports of 127.0.0.1, which nothing keeps apart.
type loopback struct {
	reason string
	ports  []int // two for each node
}

// The ports below those that the kernel gives to outgoing connections: one of a
// node that is down stays free.
const (
	portFirst = 10000
	portLast  = 32000
)

// ports counts on, so that fleets opened side by side have different ones. Each
// driver begins elsewhere.
var ports atomic.Uint32

func init() { ports.Store(rand.Uint32N(portLast - portFirst)) } //nolint:gosec // not secret

func openLoopback(nodes int, reason string) (*loopback, error) {
	ports, err := freePorts(2 * nodes)
	return &loopback{reason, ports}, err
}

// freePorts finds ports of 127.0.0.1 that nobody listens on.
func freePorts(n int) ([]int, error) {
	var found []int
	for range portLast - portFirst {
		if len(found) == n {
			return found, nil
		}
		port := int(portFirst + ports.Add(1)%(portLast-portFirst))
		held, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // somebody has it
		}
		if err := held.Close(); err != nil {
			return nil, err
		}
		found = append(found, port)
	}
	return nil, errors.New("no port of 127.0.0.1 is free")
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

func (l *loopback) canShape() error { return &Unable{Wires, l.reason} }

func (l *loopback) shape(w Wire) error {
	if w.none() {
		return nil
	}
	return l.canShape()
}

func (l *loopback) traffic() Traffic { return Traffic{} }

func (l *loopback) close() error { return nil }
