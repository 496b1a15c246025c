package placement

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

const (
	mediaJSON  = "application/json"
	mediaHTML  = "text/html"
	mediaPlain = "text/plain"
)

// mediaRange is one entry of an Accept header.
type mediaRange struct {
	name string // in lower case
	// narrow: it has parameters of its own, which none of our types has.
	narrow  bool
	quality float64
}

// accepted is what a client accepts. Nil, unlike an empty list, is everything.
type accepted []mediaRange

var (
	mediaName  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	mediaParam = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*=[ \t]*" +
		"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|\"(?:[^\"\\\\]|\\\\.)*\")$")
	qualityValue = regexp.MustCompile(`^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$`)
)

// accepts reads the Accept headers. Those that break the grammar anywhere are
// as if they were absent.
func accepts(h http.Header) accepted {
	text := acceptText(h)
	if text == "" {
		return nil
	}
	list := accepted{}
	for _, entry := range outsideQuotes(text, ',') {
		if entry == "" {
			continue
		}
		parts := outsideQuotes(entry, ';')
		if !mediaName.MatchString(parts[0]) {
			return nil
		}
		m := mediaRange{name: strings.ToLower(parts[0]), quality: 1}
		for _, p := range parts[1:] {
			name, value, _ := strings.Cut(p, "=")
			if strings.EqualFold(strings.TrimSpace(name), "q") {
				value = strings.TrimSpace(value)
				if !qualityValue.MatchString(value) {
					return nil
				}
				m.quality, _ = strconv.ParseFloat(value, 64) // what matches is a number
				break                                        // what follows extends the entry, not the media type
			}
			if !mediaParam.MatchString(p) {
				return nil
			}
			m.narrow = true
		}
		list = append(list, m)
	}
	return list
}

// acceptText is the Accept headers as one, "" for none.
func acceptText(h http.Header) string {
	return strings.TrimSpace(strings.Join(h.Values("Accept"), ", "))
}

// outsideQuotes cuts at a separator that is not part of a quoted string, and
// trims the pieces.
func outsideQuotes(text string, separator byte) []string {
	var pieces []string
	begin, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == separator && !quoted:
			pieces = append(pieces, strings.TrimSpace(text[begin:i]))
			begin = i + 1
		}
	}
	return append(pieces, strings.TrimSpace(text[begin:]))
}

// quality is how much the client wants a media type, from 0 (not at all) to 1.
// A more specific range counts before a wider one.
func (a accepted) quality(media string) float64 {
	if a == nil {
		return 1
	}
	kind, _, _ := strings.Cut(media, "/")
	best, specific := 0.0, -1
	for _, m := range a {
		rank := -1
		switch m.name {
		case media:
			rank = 2
		case kind + "/*":
			rank = 1
		case "*/*":
			rank = 0
		}
		if !m.narrow && rank > specific {
			best, specific = m.quality, rank
		}
	}
	return best
}

func acceptsJSON(h http.Header) bool {
	switch acceptText(h) {
	case mediaJSON, "*/*", "": // what clients send, known without the grammar
		return true
	}
	return accepts(h).quality(mediaJSON) > 0
}

// errorMedia chooses the form of an error. A client that takes anything gets
// JSON.
func errorMedia(h http.Header) string {
	if text := acceptText(h); text == "" || text == "*/*" {
		return mediaJSON
	}
	a := accepts(h)
	asJSON, asHTML := a.quality(mediaJSON), a.quality(mediaHTML)
	switch {
	case asHTML > 0 && asHTML >= asJSON:
		return mediaHTML
	case asJSON > 0:
		return mediaJSON
	}
	return mediaPlain
}
