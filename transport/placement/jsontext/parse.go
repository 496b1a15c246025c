package jsontext

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// SyntaxError says what is wrong with a text and where.
type SyntaxError struct {
	Problem string
	Line    int // from 1
	Column  int // from 1, in characters
	Char    int // from 0, in characters
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s: line %d column %d (char %d)", e.Problem, e.Line, e.Column, e.Char)
}

// depthMax bounds nesting, so that a body can't exhaust the stack.
const depthMax = 100

// Parse reads one value: *Object, []any, string, json.Number, bool or nil. The
// error is a *SyntaxError, unless the text is no UTF-8.
func Parse(text []byte) (any, error) {
	p := &parser{text: string(text)}
	if strings.HasPrefix(p.text, "\ufeff") {
		return nil, p.fail(0, "Unexpected UTF-8 BOM (decode using utf-8-sig)")
	}
	if problem := InvalidUTF8(p.text); problem != "" {
		return nil, errors.New(problem)
	}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.at < len(p.text) {
		return nil, p.fail(p.at, "Extra data")
	}
	return v, nil
}

type parser struct {
	text string
	at   int
}

func (p *parser) fail(at int, problem string) error {
	before := p.text[:min(at, len(p.text))]
	line := strings.Count(before, "\n")
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return &SyntaxError{Problem: problem, Line: line + 1, Column: column + 1, Char: utf8.RuneCountInString(before)}
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// next reports whether the next character is c, and takes it.
func (p *parser) next(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) value(depth int) (any, error) {
	if depth > depthMax {
		return nil, p.fail(p.at, "Nesting is too deep")
	}
	begin := p.at
	switch {
	case p.next('"'):
		return p.str(begin)
	case p.next('{'):
		return p.object(depth)
	case p.next('['):
		return p.array(depth)
	}
	for _, w := range words {
		if strings.HasPrefix(p.text[p.at:], w.text) {
			p.at += len(w.text)
			return w.value, nil
		}
	}
	return p.number()
}

// words are the values that are neither numbers, strings, objects nor arrays.
var words = [...]struct {
	text  string
	value any
}{{"true", true}, {"false", false}, {"null", nil}}

func (p *parser) object(depth int) (any, error) {
	o := NewObject()
	p.space()
	if p.next('}') {
		return o, nil
	}
	for {
		begin := p.at
		if !p.next('"') {
			return nil, p.fail(p.at, "Expecting property name enclosed in double quotes")
		}
		name, err := p.str(begin)
		if err != nil {
			return nil, err
		}
		p.space()
		if !p.next(':') {
			return nil, p.fail(p.at, "Expecting ':' delimiter")
		}
		p.space()
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o.Set(name, v)
		p.space()
		if p.next('}') {
			return o, nil
		}
		if !p.next(',') {
			return nil, p.fail(p.at, "Expecting ',' delimiter")
		}
		p.space()
	}
}

func (p *parser) array(depth int) (any, error) {
	list := []any{}
	p.space()
	if p.next(']') {
		return list, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		p.space()
		if p.next(']') {
			return list, nil
		}
		if !p.next(',') {
			return nil, p.fail(p.at, "Expecting ',' delimiter")
		}
		p.space()
	}
}

func (p *parser) number() (any, error) {
	begin := p.at
	if !p.takeNumber() {
		return nil, p.fail(begin, "Expecting value")
	}
	return json.Number(p.text[begin:p.at]), nil
}

// takeNumber reports whether a number is next, and takes it.
func (p *parser) takeNumber() bool {
	at := p.at
	digits := func() bool {
		from := at
		for at < len(p.text) && p.text[at] >= '0' && p.text[at] <= '9' {
			at++
		}
		return at > from
	}
	if at < len(p.text) && p.text[at] == '-' {
		at++
	}
	if at < len(p.text) && p.text[at] == '0' {
		at++
	} else if !digits() {
		return false
	}
	end := at
	if at < len(p.text) && p.text[at] == '.' {
		at++
		if digits() {
			end = at
		}
	}
	if at = end; at < len(p.text) && (p.text[at] == 'e' || p.text[at] == 'E') {
		at++
		if at < len(p.text) && (p.text[at] == '+' || p.text[at] == '-') {
			at++
		}
		if digits() {
			end = at
		}
	}
	p.at = end
	return true
}

// str reads a string whose opening quote, at begin, has been taken.
// One without escapes shares the text's memory.
func (p *parser) str(begin int) (string, error) {
	for at := p.at; at < len(p.text) && p.text[at] >= ' ' && p.text[at] != '\\'; at++ {
		if p.text[at] == '"' {
			s := p.text[p.at:at]
			p.at = at + 1
			return s, nil
		}
	}
	var b strings.Builder
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch {
		case c == '"':
			p.at++
			return b.String(), nil
		case c < ' ':
			return "", p.fail(p.at, "Invalid control character at")
		case c == '\\':
			if err := p.escape(&b, begin); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
			p.at++
		}
	}
	return "", p.fail(begin, "Unterminated string starting at")
}

func (p *parser) escape(b *strings.Builder, begin int) error {
	if p.at+1 >= len(p.text) {
		return p.fail(begin, "Unterminated string starting at")
	}
	if i := strings.IndexByte(`"\/bfnrt`, p.text[p.at+1]); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		p.at += 2
		return nil
	}
	if p.text[p.at+1] != 'u' {
		return p.fail(p.at, `Invalid \escape`)
	}
	r, ok := p.unit(p.at)
	if !ok {
		return p.fail(p.at+1, `Invalid \uXXXX escape`)
	}
	p.at += 6
	if utf16.IsSurrogate(r) {
		if low, ok := p.unit(p.at); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				r = both
				p.at += 6
			}
		}
	}
	b.WriteRune(r)
	return nil
}

// unit reads the \uXXXX at a place.
func (p *parser) unit(at int) (rune, bool) {
	if at+6 > len(p.text) || p.text[at:at+2] != `\u` {
		return 0, false
	}
	n, err := strconv.ParseUint(p.text[at+2:at+6], 16, 16)
	return rune(n), err == nil
}
