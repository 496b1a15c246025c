package atrest

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const (
	// KeysMax bounds the keys of a set.
	KeysMax = 32
	// TextLenMax bounds the text of a set, in bytes.
	TextLenMax = 64 << 10
	// plainWord in the place of the first key says that nothing new is sealed.
	plainWord = "plain"
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Keys is a set of keys. It is immutable. A nil *Keys has none.
type Keys struct {
	active *Key // nil: nothing new is sealed
	all    []*Key
}

// Parse reads a set from text: a key on each line, or between commas, as
// name:base64, of 32 bytes. The first is the active one. Where the first is the
// word "plain", nothing new is sealed. Empty lines, and those that begin with #,
// do not count. The error names the line and nothing of what is on it.
func Parse(text []byte) (*Keys, error) {
	if len(text) > TextLenMax {
		return nil, fmt.Errorf("the keys are longer than %d bytes", TextLenMax)
	}
	k := &Keys{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, TextLenMax+1)
	plain := false
	for number := 1; lines.Scan(); number++ {
		if strings.HasPrefix(strings.TrimSpace(lines.Text()), "#") {
			continue
		}
		for item := range strings.SplitSeq(lines.Text(), ",") {
			switch item = strings.TrimSpace(item); {
			case item == "":
			case item == plainWord && !plain && len(k.all) == 0:
				plain = true
			case item == plainWord:
				return nil, fmt.Errorf("line %d: %q can be the first only", number, plainWord)
			default:
				if err := k.add(item); err != nil {
					return nil, fmt.Errorf("line %d: %w", number, err)
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(k.all) == 0 && !plain {
		return nil, errors.New("there is no key")
	}
	if !plain {
		k.active = k.all[0]
	}
	return k, nil
}

func (k *Keys) add(item string) error {
	name, encoded, found := strings.Cut(item, ":")
	switch {
	case !found:
		return errors.New("it is not of the form name:base64")
	case !nameForm.MatchString(name) || name == plainWord:
		return fmt.Errorf("the name of a key has letters, digits, dot, dash and underscore, at most %d, and is not %q", NameLenMax, plainWord)
	case len(k.all) == KeysMax:
		return fmt.Errorf("there are more than %d keys", KeysMax)
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return fmt.Errorf("key %q is not base64", name) // what is wrong with it would show a part of it
	}
	key, err := newKey(name, secret)
	if err != nil {
		return fmt.Errorf("key %q: %w", name, err)
	}
	for _, other := range k.all {
		if other.ref.Name == name || other.ref.ID == key.ref.ID {
			return fmt.Errorf("key %q is there twice, or another name for %q", name, other.ref.Name)
		}
	}
	k.all = append(k.all, key)
	return nil
}

// Active is the key that new things are sealed with, or nil for none.
func (k *Keys) Active() *Key {
	if k == nil {
		return nil
	}
	return k.active
}

// ActiveRef names the active key.
func (k *Keys) ActiveRef() Ref {
	if a := k.Active(); a != nil {
		return a.ref
	}
	return Ref{}
}

// Find returns the key of a fingerprint, or nil.
func (k *Keys) Find(id ID) *Key {
	if k == nil {
		return nil
	}
	for _, key := range k.all {
		if key.ref.ID == id {
			return key
		}
	}
	return nil
}

// Refs names all keys, the active one first.
func (k *Keys) Refs() []Ref {
	if k == nil {
		return nil
	}
	refs := make([]Ref, len(k.all))
	for i, key := range k.all {
		refs[i] = key.ref
	}
	return refs
}

// Need returns a *MissingKeyError about path if one of the keys that refs name is
// not there. Refs to no key do not count.
func (k *Keys) Need(path string, refs ...Ref) error {
	var missing []Ref
	for _, r := range refs {
		if !r.IsPlain() && k.Find(r.ID) == nil && !slices.Contains(missing, r) {
			missing = append(missing, r)
		}
	}
	if missing == nil {
		return nil
	}
	return &MissingKeyError{Path: path, Keys: missing, NoKeys: len(k.Refs()) == 0}
}
