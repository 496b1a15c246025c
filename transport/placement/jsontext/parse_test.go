package jsontext

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		`{"b":1,"a":[true,false,null,-1.5e3],"b":"\u00e9\ud83d\ude00<>"}`: `{"b": "\u00e9\ud83d\ude00<>", "a": [true, false, null, -1.5e3]}`,
		" [ ] ":    `[]`,
		`"\ud83d"`: `"\ufffd"`,
	} {
		v, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := Marshal(v)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, want %s (%v)", text, got, want, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                       `Expecting value: line 1 column 1 (char 0)`,
		"{\n\"a\"":               `Expecting ':' delimiter: line 2 column 4 (char 5)`,
		`{"name": "a\q"}`:        `Invalid \escape: line 1 column 12 (char 11)`,
		"{\"name\": \"a\tb\"}":   `Invalid control character at: line 1 column 12 (char 11)`,
		`{} x`:                   `Extra data: line 1 column 4 (char 3)`,
		`"abc`:                   `Unterminated string starting at: line 1 column 1 (char 0)`,
		"\"\xff\"":               `'utf-8' codec can't decode byte 0xff in position 1: invalid start byte`,
		strings.Repeat("[", 200): `Nesting is too deep: line 1 column 102 (char 101)`,
	} {
		if _, err := Parse([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
}
