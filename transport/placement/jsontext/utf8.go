package jsontext

import (
	"fmt"
	"unicode/utf8"
)

// InvalidUTF8 says where a text is not UTF-8, in the words that clients know;
// "" where it is.
func InvalidUTF8(s string) string {
	at := 0
	for at < len(s) {
		r, n := utf8.DecodeRuneInString(s[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	if at == len(s) {
		return ""
	}
	reason, end := "invalid start byte", at+1
	if want := continued(s[at]); want > 0 {
		// As much of a character as is there.
		for end < len(s) && end-at <= want && partOfRune(s[at:end+1]) {
			end++
		}
		reason = "invalid continuation byte"
		if end == len(s) {
			reason = "unexpected end of data"
		}
	}
	if end == at+1 {
		return fmt.Sprintf("'utf-8' codec can't decode byte 0x%02x in position %d: %s", s[at], at, reason)
	}
	return fmt.Sprintf("'utf-8' codec can't decode bytes in position %d-%d: %s", at, end-1, reason)
}

// continued is how many bytes follow a first byte; 0 where it cannot be first.
func continued(first byte) int {
	switch {
	case first >= 0xc2 && first < 0xe0:
		return 1
	case first >= 0xe0 && first < 0xf0:
		return 2
	case first >= 0xf0 && first < 0xf5:
		return 3
	}
	return 0
}

// partOfRune reports whether some character begins so, and is longer.
func partOfRune(s string) bool { return !utf8.FullRuneInString(s) }
