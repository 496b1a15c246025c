package cli

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/hashicorp/go-hclog"
)

// A service manager that waits for it is told, and without one nothing happens.
func TestTellSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	tellSystemd(hclog.NewNullLogger(), daemon.SdNotifyReady)

	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	t.Setenv("NOTIFY_SOCKET", path)
	tellSystemd(hclog.NewNullLogger(), daemon.SdNotifyReady)
	if err := l.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	told := make([]byte, 64)
	n, err := l.Read(told)
	if err != nil || string(told[:n]) != "READY=1" {
		t.Errorf("told %q, %v", told[:n], err)
	}
}
