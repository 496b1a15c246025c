package tree

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// provider is one record, immutable once it is in a table.
type provider struct {
	number     uint32
	parent     uint32 // 0 for a root
	root       uint32 // its own number for a root
	uuid       UUID
	name       string
	generation uint64
	created    Time
	updated    Time

	inventories []inventory // by class number
	traits      []uint32    // sorted
	aggregates  []UUID      // sorted
	devices     []device    // by class number, then identifier
}

// find resolves a reference.
func (t *tables) find(r Ref) (*provider, bool) {
	if !r.UUID.IsZero() {
		if number, ok := t.byUUID.get(r.UUID); ok {
			return t.providers.get(number)
		}
	}
	if r.Name != "" {
		if number, ok := t.byName.get(r.Name); ok {
			return t.providers.get(number)
		}
	}
	return nil, false
}

// need is find with a refusal that names the field.
func (t *tables) need(field string, r Ref) (*provider, *Error) {
	if r.IsZero() {
		return nil, invalid(field, "a provider is needed: its UUID or its name")
	}
	p, ok := t.find(r)
	if !ok {
		e := refuse(CodeProviderNotFound, "no provider %s", r).at(field)
		e.Provider = r.String()
		return nil, e
	}
	return p, nil
}

func (t *tables) record(number uint32) *provider {
	p, _ := t.providers.get(number)
	return p
}

func checkName(field, name string) *Error {
	switch {
	case name == "":
		return invalid(field, "a name is needed")
	case utf8.RuneCountInString(name) > providerNameLenMax:
		return invalid(field, "name is longer than %d characters", providerNameLenMax)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return invalid(field, "name is not valid UTF-8 without NUL")
	}
	return nil
}

func (t *tables) freeName(field, name string) *Error {
	number, taken := t.byName.get(name)
	if !taken {
		return nil
	}
	return refuse(CodeDuplicateName, "provider name %q is taken", name).at(field).about(t.record(number))
}

func (o CreateProvider) apply(d *draft) error {
	parent := &provider{}
	if !o.Parent.IsZero() {
		p, err := d.need("parent", o.Parent)
		if err != nil {
			return err
		}
		parent = p
	}
	_, err := d.createProvider("", o.UUID, o.Name, parent)
	return err
}

// createProvider adds a provider below parent (a zero record for none). The
// prefix is the path of the fields uuid and name.
func (d *draft) createProvider(prefix string, uuid UUID, name string, parent *provider) (*provider, error) {
	if uuid.IsZero() {
		return nil, invalid(prefix+"uuid", "a UUID is needed")
	}
	if err := checkName(prefix+"name", name); err != nil {
		return nil, err
	}
	if old, ok := d.byUUID.get(uuid); ok {
		return nil, refuse(CodeProviderExists, "a provider with UUID %s exists", uuid).at(prefix + "uuid").about(d.record(old))
	}
	if err := d.freeName(prefix+"name", name); err != nil {
		return nil, err
	}
	if d.nextProvider == 1<<32-1 {
		return nil, invalid(prefix+"uuid", "the store has used up its provider numbers")
	}
	p := &provider{
		number: d.nextProvider, parent: parent.number, root: parent.root,
		uuid: uuid, name: name, created: d.at,
	}
	if p.parent == 0 {
		p.root = p.number
	}
	d.nextProvider++
	if err := d.putProvider("put provider", p); err != nil {
		return nil, err
	}
	if err := d.step("index uuid"); err != nil {
		return nil, err
	}
	d.byUUID.set(uuid, p.number)
	if err := d.putName(p.name, p.number); err != nil {
		return nil, err
	}
	if err := d.index("child", &d.children, p.parent, p.number); err != nil {
		return nil, err
	}
	d.created = append(d.created, p.uuid)
	return p, nil
}

func (d *draft) putName(name string, number uint32) error {
	if err := d.step("index name"); err != nil {
		return err
	}
	d.byName.set(name, number)
	return nil
}

func (d *draft) dropName(name string) error {
	if err := d.step("unindex name"); err != nil {
		return err
	}
	d.byName.delete(name)
	return nil
}

func (o RemoveProvider) apply(d *draft) error {
	p, err := d.need("provider", o.Provider)
	if err != nil {
		return err
	}
	doomed := d.subtree(p.number)
	if len(doomed) > 1 && !o.Subtree {
		return refuse(CodeProviderHasChild, "provider %s has children", p.name).at("provider").about(p)
	}
	slices.Reverse(doomed) // children before parents
	for _, number := range doomed {
		if err := d.removeProvider("provider", d.record(number)); err != nil {
			return err
		}
	}
	return nil
}

// removeProvider removes one provider that has no children any more.
func (d *draft) removeProvider(field string, p *provider) error {
	if err := d.needUnused(field, p); err != nil {
		return err
	}
	empty := d.edit(p)
	if err := d.replaceInventories(p, empty, nil); err != nil {
		return err
	}
	if err := d.replaceDevices(p, empty, nil); err != nil {
		return err
	}
	if err := d.replaceTraits(p, empty, nil); err != nil {
		return err
	}
	if err := d.replaceAggregates(p, empty, nil); err != nil {
		return err
	}
	if err := d.unindex("child", &d.children, p.parent, p.number); err != nil {
		return err
	}
	if err := d.dropName(p.name); err != nil {
		return err
	}
	if err := d.step("unindex uuid"); err != nil {
		return err
	}
	d.byUUID.delete(p.uuid)
	if err := d.step("remove provider"); err != nil {
		return err
	}
	d.providers.delete(p.number)
	return nil
}

// needUnused refuses a provider that holds allocations.
func (t *tables) needUnused(field string, p *provider) error {
	used := false
	t.claims.ascend(claimKey{provider: p.number}, func(k claimKey, _ struct{}) bool {
		used = k.provider == p.number
		return false
	})
	if used {
		return refuse(CodeProviderInUse, "provider %s holds allocations", p.name).at(field).about(p)
	}
	return nil
}

func (o RenameProvider) apply(d *draft) error {
	p, err := d.need("provider", o.Provider)
	if err != nil {
		return err
	}
	if err := checkName("name", o.NewName); err != nil {
		return err
	}
	if p.name == o.NewName {
		return nil
	}
	if err := d.freeName("name", o.NewName); err != nil {
		return err
	}
	if err := d.dropName(p.name); err != nil {
		return err
	}
	if err := d.putName(o.NewName, p.number); err != nil {
		return err
	}
	next := d.edit(p)
	next.name = o.NewName
	return d.putProvider("rename provider", next)
}

func (o MoveProvider) apply(d *draft) error {
	p, err := d.need("provider", o.Provider)
	if err != nil {
		return err
	}
	parent := &provider{}
	if !o.Parent.IsZero() {
		if parent, err = d.need("parent", o.Parent); err != nil {
			return err
		}
	}
	for up := parent; up.number != 0; up = d.recordOrNone(up.parent) {
		if up.number == p.number {
			return refuse(CodeLoop, "provider %s cannot hang below %s, which is itself or below it", p.name, parent.name).at("parent").about(p)
		}
	}
	if p.parent == parent.number {
		return nil
	}
	return d.move(p, parent)
}

// move hangs p below parent (a zero record for none) and lets the roots of its
// subtree follow. The caller has excluded loops.
func (d *draft) move(p, parent *provider) error {
	if err := d.hang(p, parent.number); err != nil {
		return err
	}
	root := parent.root
	if root == 0 {
		root = p.number
	}
	return d.setRoots(p.number, root)
}

// hang puts p below parent (0 for none) and leaves its root to setRoots.
func (d *draft) hang(p *provider, parent uint32) error {
	if err := d.unindex("child", &d.children, p.parent, p.number); err != nil {
		return err
	}
	if err := d.index("child", &d.children, parent, p.number); err != nil {
		return err
	}
	next := d.edit(p)
	next.parent = parent
	return d.putProvider("move provider", next)
}

// setRoots gives every provider of the subtree its root. It does not look
// below those that have it.
func (d *draft) setRoots(top, root uint32) error {
	var err error
	d.walk(top, func(number uint32) bool {
		p := d.record(number)
		if err != nil || p.root == root {
			return false
		}
		next := d.edit(p)
		next.root = root
		err = d.putProvider("set root", next)
		return err == nil
	})
	return err
}

// recordOrNone is the record with that number, or a zero record for 0.
func (t *tables) recordOrNone(number uint32) *provider {
	if number == 0 {
		return &provider{}
	}
	return t.record(number)
}

// subtree returns the numbers of a provider and all its descendants, parents
// before children, siblings in order of creation.
func (t *tables) subtree(top uint32) []uint32 {
	var found []uint32
	t.walk(top, func(number uint32) bool {
		found = append(found, number)
		return true
	})
	return found
}

// walk calls f for a provider and its descendants, in the order of subtree.
// Where f returns false it leaves out what is below. f must not change the
// index of children.
func (t *tables) walk(top uint32, f func(uint32) bool) {
	stack := []uint32{top}
	for len(stack) > 0 {
		number := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !f(number) {
			continue
		}
		mark := len(stack)
		seconds(&t.children, number, func(child uint32) bool {
			stack = append(stack, child)
			return true
		})
		slices.Reverse(stack[mark:])
	}
}
