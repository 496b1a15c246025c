package clustertest

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
)

// The ports below those that the kernel gives to outgoing connections.
const (
	portFirst = 10000
	portLast  = 32000
)

var ports atomic.Uint32

// FreeAddr returns a loopback address that a node can listen on, stop, and
// listen on again. No other call of this process returns it, other processes
// have other hosts, and no outgoing connection gets such a port.
func FreeAddr(t testing.TB) string {
	t.Helper()
	pid := os.Getpid()
	hosts := []string{fmt.Sprintf("127.%d.%d.1", 1+pid>>8%250, pid%256), "127.0.0.1"}
	for range portLast - portFirst {
		port := portFirst + ports.Add(1)%(portLast-portFirst)
		for _, host := range hosts {
			addr := net.JoinHostPort(host, fmt.Sprint(port))
			if l, err := net.Listen("tcp", addr); err == nil {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				return addr
			}
		}
	}
	t.Fatal("no port is free")
	return ""
}
