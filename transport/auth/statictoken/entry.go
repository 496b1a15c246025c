package statictoken

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/treenode/treenode/transport/auth"
)

// Entry is one token of a file.
type Entry struct {
	ID      string   `yaml:"id"`
	Hash    string   `yaml:"hash"`
	User    string   `yaml:"user"`
	Project string   `yaml:"project,omitempty"`
	Roles   []string `yaml:"roles"`
	// System is for roles in the scope of the whole deployment; there is no project
	// then.
	System  bool       `yaml:"system,omitempty"`
	Expires *time.Time `yaml:"expires,omitempty"`
}

// entry is an Entry that was checked.
type entry struct {
	identity auth.Identity
	hash     hashed
	expires  time.Time // zero for never
}

const (
	prefix = "tn_"
	idSize = 12
	// entriesMax bounds a file.
	entriesMax   = 10_000
	fileBytesMax = 8 << 20
)

// New makes a token and the entry of it, which the caller completes with who it
// stands for.
func New() (token string, e Entry) {
	id := strings.ToLower(rand.Text())[:idSize]
	token = prefix + id + "_" + strings.ToLower(rand.Text())
	return token, Entry{ID: id, Hash: hash(token)}
}

// Of makes the entry of a token that is there already.
func Of(token string) (Entry, error) {
	id, ok := idOf(token)
	if !ok {
		return Entry{}, errors.New("a token is tn_ID_SECRET, with a secret of 20 characters at least")
	}
	return Entry{ID: id, Hash: hash(token)}, nil
}

// idOf is the id in a token.
func idOf(token string) (string, bool) {
	rest, ok := strings.CutPrefix(token, prefix)
	id, secret, cut := strings.Cut(rest, "_")
	return id, ok && cut && id != "" && len(secret) >= 20 && auth.Plausible(token)
}

// Check refuses an entry that would not do, naming its field.
func (e Entry) Check() error {
	_, err := e.checked()
	return err
}

func (e Entry) checked() (*entry, error) {
	switch {
	case e.ID == "" || strings.ContainsAny(e.ID, "_ "):
		return nil, errors.New("id: it is needed, without blanks and underscores")
	case e.User == "":
		return nil, errors.New("user: it is needed")
	case len(e.Roles) == 0:
		return nil, errors.New("roles: one is needed at least")
	case e.System == (e.Project != ""):
		return nil, errors.New("project: it is needed, or system: true")
	}
	h, err := parseHash(e.Hash)
	if err != nil {
		return nil, fmt.Errorf("hash: %w", err)
	}
	checked := &entry{hash: h, identity: auth.Identity{
		User: e.User, Project: e.Project, Roles: e.Roles, System: e.System, Method: "token",
	}}
	if e.Expires != nil {
		checked.expires = *e.Expires
	}
	return checked, nil
}

// parse reads a file: a list of entries. Texts of the YAML library are not passed
// on: they quote what they can't read.
func parse(text []byte) (map[string]*entry, error) {
	var list []Entry
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New("it is not a list of entries with the keys id, hash, user, project, roles, system, expires")
	}
	if len(list) > entriesMax {
		return nil, fmt.Errorf("it has %d entries, over %d", len(list), entriesMax)
	}
	all := make(map[string]*entry, len(list))
	for i, e := range list {
		checked, err := e.checked()
		if err != nil {
			return nil, fmt.Errorf("entry %d (id %q): %w", i+1, e.ID, err)
		}
		if all[e.ID] != nil {
			return nil, fmt.Errorf("entry %d: the id %q is there twice", i+1, e.ID)
		}
		all[e.ID] = checked
	}
	return all, nil
}
