package placement

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// compressors are of the fastest level: what crosses a network of one data
// center is soon there, and the processor is what searches need.
var compressors = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // a level that there is
	return w
}}

// compressed returns the body as the client is to get it, and tells the client
// in the headers. Most clients of this API accept gzip without wanting it, so
// it is for large bodies only, and only where the operator asked for it.
func (c *call) compressed(body []byte) []byte {
	if c.config.CompressFrom <= 0 {
		return body
	}
	c.vary = append(c.vary, "Accept-Encoding")
	if len(body) < c.config.CompressFrom || !acceptsGzip(c.r.Header) {
		return body
	}
	w, ok := compressors.Get().(*gzip.Writer)
	if !ok {
		return body
	}
	defer compressors.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	if _, err := w.Write(body); err != nil {
		return body
	}
	if err := w.Close(); err != nil {
		return body
	}
	c.w.Header().Set("Content-Encoding", "gzip")
	return out.Bytes()
}

// acceptsGzip reads Accept-Encoding: gzip or * with a weight that is not zero.
func acceptsGzip(h http.Header) bool {
	accepted := false
	for _, entry := range strings.Split(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, parameters, _ := strings.Cut(entry, ";")
		q := 1.0
		if _, text, ok := strings.Cut(strings.ReplaceAll(parameters, " ", ""), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "x-gzip":
			return q > 0
		case "*":
			accepted = q > 0
		}
	}
	return accepted
}
