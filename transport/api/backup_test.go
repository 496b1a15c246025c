package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/archive"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

func (n *fakeNode) createHost(t *testing.T, number uint32) {
	t.Helper()
	create := tree.CreateProvider{UUID: requestID(number + 1000), Name: "host-" + strconv.Itoa(int(number))}
	r, err := n.Propose(t.Context(), fsm.Command{RequestID: requestID(number), Txn: tree.Txn{Ops: []tree.Op{create}}})
	if err != nil || r.Refused != nil {
		t.Fatal(err, r.Refused)
	}
}

func TestBackup(t *testing.T) {
	node := newFakeNode()
	node.createHost(t, 1)
	served := httptest.NewServer(newTestServer(t, node, Config{Version: "1.2.3"}))
	defer served.Close()
	for query, consistency := range map[string]string{"": "linearizable", "?consistency=stale": "stale", "?consistency=session&index=1": "session"} {
		answer, body := send(t, request(t, "GET", served.URL+"/v1/backup"+query, nil))
		if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != archive.MediaType || answer.Header.Get(wire.HeaderIndex) != "1" {
			t.Fatalf("%s: %v", query, answer)
		}
		c, v, err := archive.Read(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		h := c.Header
		if h.ClusterID != "c1" || h.NodeID != "n1" || h.Term != 3 || h.Index != 1 || h.Providers != 1 || h.Consistency != consistency || h.Program != "1.2.3" || time.Since(h.Time) > time.Hour {
			t.Errorf("%s: %+v", query, h)
		}
		if v.Digest() != node.machine.View().Digest() {
			t.Error("another state")
		}
	}
	if answer, body := send(t, request(t, "HEAD", served.URL+"/v1/backup", nil)); answer.StatusCode != 200 || len(body) != 0 {
		t.Errorf("HEAD: %v, %d bytes", answer.Status, len(body))
	}
	for query, status := range map[string]int{"?consistency=some": 400, "?consistency=session": 400, "?limit=1": 400, "?consistency=session&index=9": 503} {
		if answer, body := send(t, request(t, "GET", served.URL+"/v1/backup"+query, nil)); answer.StatusCode != status {
			t.Errorf("%s: %s %s", query, answer.Status, body)
		}
	}
	node.fail = &cluster.Error{Code: cluster.CodeNoLeader, Message: "no leader"}
	answer, body := send(t, request(t, "GET", served.URL+"/v1/backup", nil))
	if e := told(t, answer, body); e.Code != wire.CodeNoLeader {
		t.Errorf("%+v", e)
	}
}

// held is a connection that takes nothing until it is let go.
type held struct {
	*httptest.ResponseRecorder
	begun, letGo chan struct{}
	fail         error
	deadlines    []time.Time
}

func newHeld() *held {
	return &held{ResponseRecorder: httptest.NewRecorder(), begun: make(chan struct{}, 100), letGo: make(chan struct{})}
}

func (h *held) Write(b []byte) (int, error) {
	h.begun <- struct{}{}
	<-h.letGo
	if h.fail != nil {
		return 0, h.fail
	}
	return h.ResponseRecorder.Write(b)
}

func (h *held) SetWriteDeadline(at time.Time) error {
	h.deadlines = append(h.deadlines, at)
	return nil
}

// A node writes so many archives at once; a place is free again when one ends,
// however it does. Each piece has a deadline of its own.
func TestBackupsAreBounded(t *testing.T) {
	node := newFakeNode()
	node.createHost(t, 1)
	s := newTestServer(t, node, Config{})
	done := make(chan struct{}, backupsMax)
	var busy []*held
	for range backupsMax {
		h := newHeld()
		busy = append(busy, h)
		go func() {
			defer func() {
				if cut := recover(); cut != nil && cut != http.ErrAbortHandler { //nolint:errorlint // a panic's value
					t.Errorf("panic: %v", cut)
				}
				done <- struct{}{}
			}()
			s.ServeHTTP(h, httptest.NewRequest("GET", "/v1/backup", nil))
		}()
		<-h.begun
	}
	refused, asked := httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/backup", nil)
	s.ServeHTTP(refused, asked)
	answer := refused.Result()
	answer.Request = asked
	if e := told(t, answer, refused.Body.Bytes()); e.Code != wire.CodeBusy || e.Kind != wire.NotApplied {
		t.Errorf("one more: %+v", e)
	}
	busy[0].fail = errors.New("the connection is gone")
	for _, h := range busy {
		close(h.letGo)
		<-done
	}
	if _, err := archive.Verify(busy[1].Body); err != nil {
		t.Error(err)
	}
	if len(busy[1].deadlines) < 4 || time.Until(busy[1].deadlines[0]) > pieceTimeout {
		t.Errorf("deadlines %v", busy[1].deadlines)
	}
	for range backupsMax + 1 {
		again := httptest.NewRecorder()
		s.ServeHTTP(again, httptest.NewRequest("GET", "/v1/backup", nil))
		if _, err := archive.Verify(again.Body); err != nil {
			t.Fatal(err)
		}
	}
}

// A reader may take longer than any other answer may.
func TestBackupOutlastsTheServersTimes(t *testing.T) {
	node := newFakeNode()
	for n := range uint32(300) {
		create := tree.CreateProvider{UUID: requestID(2*n + 1000), Name: "host-" + strconv.Itoa(int(n))}
		describe := tree.ChangeResources{Provider: tree.ByUUID(create.UUID), Devices: []tree.Device{
			{Class: "PCI_DEVICE", Identifier: "0000:01", Metadata: strings.Repeat("m", 4000)},
		}}
		r, err := node.Propose(t.Context(), fsm.Command{RequestID: requestID(n), Txn: tree.Txn{Ops: []tree.Op{create, describe}}})
		if err != nil || r.Refused != nil {
			t.Fatal(err, r.Refused)
		}
	}
	const timeout = 100 * time.Millisecond
	served := httptest.NewUnstartedServer(newTestServer(t, node, Config{}))
	served.Config.ReadTimeout, served.Config.WriteTimeout = timeout, timeout
	// Kernels keep little, so that the server has to wait for the reader.
	served.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if err := c.(*net.TCPConn).SetWriteBuffer(16 << 10); err != nil {
			t.Error(err)
		}
		return ctx
	}
	served.Start()
	defer served.Close()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(16 << 10)
		}
		return c, err
	}}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(request(t, "GET", served.URL+"/v1/backup", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	began := time.Now()
	pauses := 0
	c, err := archive.Verify(readerFunc(func(b []byte) (int, error) {
		if pauses < 6 {
			pauses++
			time.Sleep(timeout / 2) // this is the slow reader
		}
		return answer.Body.Read(b)
	}))
	if err != nil || c.Bytes < 1<<20 || time.Since(began) < 2*timeout {
		t.Errorf("%d bytes in %v: %v", c.Bytes, time.Since(began), err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// The state of an archive is that of the moment it was asked for.
func TestBackupWhileWriting(t *testing.T) {
	node := newFakeNode()
	node.createHost(t, 1)
	s := newTestServer(t, node, Config{})
	h := newHeld()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ServeHTTP(h, httptest.NewRequest("GET", "/v1/backup", nil))
	}()
	<-h.begun
	before := node.machine.View()
	for n := range uint32(20) {
		node.createHost(t, n+2)
	}
	close(h.letGo)
	<-done
	c, v, err := archive.Read(io.Reader(h.Body))
	if err != nil {
		t.Fatal(err)
	}
	if c.Index != 1 || v.Digest() != before.Digest() || c.Providers != 1 {
		t.Errorf("%+v", c)
	}
}
