//go:build unix

package raftnet

import (
	"errors"
	"net"
	"syscall"
)

// quiet reports whether nothing has arrived on an idle connection: no farewell
// of the peer, no error. It does not wait and does not take anything away.
func quiet(conn net.Conn) bool {
	s, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	var peeked error
	err = raw.Read(func(fd uintptr) bool {
		for {
			var b [1]byte
			_, _, peeked = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			if !errors.Is(peeked, syscall.EINTR) {
				return true
			}
		}
	})
	return err == nil && (errors.Is(peeked, syscall.EAGAIN) || errors.Is(peeked, syscall.EWOULDBLOCK))
}
