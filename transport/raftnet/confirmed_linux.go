package raftnet

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// confirmed is how many bytes the peer's kernel has confirmed, and how long ago
// it last confirmed anything.
func confirmed(conn net.Conn) (bytes uint64, ago time.Duration, known bool) {
	s, ok := conn.(syscall.Conn)
	if !ok {
		return 0, 0, false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	var info *unix.TCPInfo
	var asked error
	err = raw.Control(func(fd uintptr) {
		info, asked = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || asked != nil {
		return 0, 0, false
	}
	return info.Bytes_acked, time.Duration(info.Last_ack_recv) * time.Millisecond, true
}
