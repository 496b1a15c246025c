package raftnet

import (
	"net"
	"syscall"
	"testing"
)

func noDelay(t *testing.T, conn net.Conn) bool {
	t.Helper()
	s, ok := conn.(syscall.Conn)
	if !ok {
		t.Fatalf("%T", conn)
	}
	raw, err := s.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	value := 0
	if controlErr := raw.Control(func(fd uintptr) {
		value, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
	}); controlErr != nil || err != nil {
		t.Fatal(controlErr, err)
	}
	return value != 0
}
