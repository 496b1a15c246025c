//go:build !linux

package raftnet

import (
	"net"
	"testing"
)

// noDelay relies on Go, which turns the option on everywhere.
func noDelay(*testing.T, net.Conn) bool { return true }
