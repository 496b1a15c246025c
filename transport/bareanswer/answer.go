package bareanswer

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// bare is what net/http writes for a request that it can't read. No handler's
// answer looks like it: those have a date.
const bare = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"

const lengthHeader = "Content-Length"

// answer is the answer to the remembered request, nil where the bare one is to
// stay.
func (c *conn) answer() []byte {
	c.mu.Lock()
	head, whole := c.head, !c.recording
	c.mu.Unlock()
	if !whole {
		return nil
	}
	r := requestOf(head)
	if r == nil {
		return nil
	}
	r.RemoteAddr = c.RemoteAddr().String()
	if secured, ok := c.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		state := secured.ConnectionState()
		r.TLS = &state
	}
	h := c.answerer(r)
	if h == nil {
		return nil
	}
	a := &recorder{header: http.Header{}}
	h.ServeHTTP(a, r)
	a.WriteHeader(http.StatusOK) // unless the handler did
	if a.header.Get("Date") == "" {
		a.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	a.header.Del(lengthHeader)
	response := http.Response{
		StatusCode: a.status, ProtoMajor: 1, ProtoMinor: 1, Request: r, Close: true,
		Header: a.header, ContentLength: int64(a.body.Len()), Body: io.NopCloser(&a.body),
	}
	var text bytes.Buffer
	if err := response.Write(&text); err != nil {
		return nil // the bare answer is true too
	}
	c.mu.Lock()
	c.refused = true
	c.mu.Unlock()
	return text.Bytes()
}

// requestOf reads a head whose only fault is its length; nil for any other.
func requestOf(head []byte) *http.Request {
	rest, lengths := withoutLength(head)
	length := strings.Join(lengths, ", ")
	if _, err := strconv.ParseUint(length, 10, 63); err == nil || lengths == nil {
		return nil
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(rest)))
	if err != nil {
		return nil
	}
	r.ContentLength, r.TransferEncoding, r.Body = -1, nil, http.NoBody
	r.Header[lengthHeader] = []string{length}
	return r
}

// withoutLength takes the length headers out of a head.
func withoutLength(head []byte) (rest string, lengths []string) {
	var b strings.Builder
	removed := false
	for i, line := range strings.SplitAfter(string(head), "\n") {
		name, value, ok := strings.Cut(line, ":")
		switch {
		case i > 0 && removed && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")):
			continue // goes on with the line before
		case i > 0 && ok && strings.EqualFold(name, lengthHeader):
			lengths = append(lengths, strings.TrimSpace(value))
			removed = true
			continue
		}
		removed = false
		b.WriteString(line)
	}
	return b.String(), lengths
}

// recorder is an http.ResponseWriter that keeps the answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recorder) Header() http.Header { return a.header }

func (a *recorder) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *recorder) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}
