package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// receive reads a whole answer, and whether the connection ends with it.
func (c *connection) receive(method string) (a answer, closes bool, err error) {
	if status, head, length, ok := plainHead(c.reader); ok && method != http.MethodHead {
		if length > answerBytesMax {
			return answer{}, false, errTooLong
		}
		if _, err := c.reader.Discard(head); err != nil {
			return answer{}, false, err
		}
		c.body = slices.Grow(c.body[:0], length)[:length]
		_, err := io.ReadFull(c.reader, c.body)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return answer{status, c.body}, false, err
	}
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		return answer{}, false, err
	}
	body := bytes.NewBuffer(c.body[:0])
	n, err := io.Copy(body, io.LimitReader(response.Body, answerBytesMax+1))
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	if err == nil && n > answerBytesMax {
		err = errTooLong
	}
	c.body = body.Bytes()
	return answer{response.StatusCode, c.body}, response.Close, err
}

var errTooLong = fmt.Errorf("an answer of over %d bytes", answerBytesMax)

// plainHead looks at the head of an answer that has come in whole. It is plain
// where the version is 1.1, the body, if any, has a length, and nothing is said
// of the connection: what nearly all answers are. It returns the status, and
// how long head and body are. For any other head, net/http has to be asked,
// which costs several times as much; nothing was taken from the reader then.
func plainHead(r *bufio.Reader) (status, head, length int, ok bool) {
	text, err := r.Peek(r.Buffered())
	if err != nil {
		return 0, 0, 0, false
	}
	end := bytes.Index(text, []byte("\r\n\r\n"))
	const version = "HTTP/1.1 "
	if end < 0 || !bytes.HasPrefix(text, []byte(version)) {
		return 0, 0, 0, false
	}
	head, text = end+4, text[:end+2]
	line, rest, _ := bytes.Cut(text[len(version):], []byte("\r\n"))
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' {
		return 0, 0, 0, false
	}
	status, ok = digits(line[:3])
	if !ok || status < 200 || status == http.StatusNotModified {
		return 0, 0, 0, false
	}
	length = -1
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || !isHeaderName(name) {
			return 0, 0, 0, false
		}
		switch len(name) { // most differ by it
		case len("Connection"):
			if bytes.EqualFold(name, []byte("Connection")) {
				return 0, 0, 0, false
			}
		case len("Transfer-Encoding"):
			if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
				return 0, 0, 0, false
			}
		case len("Content-Length"):
			if !bytes.EqualFold(name, []byte("Content-Length")) {
				continue
			}
			n, number := digits(bytes.TrimSpace(value))
			if !number || length >= 0 {
				return 0, 0, 0, false
			}
			length = n
		}
	}
	if status == http.StatusNoContent && length < 0 {
		length = 0
	}
	return status, head, length, length == 0 || length > 0 && status != http.StatusNoContent
}

// digits reads a number that is nothing but digits, and not too many.
func digits(text []byte) (int, bool) {
	const most = 15
	if len(text) == 0 || len(text) > most {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(string(text))
	return n, err == nil
}

// isHeaderName takes letters, digits and dashes: others are rare.
func isHeaderName(text []byte) bool {
	for _, c := range text {
		if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return len(text) > 0
}
