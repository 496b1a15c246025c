package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/treenode/treenode/transport/wire"
)

func malformed(format string, args ...any) *wire.Error {
	return reject(wire.CodeMalformed, "", format, args...)
}

// wellFormed checks everything that does not depend on the type.
func wellFormed(body []byte) *wire.Error {
	if len(bytes.TrimSpace(body)) == 0 {
		return malformed("the request needs a body")
	}
	if !utf8.Valid(body) {
		return malformed("the body is not valid UTF-8")
	}
	var raw json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return malformed("at byte %d: %s", syntax.Offset, syntax)
		}
		return malformed("%v", err)
	}
	if i := loneSurrogate(body); i >= 0 {
		return malformed("at byte %d: half of a UTF-16 pair is not a character", i)
	}
	return nil
}

// loneSurrogate finds an escape such as \ud800 without its other half, which
// encoding/json would replace silently. In valid JSON a backslash stands in
// strings only.
func loneSurrogate(body []byte) int {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		switch unit := escapedUnit(body[i:]); {
		case unit>>10 == 0xd800>>10 && escapedUnit(body[i+6:])>>10 == 0xdc00>>10:
			i += 11
		case unit>>11 == 0xd800>>11:
			return i
		default:
			i++
		}
	}
	return -1
}

// escapedUnit is the UTF-16 unit of an escape \uXXXX at the start of b, or 0.
func escapedUnit(b []byte) uint64 {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	unit, _ := strconv.ParseUint(string(b[2:6]), 16, 16)
	return unit
}
