package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// What is read by hand is what net/http reads, and whatever is unusual is left
// to it.
func TestPlainHead(t *testing.T) {
	const date = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
	for text, plain := range map[string]bool{
		"HTTP/1.1 204 No Content\r\n" + date + "\r\n":                               true,
		"HTTP/1.1 204\r\n" + date + "\r\n":                                          true,
		"HTTP/1.1 204 No Content\r\n\r\n":                                           true,
		"HTTP/1.1 200 OK\r\ncontent-LENGTH:  2 \r\n" + date + "\r\nhi":              true,
		"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhi":                     true,
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":                              true,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi":       false,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: keep-alive\r\n\r\nhi":  false,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n": false,
		"HTTP/1.1 200 OK\r\n\r\nhi":                                                 false,
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi":                            false,
		"HTTP/1.0 200 OK\r\n\r\nhi":                                                 false,
		"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi":                                  false,
		"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nhi":              false,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi":       false,
		"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi":                           false,
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi":                            true, // broken off
		"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n":                      false,
		"HTTP/1.1 304 Not Modified\r\n\r\n":                                         false,
		"HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nhi":                            false,
		"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nhi":                           false,
		"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi":                           false,
		"HTTP/1.1 200 OK\r\nContent-Length\r\n\r\nhi":                               false,
		"nonsense\r\n\r\n": false,
	} {
		reader := bufio.NewReader(strings.NewReader(text))
		if _, err := reader.Peek(1); err != nil {
			t.Fatal(err)
		}
		if _, _, _, ok := plainHead(reader); ok != plain {
			t.Errorf("%q: plain %v, want %v", text, ok, plain)
		}
		c := &connection{reader: reader}
		a, closes, err := c.receive(http.MethodGet)
		response, refused := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), &http.Request{Method: http.MethodGet})
		if refused != nil {
			if err == nil {
				t.Errorf("%q: taken, but %v", text, refused)
			}
			continue
		}
		body, broken := io.ReadAll(response.Body)
		response.Body.Close()
		if (err != nil) != (broken != nil) || err == nil && (a.status != response.StatusCode || closes != response.Close || !bytes.Equal(a.body, body)) {
			t.Errorf("%q: %d %v %q %v, want %d %v %q %v", text, a.status, closes, a.body, err, response.StatusCode, response.Close, body, broken)
		}
	}
}

// An answer that comes in pieces is read like one that comes whole, and so is
// the one after it.
func TestAnswerInPieces(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	c := &connection{reader: bufio.NewReader(client)}
	const text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	go func() {
		for i := range len(text) {
			_, _ = io.WriteString(server, text[i:i+1])
		}
		_, _ = io.WriteString(server, text+text)
		server.Close()
	}()
	for range 3 {
		a, closes, err := c.receive(http.MethodGet)
		if err != nil || closes || a.status != http.StatusOK || string(a.body) != "hello" {
			t.Fatalf("%d %q %v %v", a.status, a.body, closes, err)
		}
	}
	if _, _, err := c.receive(http.MethodGet); err == nil {
		t.Error("an answer after the last")
	}
}

// An answer after the time-out is none, even where it comes.
func TestLateAnswer(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(110 * time.Millisecond) // later than the time-out, and sooner than the deadline
		w.WriteHeader(http.StatusNoContent)
	})
	c := target.connect(t.Context(), 0, 100*time.Millisecond)
	defer c.close()
	if _, err := c.call(request{http.MethodGet, "/", nil}); err == nil || !strings.Contains(err.Error(), errTimeout.Error()) {
		t.Error(err)
	}
}

// A body that is put together by hand says what an encoded one says.
func TestAppendClaim(t *testing.T) {
	w := &world{word: "ab12", upper: "AB12"}
	p := w.root("host", nil)
	want, err := json.Marshal(claimBody(jsonObject{p.uuid: jsonObject{"resources": jsonObject{w.class("VCPU"): 1, w.class("MEMORY"): 1, w.class("DISK"): 1}}}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.appendClaim(nil, p); !reflect.DeepEqual(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
}

// BenchmarkClaim sends claims to a target that costs next to nothing: what is
// left is mostly the load's own cost, and the network's.
func BenchmarkClaim(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		answer := []byte("HTTP/1.1 204 No Content\r\nOpenstack-Api-Version: placement 1.39\r\nVary: openstack-api-version\r\n" +
			"X-Openstack-Request-Id: req-00000000-0000-4000-8000-000000000001\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n")
		request := make([]byte, 64<<10)
		for {
			if _, err := conn.Read(request); err != nil {
				return
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}()
	target := &Target{URLs: []string{l.Addr().String()}, Token: "admin"}
	if err := target.Check(); err != nil {
		b.Fatal(err)
	}
	w := &world{target: target, word: "ab12", upper: "AB12"}
	c := &caller{connection: target.connect(b.Context(), 0, 10*time.Second)}
	defer c.close()
	p := w.root("host", nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.claim(c, p); err != nil {
			b.Fatal(err)
		}
	}
}
