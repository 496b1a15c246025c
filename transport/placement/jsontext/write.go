package jsontext

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MarshalJSON implements json.Marshaler.
func (o *Object) MarshalJSON() ([]byte, error) { return Marshal(o) }

// Marshal encodes a value on one line, in the form that clients who compare
// raw text know: a space after each colon and comma, ASCII only, and markup as
// it is. Objects and []any may hold each other, and whatever encoding/json
// takes, which is encoded in its compact form.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := write(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func write(b *bytes.Buffer, v any) error {
	switch v := v.(type) {
	case *Object:
		b.WriteByte('{')
		for i := range v.members {
			if i > 0 {
				b.WriteString(", ")
			}
			writeString(b, v.members[i].name)
			b.WriteString(": ")
			if err := write(b, v.members[i].value); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case []any:
		return writeList(b, v, write)
	case []string:
		return writeList(b, v, func(b *bytes.Buffer, s string) error { writeString(b, s); return nil })
	case string:
		writeString(b, v)
	case int:
		b.Write(strconv.AppendInt(b.AvailableBuffer(), int64(v), 10))
	case int64:
		b.Write(strconv.AppendInt(b.AvailableBuffer(), v, 10))
	case uint64:
		b.Write(strconv.AppendUint(b.AvailableBuffer(), v, 10))
	case json.Number:
		p := parser{text: string(v)}
		if !p.takeNumber() || p.at < len(v) {
			return encode(b, v) // which has the words for what is wrong
		}
		b.WriteString(p.text)
	default:
		return encode(b, v)
	}
	return nil
}

func encode(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the encoder's newline
	return nil
}

func writeList[T any](b *bytes.Buffer, list []T, one func(*bytes.Buffer, T) error) error {
	b.WriteByte('[')
	for i := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := one(b, list[i]); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

var escapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`,
}

func writeString(b *bytes.Buffer, s string) {
	b.WriteByte('"')
	begin := 0
	for i, r := range s {
		if r >= ' ' && r < utf8.RuneSelf && r != '"' && r != '\\' {
			continue
		}
		b.WriteString(s[begin:i])
		_, size := utf8.DecodeRuneInString(s[i:]) // one byte for what is no UTF-8
		begin = i + size
		switch short, ok := escapes[r]; {
		case ok:
			b.WriteString(short)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			writeUnit(b, high)
			writeUnit(b, low)
		default:
			writeUnit(b, r)
		}
	}
	b.WriteString(s[begin:])
	b.WriteByte('"')
}

func writeUnit(b *bytes.Buffer, unit rune) {
	const digits = "0123456789abcdef"
	b.Write([]byte{'\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15]})
}
