package bareanswer

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// start serves "served METHOD PATH BODY" to what net/http reads and "refused
// METHOD PATH LENGTH" to what has a bad length.
func start(t testing.TB) net.Addr {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprint(w, "served ", r.Method, " ", r.URL.Path, " ", string(body), err)
	}))
	refuse := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		length := r.Header.Get("Content-Length")
		if _, err := strconv.ParseUint(length, 10, 63); err == nil || r.ContentLength != -1 || r.RemoteAddr == "" {
			t.Errorf("the handler got %+v", r)
		}
		if n, err := io.Copy(io.Discard, r.Body); n > 0 || err != nil {
			t.Errorf("the handler got a body: %d %v", n, err)
		}
		w.Header().Set("X-Of", "handler")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "refused ", r.Method, " ", r.URL.Path, " ", length)
	})
	server.Config.ReadHeaderTimeout = 5 * time.Second
	server.Listener = Install(server.Config, server.Listener, func(r *http.Request) http.Handler {
		if r.URL.Path == "/bare" {
			return nil
		}
		return refuse
	})
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr()
}

// talk sends texts, each after the answer to the one before, and returns what
// the last is answered.
func talk(t testing.TB, at net.Addr, texts ...string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(c)
	var response *http.Response
	var body []byte
	for _, text := range texts {
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		method, _, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), " ")
		if response, err = http.ReadResponse(answers, &http.Request{Method: method}); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		body, err = io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return response, string(body)
}

const good = "POST /good HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"

func TestAnswers(t *testing.T) {
	at := start(t)
	head := func(request, length string) string { return request + " HTTP/1.1\r\nHost: h\r\n" + length + "\r\n\r\n" }
	bad := head("PUT /p?q=1", "Content-Length: foo")
	for _, c := range []struct {
		name, want string
		status     int
		texts      []string
	}{
		{"no number", "refused PUT /p foo", 418, []string{bad}},
		{"with a body", "refused PUT /p foo", 418, []string{bad + "abc"}},
		{"negative", "refused PUT /p -1", 418, []string{head("PUT /p", "content-length: -1")}},
		{"empty", "refused PUT /p ", 418, []string{head("PUT /p", "Content-Length:")}},
		{"too large", "refused PUT /p 99999999999999999999", 418, []string{head("PUT /p", "Content-Length: 99999999999999999999")}},
		{"two that differ", "refused PUT /p 5, 6", 418, []string{head("PUT /p", "Content-Length: 5\r\nContent-Length: 6")}},
		{"folded", "refused PUT /p foo", 418, []string{head("PUT /p", "Content-Length: foo\r\n bar\r\nX: y")}},
		{"line feeds alone", "refused PUT /p foo", 418, []string{"PUT /p HTTP/1.1\nHost: h\nContent-Length: foo\n\n"}},
		{"HEAD", "", 418, []string{head("HEAD /p", "Content-Length: foo")}},
		{"on a connection in use", "refused PUT /p foo", 418, []string{good, good, bad}},
		{"after an extra line", "refused PUT /p foo", 418, []string{good + "\r\n", bad}},
		{"a large body", "refused PUT /p foo", 418, []string{bad + strings.Repeat("x", drainBytesMax)}},
		{"a large head", "refused PUT /p foo", 418, []string{head("PUT /p", "X: "+strings.Repeat("x", 10<<10)+"\r\nContent-Length: foo")}},
		{"HTTP/1.0", "refused PUT /p foo", 418, []string{"PUT /p HTTP/1.0\r\nContent-Length: foo\r\n\r\n"}},
		{"nobody answers", "400 Bad Request", 400, []string{head("PUT /bare", "Content-Length: foo")}},
		{"a huge head", "400 Bad Request", 400, []string{head("PUT /p", "X: "+strings.Repeat("x", headBytesMax)+"\r\nContent-Length: foo")}},
		{"another fault", "400 Bad Request", 400, []string{head("PUT /p", "No colon\r\nContent-Length: foo")}},
		{"another fault alone", "400 Bad Request", 400, []string{head("PUT /p", "No colon\r\nContent-Length: 3") + "abc"}},
		{"no request", "400 Bad Request", 400, []string{"hello\r\n\r\n"}},
		{"no host", "400 Bad Request: missing required Host header", 400, []string{"GET / HTTP/1.1\r\n\r\n"}},
		{"served", "served POST /good abc<nil>", 200, []string{good}},
		{"served again", "served POST /good abc<nil>", 200, []string{good, good, good}},
		{"chunked", "refused PUT /p foo", 418, []string{head("PUT /p", "Transfer-Encoding: chunked\r\nContent-Length: foo") + "3\r\nabc\r\n0\r\n\r\n"}},
		{"equal lengths", "served PUT /p abc<nil>", 200, []string{head("PUT /p", "Content-Length: 3\r\nContent-Length: 3") + "abc"}},
		{"a body that looks like a head", "served PUT /p " + bad + "<nil>", 200,
			[]string{head("PUT /p", "Content-Length: "+strconv.Itoa(len(bad))) + bad}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, body := talk(t, at, c.texts...)
			if r.StatusCode != c.status || body != c.want {
				t.Errorf("%d %q, want %d %q", r.StatusCode, body, c.status, c.want)
			}
			if refused := c.status == 418; refused != (r.Header.Get("X-Of") == "handler") || refused != (r.Close && r.Header.Get("Date") != "") {
				t.Errorf("close %v, headers %v", r.Close, r.Header)
			}
		})
	}
}

// A request that did not wait for the answer before it keeps the bare answer.
func TestPipelined(t *testing.T) {
	c, err := net.Dial("tcp", start(t).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, good+good+"PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: foo\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil || strings.Count(string(text), "served POST /good abc") != 2 || !strings.HasSuffix(string(text), bare) {
		t.Errorf("%s (%v)", text, err)
	}
}

// A head may come byte by byte.
func TestSlowHead(t *testing.T) {
	c, err := net.Dial("tcp", start(t).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, b := range []byte("\r\nPUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: foo\r\n\r\n")[2:] {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusTeapot {
		t.Errorf("status %d", r.StatusCode)
	}
}

// A byte of the next request may be read before the one before is done with.
func TestByteAhead(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	const first, second = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "PUT /p HTTP/1.1\r\nContent-Length: foo\r\n\r\n"
	go func() { _, _ = io.WriteString(there, first+second) }()
	c := &conn{Conn: here, recording: true}
	read := func(n int) {
		t.Helper()
		if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	read(len(first) - 3)
	read(3)
	read(1)
	c.next()
	read(len(second) - 1)
	if string(c.head) != second || c.recording {
		t.Errorf("the head is %q", c.head)
	}
}

func TestKeepsConnState(t *testing.T) {
	var states atomic.Int32
	s := &http.Server{ConnState: func(net.Conn, http.ConnState) { states.Add(1) }}
	Install(s, nil, nil)
	s.ConnState(&conn{}, http.StateIdle)
	if states.Load() != 1 {
		t.Error("the server's own ConnState was lost")
	}
}

// Whatever is sent, only a request with a bad length reaches the handler, and
// nothing panics.
func FuzzRequestOf(f *testing.F) {
	for _, s := range []string{
		good, "GET / HTTP/1.1\r\nContent-Length: foo\r\n\r\n", "\r\n\r\n", ":\n\n",
		"GET / HTTP/1.1\r\nContent-Length: 1\r\n 2\r\nContent-Length: 1\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := &conn{recording: true}
		for len(text) > 0 && c.recording {
			n := 1 + int(text[0])%len(text)
			c.record(text[:n])
			text = text[n:]
		}
		if len(c.head) > headBytesMax {
			t.Fatalf("%d bytes are kept", len(c.head))
		}
		r := requestOf(c.head)
		if r == nil {
			return
		}
		if _, err := strconv.ParseUint(r.Header.Get("Content-Length"), 10, 63); err == nil || r.Body != http.NoBody {
			t.Fatalf("%q became %+v", c.head, r)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	text := []byte("GET /resource_providers HTTP/1.1\r\nHost: localhost:8778\r\nUser-Agent: openstacksdk keystoneauth1\r\n" +
		"Accept-Encoding: gzip, deflate\r\nAccept: application/json\r\nConnection: keep-alive\r\nX-Auth-Token: admin\r\n" +
		"OpenStack-API-Version: placement 1.39\r\n\r\n")
	c := &conn{}
	for b.Loop() {
		c.next()
		c.record(text)
	}
}
