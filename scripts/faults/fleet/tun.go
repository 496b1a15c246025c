package fleet

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	tunPath = "/dev/net/tun"
	tunName = "tn0"
)

// tunUnable says why there can be no TUN devices here; empty if they can.
func tunUnable() string {
	if unable := namespacesUnable(); unable != "" {
		return unable
	}
	f, err := os.OpenFile(tunPath, os.O_RDWR, 0)
	if err != nil {
		return "packets can't be held up without TUN devices: " + err.Error()
	}
	if err := f.Close(); err != nil {
		return err.Error()
	}
	return ""
}

// wires carry packets between nodes through this program. Each namespace has a
// TUN device; what is routed there comes out of a schedule into the device of
// the node that it is for. No route leads there until a node is shaped.
type wires struct {
	devices []*os.File
	// nodeAt finds the node of an address.
	nodeAt func(ip [4]byte) (int, bool)

	wake   chan struct{}
	closed chan struct{}
	wait   sync.WaitGroup

	mu     sync.Mutex
	sched  *schedule
	failed error // the first that went wrong; wires carry nothing reliably from then on
}

func openWires(spaces []string, nodeAt func([4]byte) (int, bool)) (*wires, error) {
	w := &wires{nodeAt: nodeAt, wake: make(chan struct{}, 1), closed: make(chan struct{}), sched: newSchedule(Wire{})}
	for _, space := range spaces {
		f, err := openTUN(space)
		if err == nil {
			w.devices = append(w.devices, f)
			err = run("", "ip", "-n", space, "link", "set", tunName, "mtu", fmt.Sprint(packetBytes), "up")
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("a TUN device in namespace %s: %w", space, err), w.close())
		}
	}
	for from := range w.devices {
		w.wait.Go(func() { w.read(from) })
	}
	w.wait.Go(w.write)
	return w, nil
}

// openTUN makes a device. It is gone when the file is closed, and the routes to
// it with it.
func openTUN(space string) (f *os.File, err error) {
	err = inSpace(space, func() error {
		fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		request, err := unix.NewIfreq(tunName)
		if err == nil {
			request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
		}
		if err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		// Only now can the runtime wait for it.
		f = os.NewFile(uintptr(fd), tunPath)
		// A node's address belongs to another device, and routes back may lead
		// elsewhere while they change.
		for _, device := range []string{"all", tunName} {
			path := "/proc/sys/net/ipv4/conf/" + device + "/rp_filter"
			now, err := os.ReadFile(path)
			if err == nil && strings.TrimSpace(string(now)) != "0" {
				err = os.WriteFile(path, []byte("0"), 0)
			}
			if err != nil {
				return errors.Join(err, f.Close())
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// inSpace does something on a thread that is in a network namespace.
func inSpace(space string, do func() error) error {
	done := make(chan error)
	go func() { done <- onThreadIn(space, do) }()
	return <-done
}

func onThreadIn(space string, do func() error) (err error) {
	target, err := os.Open("/run/netns/" + space)
	if err != nil {
		return err
	}
	defer target.Close() //nolint:errcheck // it was only read
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close() //nolint:errcheck // it was only read
	if err := unix.Setns(int(target.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET)
		if back == nil {
			runtime.UnlockOSThread()
		} // or the thread ends with the goroutine
		err = errors.Join(err, back)
	}()
	return do()
}

// read takes what one node sends.
func (w *wires) read(from int) {
	for {
		packet := make([]byte, packetBytes)
		n, err := w.devices[from].Read(packet)
		now := time.Now()
		w.mu.Lock()
		if err != nil {
			w.fail(err)
			w.mu.Unlock()
			return
		}
		if to, ok := w.destination(packet[:n]); ok {
			w.sched.send(now, from, to, packet[:n])
		}
		w.mu.Unlock()
		select {
		case w.wake <- struct{}{}:
		default: // it is awake
		}
	}
}

// destination finds the node that a packet is for. Of others there are only
// what a kernel says to a fresh device by itself.
func (w *wires) destination(packet []byte) (int, bool) {
	const addressAt, headerBytes = 16, 20
	if len(packet) < headerBytes || packet[0]>>4 != 4 {
		return 0, false
	}
	return w.nodeAt([4]byte(packet[addressAt:headerBytes]))
}

// write delivers what has arrived until the wires are closed.
func (w *wires) write() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		w.mu.Lock()
		w.deliver(time.Now())
		next, ok := w.sched.next()
		w.mu.Unlock()
		if ok {
			timer.Reset(time.Until(next))
		} else {
			timer.Stop()
		}
		select {
		case <-timer.C:
		case <-w.wake:
		case <-w.closed:
			return
		}
	}
}

// deliver is called with the lock held, so that the order stays.
func (w *wires) deliver(now time.Time) {
	for p, ok := w.sched.arrived(now); ok; p, ok = w.sched.arrived(now) {
		if _, err := w.devices[p.to].Write(p.packet); err != nil {
			w.fail(err)
		}
	}
}

func (w *wires) fail(err error) {
	if !errors.Is(err, os.ErrClosed) && w.failed == nil {
		w.failed = fmt.Errorf("a TUN device: %w", err)
	}
}

// set delivers what is under way, and does what it is told with all that
// follows. The counts go on if that is nothing.
func (w *wires) set(wire Wire) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sched.rush()
	w.deliver(time.Now())
	if !wire.none() {
		w.sched = newSchedule(wire)
	}
	return w.failed
}

func (w *wires) traffic() Traffic {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sched.traffic
}

func (w *wires) close() error {
	close(w.closed)
	var failed error
	for _, f := range w.devices {
		failed = errors.Join(failed, f.Close())
	}
	w.wait.Wait()
	return errors.Join(w.failed, failed)
}
