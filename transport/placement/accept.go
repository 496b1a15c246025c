package placement

import (
	"net/http"
	"strconv"
	"strings"
)

const (
	mediaJSON  = "application/json"
	mediaHTML  = "text/html"
	mediaPlain = "text/plain"
)

// quality is how much a client wants a media type, from 0 (not at all) to 1. A
// more specific range counts before a wider one.
func quality(h http.Header, media string) float64 {
	values := h.Values("Accept")
	if !meansMedia(strings.Join(values, ",")) {
		return 1
	}
	kind, _, _ := strings.Cut(media, "/")
	best, specific := 0.0, -1
	for _, entry := range strings.Split(strings.Join(values, ","), ",") {
		name, rest, _ := strings.Cut(entry, ";")
		rank := -1
		switch strings.ToLower(strings.TrimSpace(name)) {
		case media:
			rank = 2
		case kind + "/*":
			rank = 1
		case "*/*":
			rank = 0
		}
		if rank <= specific {
			continue
		}
		best, specific = weight(rest), rank
	}
	return best
}

// meansMedia reports whether a header names media ranges; one that does not is
// as if it were absent.
func meansMedia(accept string) bool {
	named := false
	for _, entry := range strings.Split(accept, ",") {
		name, _, _ := strings.Cut(entry, ";")
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		kind, of, ok := strings.Cut(name, "/")
		if !ok || kind == "" || of == "" {
			return false
		}
		named = true
	}
	return named
}

// weight reads the q of an Accept entry's parameters; 1 where there is none.
func weight(parameters string) float64 {
	for _, p := range strings.Split(parameters, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(p), "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && q >= 0 && q <= 1 {
			return q
		}
	}
	return 1
}

func acceptsJSON(h http.Header) bool { return quality(h, mediaJSON) > 0 }

// errorMedia chooses the form of an error. A client that takes anything gets
// JSON.
func errorMedia(h http.Header) string {
	accept := strings.TrimSpace(h.Get("Accept"))
	if accept == "" || accept == "*/*" {
		return mediaJSON
	}
	asJSON, asHTML := quality(h, mediaJSON), quality(h, mediaHTML)
	switch {
	case asHTML > 0 && asHTML >= asJSON:
		return mediaHTML
	case asJSON > 0:
		return mediaJSON
	}
	return mediaPlain
}
