package fleet

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// echo answers each line of one connection with the same line.
func echo(l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return // the test is over
	}
	_, _ = io.Copy(c, c) // ends with the connection
	_ = c.Close()
}

// A connection between two nodes lives on while packets begin to take the TUN
// devices, are delayed and doubled there, and go back to the bridge. Rules
// that drop packets work there as well, and nothing is left behind.
func TestShapedConnection(t *testing.T) {
	if why := WiresUnable(); why != "" {
		t.Skip(why)
	}
	n, err := openNamespaces(3)
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			_ = n.close() // the test has failed already
		}
	}()
	var l net.Listener
	var c net.Conn
	if err := inSpace(n.space(1), func() (err error) {
		l, err = net.Listen("tcp", n.host(1)+":7")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test is over
	go echo(l)
	if err := inSpace(n.space(0), func() (err error) {
		c, err = net.DialTimeout("tcp", l.Addr().String(), 5*time.Second)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // the test is over
	lines := bufio.NewReader(c)
	ask := func(within time.Duration) (time.Duration, error) {
		if err := c.SetDeadline(time.Now().Add(within)); err != nil {
			return 0, err
		}
		began := time.Now()
		// More than one packet, so that segmentation matters.
		line := strings.Repeat("x", 5000) + fmt.Sprintln(began.UnixNano())
		if _, err := io.WriteString(c, line); err != nil {
			return 0, err
		}
		if got, err := lines.ReadString('\n'); err != nil || got != line {
			return 0, fmt.Errorf("%d of %d bytes: %w", len(got), len(line), err)
		}
		return time.Since(began), nil
	}
	must := func(what string, least, most time.Duration) {
		t.Helper()
		took, err := ask(10 * time.Second)
		if err != nil || took < least || took > most {
			t.Fatalf("%s: an answer took %v, want %v to %v: %v", what, took, least, most, err)
		}
		t.Log(what, took)
	}
	shape := func(w Wire) {
		t.Helper()
		if err := n.shape(w); err != nil {
			t.Fatal(err)
		}
	}
	must("bridge", 0, 5*time.Second)
	shape(Wire{Delay: 100 * time.Millisecond, Duplicate: 50, Seed: 1})
	must("delayed", 200*time.Millisecond, 5*time.Second)
	if got := n.traffic(); got.Delivered < 8 || got.Duplicated == 0 || got.Mean < 100*time.Millisecond {
		t.Errorf("counted %v", got)
	}
	shape(Wire{Nodes: []int{0}, Rate: 400_000, Queue: 16 << 10})
	must("slow", 130*time.Millisecond, 5*time.Second)
	shape(Wire{Nodes: []int{2}, Delay: time.Second})
	must("other nodes delayed", 0, time.Second)

	shape(Wire{Delay: time.Millisecond})
	must("nearly as before", 2*time.Millisecond, 5*time.Second)
	if err := n.rules(map[[2]int]bool{{0, 1}: true}, nil); err != nil {
		t.Fatal(err)
	}
	if took, err := ask(500 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("cut off, an answer came after %v: %v", took, err)
	}
	if err := n.rules(nil, nil); err != nil {
		t.Fatal(err)
	}
	// The answer to what was sent meanwhile comes late.
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	shape(Wire{Delay: time.Minute})
	shape(Wire{}) // what is under way is not forgotten
	must("bridge again", 0, 5*time.Second)
	before := n.traffic()
	must("bridge still", 0, 5*time.Second)
	if after := n.traffic(); after != before {
		t.Errorf("packets take the wires when all is over: %v, then %v", before, after)
	}

	closed = true
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir("/run/netns")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range left {
		if strings.HasPrefix(e.Name(), n.tag) {
			t.Errorf("namespace %s is left", e.Name())
		}
	}
}
