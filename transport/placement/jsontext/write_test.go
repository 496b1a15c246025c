package jsontext

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func TestMarshal(t *testing.T) {
	for want, v := range map[string]any{
		`{"a": [1, "x", []], "b": {}, "c": ["y", "z"]}`: NewObject().Set("a", []any{1, "x", []any{}}).
			Set("b", NewObject()).Set("c", []string{"y", "z"}),
		`"<&>\"\\\b\f\n\r\t\u0001\u2028` + "\x7f\"": "<&>\"\\\b\f\n\r\t\x01\u2028\x7f",
		`"a\ufffdb\ufffd"`:                          "a\xffb\ufffd",
		`"\ud83d\ude00\u00e9"`:                      "😀é",
		`1.5`:                                       json.Number("1.5"),
		`null`:                                      nil,
		`{"k":[1,2]}`:                               map[string][]int{"k": {1, 2}},
	} {
		got, err := Marshal(v)
		if err != nil || string(got) != want {
			t.Errorf("%#v: %s, want %s (%v)", v, got, want, err)
		}
	}
	if _, err := Marshal([]any{func() {}}); err == nil {
		t.Error("a function has become JSON")
	}
}

// Whatever is written reads back.
func FuzzMarshalString(f *testing.F) {
	for _, s := range []string{"", "a", "\x00\"\\", "é😀\u2028\ufffd", "\xff\xfe", "\xf0\x9f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := Marshal(NewObject().Set(s, []any{s}))
		if err != nil {
			t.Fatal(err)
		}
		var back map[string][]string
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%q: %s: %v", s, text, err)
		}
		want := s
		if !utf8.ValidString(s) {
			want = string([]rune(s))
		}
		if len(back) != 1 || len(back[want]) != 1 || back[want][0] != want {
			t.Fatalf("%q: %s reads %v", s, text, back)
		}
	})
}
