package placement

import (
	"strconv"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/schema"
)

// claimText reads the bodies of claims from 1.12 on in the form that nearly
// all have, in one pass: values in between, their check against the schema and
// the walk over them cost several times as much.
//
// What it takes meets the schema and means the same to the general way. What it
// does not take, such as an escape in a text, a name that is given twice or a
// number with a fraction, may still be right: the general way decides, and says
// what is wrong.
type claimText struct {
	text    string
	at      int
	version microversion
	// all are the allocations of all consumers; each has a part.
	all []allocationRequest
}

const (
	// allocationsLookedThrough is up to how many allocations of a consumer are
	// compared with each other.
	allocationsLookedThrough = 32
	// digitsMax keeps numbers exact in every form.
	digitsMax = 15
	ownerMax  = 255
	// Bytes that a consumer and an allocation take at least, about.
	consumerBytes, allocationBytes = 256, 64
)

func newClaimText(c *call) *claimText {
	return &claimText{
		text: string(c.text), version: c.version,
		all: make([]allocationRequest, 0, 4+len(c.text)/allocationBytes),
	}
}

// one reads what a single consumer asks for.
func (t *claimText) one(u tree.UUID) (consumerRequest, bool) {
	providersMin := 0
	if t.version < 28 {
		providersMin = 1
	}
	r, ok := t.consumer(u, providersMin)
	return r, ok && t.ended()
}

// many reads consumers with what each asks for.
func (t *claimText) many() ([]consumerRequest, bool) {
	room := 1 + len(t.text)/consumerBytes
	requests := make([]consumerRequest, 0, room)
	seen := make(map[tree.UUID]struct{}, room)
	n, ok := t.members(func(name string) bool {
		u, ok := canonicalUUID(name)
		if !ok {
			return false
		}
		if seen[u] = struct{}{}; len(seen) == len(requests) {
			return false // twice
		}
		r, ok := t.consumer(u, 0)
		requests = append(requests, r)
		return ok
	})
	return requests, ok && n > 0 && t.ended()
}

// What a consumer can have, as a set.
const (
	hasAllocations = 1 << iota
	hasProject
	hasUser
	hasGeneration
	hasMappings
	hasKind
)

func (t *claimText) consumer(u tree.UUID, providersMin int) (consumerRequest, bool) {
	r := consumerRequest{uuid: u}
	begin, has := len(t.all), 0
	needed := hasAllocations | hasProject | hasUser
	if t.version >= 28 {
		needed |= hasGeneration
	}
	if t.version >= 38 {
		needed |= hasKind
	}
	_, ok := t.members(func(name string) (ok bool) {
		member := 0
		switch name {
		case "allocations":
			member, ok = hasAllocations, t.providers(begin, providersMin)
		case "project_id":
			member = hasProject
			r.project, ok = t.owner()
		case "user_id":
			member = hasUser
			r.user, ok = t.owner()
		case "consumer_generation":
			member, ok = hasGeneration, t.version >= 28 && t.generation(&r)
		case "mappings":
			member, ok = hasMappings, t.version >= 34 && t.mappings()
		case "consumer_type":
			member = hasKind
			r.kind, ok = t.owner()
			ok = ok && t.version >= 38 && isClass(r.kind)
		}
		twice := has&member != 0
		has |= member
		return ok && !twice
	})
	r.allocations = t.all[begin:len(t.all):len(t.all)]
	return r, ok && has&needed == needed
}

func (t *claimText) owner() (string, bool) {
	s, ok := t.word()
	return s, ok && len(s) >= 1 && len(s) <= ownerMax
}

func (t *claimText) generation(r *consumerRequest) bool {
	if t.null() {
		return true
	}
	n, given, ok := t.number()
	r.generation, r.given = &n, given
	return ok
}

// providers reads what is asked of each provider.
func (t *claimText) providers(begin, providersMin int) bool {
	n, ok := t.members(func(provider string) bool {
		if !isUUIDKey(provider) || len(t.all)-begin > allocationsLookedThrough {
			return false
		}
		for i := range t.all[begin:] {
			if t.all[begin+i].provider == provider {
				return false
			}
		}
		found := false
		_, ok := t.members(func(name string) (ok bool) {
			switch {
			case name == "resources" && !found:
				found = true
				return t.resources(provider)
			case name == "generation":
				_, _, ok = t.number()
			}
			return ok
		})
		return ok && found
	})
	return ok && n >= providersMin
}

func (t *claimText) resources(provider string) bool {
	begin := len(t.all)
	n, ok := t.members(func(class string) bool {
		if !isClass(class) || len(t.all)-begin > allocationsLookedThrough {
			return false
		}
		for i := range t.all[begin:] {
			if t.all[begin+i].class == class {
				return false
			}
		}
		amount, _, ok := t.number()
		t.all = append(t.all, allocationRequest{provider, class, amount})
		return ok && amount > 0
	})
	return ok && n > 0
}

// mappings tell which providers a part of a search led to. They are checked,
// and mean nothing.
func (t *claimText) mappings() bool {
	n, ok := t.members(func(name string) bool {
		if !isGroup(name) || !t.take('[') {
			return false
		}
		for {
			text, ok := t.word()
			if !ok {
				return false
			}
			if _, ok = schema.UUID(text); !ok {
				return false
			}
			if t.take(']') {
				return true
			}
			if !t.take(',') {
				return false
			}
		}
	})
	return ok && n > 0
}

// members reads an object, and counts the members: of is called for each name
// and has to take the value.
func (t *claimText) members(of func(name string) bool) (n int, ok bool) {
	if !t.take('{') {
		return 0, false
	}
	if t.take('}') {
		return 0, true
	}
	for {
		name, ok := t.word()
		if !ok || !t.take(':') || !of(name) {
			return n, false
		}
		n++
		if t.take('}') {
			return n, true
		}
		if !t.take(',') {
			return n, false
		}
	}
}

// take takes the character, if it is the next but for white space.
func (t *claimText) take(c byte) bool {
	if t.space(); t.at < len(t.text) && t.text[t.at] == c {
		t.at++
		return true
	}
	return false
}

func (t *claimText) space() {
	for t.at < len(t.text) {
		switch t.text[t.at] {
		case ' ', '\t', '\r', '\n':
			t.at++
		default:
			return
		}
	}
}

func (t *claimText) ended() bool {
	t.space()
	return t.at == len(t.text)
}

// word takes a string of plain characters.
func (t *claimText) word() (string, bool) {
	if !t.take('"') {
		return "", false
	}
	for i := t.at; i < len(t.text); i++ {
		switch c := t.text[i]; {
		case c == '"':
			s := t.text[t.at:i]
			t.at = i + 1
			return s, true
		case c < ' ' || c > '~' || c == '\\':
			return "", false
		}
	}
	return "", false
}

func (t *claimText) null() bool {
	const null = "null"
	if !t.take(null[0]) {
		return false
	}
	if len(t.text)-t.at < len(null)-1 || t.text[t.at:t.at+len(null)-1] != null[1:] {
		t.at = len(t.text) // no value begins so
		return false
	}
	t.at += len(null) - 1
	return true
}

// number takes a number of nothing but digits, and returns its text too.
func (t *claimText) number() (n int64, text string, ok bool) {
	t.space()
	begin := t.at
	for t.at < len(t.text) && t.text[t.at] >= '0' && t.text[t.at] <= '9' {
		n = n*10 + int64(t.text[t.at]-'0')
		if t.at++; t.at-begin > digitsMax {
			return 0, "", false
		}
	}
	text = t.text[begin:t.at]
	return n, text, text != "" && (text[0] != '0' || text == "0")
}

// isUUIDKey is ^[0-9a-fA-F-]{36}$.
func isUUIDKey(s string) bool {
	if len(s) != uuidLen {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// isClass is ^[A-Z0-9_]+$.
func isClass(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}

// isGroup is ^[a-zA-Z0-9_-]*$: a name in which the schema finds a group, or the
// empty one, of which it says nothing.
func isGroup(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

const uuidLen = 36

// canonicalUUID reads a UUID in the form in which it is written, and no other.
func canonicalUUID(text string) (u tree.UUID, ok bool) {
	if len(text) != uuidLen || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return u, false
	}
	for i, at := range digitsAt {
		high, low := nibbles[text[at]], nibbles[text[at+1]]
		if high|low > 15 {
			return tree.UUID{}, false
		}
		u[i] = high<<4 | low
	}
	return u, true
}

// digitsAt is where the digits of each byte are.
var digitsAt = [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

// nibbles are the values of lower-case hexadecimal digits, 255 for no such.
var nibbles = func() (all [256]byte) {
	for c := range all {
		all[c] = 255
	}
	for i := range byte(16) {
		all[strconv.FormatInt(int64(i), 16)[0]] = i
	}
	return all
}()
