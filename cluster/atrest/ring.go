package atrest

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Ring is the keys of a process that runs. All methods may be called concurrently.
// A nil *Ring has no keys.
type Ring struct {
	keys atomic.Pointer[Keys]

	replacing sync.Mutex
	users     map[string]func() []Ref // by what they are; under replacing
}

// NewRing returns a ring of a set; nil for nil.
func NewRing(keys *Keys) *Ring {
	if keys == nil {
		return nil
	}
	r := &Ring{users: map[string]func() []Ref{}}
	r.keys.Store(keys)
	return r
}

// Keys is the set now.
func (r *Ring) Keys() *Keys {
	if r == nil {
		return nil
	}
	return r.keys.Load()
}

// Use has in asked, at every Replace, which keys something needs: those of all that
// it has on disk, and the one that it last took to write with. It must not call
// the ring. Whoever says the same of the same thing later takes its place.
func (r *Ring) Use(what string, in func() []Ref) {
	if r == nil {
		return
	}
	r.replacing.Lock()
	defer r.replacing.Unlock()
	r.users[what] = in
}

// InUse names the keys that are needed, by name. The zero Ref says that something
// is not sealed.
func (r *Ring) InUse() []Ref {
	if r == nil {
		return nil
	}
	r.replacing.Lock()
	defer r.replacing.Unlock()
	var refs []Ref
	for _, in := range r.users {
		refs = append(refs, in()...)
	}
	slices.SortFunc(refs, func(a, b Ref) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return slices.Compact(refs)
}

// Replace takes another set in the place of the one there is. It refuses one that
// lacks a key in use, with a *MissingKeyError, or the key that is active now: what
// is just being written may need it. To change the key, put the new one before it.
func (r *Ring) Replace(next *Keys) error {
	r.replacing.Lock()
	defer r.replacing.Unlock()
	now := r.keys.Load()
	if active := now.Active(); active != nil && next.Find(active.ref.ID) == nil {
		return fmt.Errorf("key %v is missing, which is the one that is written with: put a new one before it, and leave it there until nothing needs it", active.ref)
	}
	for what, in := range r.users {
		if err := next.Need(what, in()...); err != nil {
			return err
		}
	}
	r.keys.Store(next)
	return nil
}
