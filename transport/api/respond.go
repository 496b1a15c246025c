package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/wire"
)

// answer is what a handler gives back when it did not fail.
type answer struct {
	location string // of what was created
	body     any
	// stream writes a body that is too long to build in memory first. Its media
	// type is JSON where there is no other.
	stream func(io.Writer) error
	media  string
}

// response is a ResponseWriter that remembers what it was told.
type response struct {
	http.ResponseWriter
	status    int
	head      bool   // the request is a HEAD
	requestID string // of a mutation, once it is known
	identity  auth.Identity
}

// begun reports whether a part of the answer is out.
func (r *response) begun() bool { return r.status != 0 }

// WriteHeader implements http.ResponseWriter.
func (r *response) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *response) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *response) answer(status int, a answer) error {
	if a.location != "" {
		r.Header().Set("Location", a.location)
	}
	if a.stream == nil {
		return r.json(status, a.body)
	}
	r.asJSON()
	if a.media != "" {
		r.Header().Set("Content-Type", a.media)
	}
	r.WriteHeader(status)
	if r.head {
		return nil
	}
	buffered := bufio.NewWriterSize(r, 64<<10)
	if err := a.stream(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}

// retryAfterSeconds is when to come back after a failure that passes: an
// election takes about a second.
const retryAfterSeconds = "1"

func (r *response) error(e *wire.Error) error {
	status := wire.StatusOf(e.Code)
	if status == http.StatusServiceUnavailable && r.Header().Get("Retry-After") == "" {
		r.Header().Set("Retry-After", retryAfterSeconds)
	}
	return r.json(status, wire.ErrorBody{Error: e})
}

// json writes a body that is built first, so that one that can't be encoded
// still becomes an error with a status.
func (r *response) json(status int, body any) error {
	var b bytes.Buffer
	if err := encoder(&b).Encode(body); err != nil {
		return err
	}
	r.asJSON()
	r.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	r.WriteHeader(status)
	_, err := r.Write(b.Bytes())
	return err
}

func (r *response) asJSON() {
	h := r.Header()
	h.Set("Content-Type", "application/json")
	// What was linearizable once is not any more.
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

func encoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

// list streams an answer with a list: the state, the elements under name, and
// the cursor to the next page if there is one. It writes what encoding the
// wire's struct at once would.
func list[E, W any](state wire.State, name string, elements []E, show func(E) W, next string) answer {
	return answer{stream: func(w io.Writer) error {
		head, err := json.Marshal(state)
		if err != nil {
			return err
		}
		begin := append(head[:len(head)-1], `,"`+name+`":[`...)
		if _, err := w.Write(begin); err != nil {
			return err
		}
		encode := encoder(w)
		for i, e := range elements {
			if i > 0 {
				if _, err := io.WriteString(w, ","); err != nil {
					return err
				}
			}
			if err := encode.Encode(show(e)); err != nil {
				return err
			}
		}
		end := "]}\n"
		if next != "" {
			cursor, err := json.Marshal(next)
			if err != nil {
				return err
			}
			end = `],"next":` + string(cursor) + "}\n"
		}
		_, err = io.WriteString(w, end)
		return err
	}}
}
