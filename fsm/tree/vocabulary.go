package tree

import "strings"

// term is one word of a vocabulary: a resource class or a trait.
type term struct {
	name    string
	created Time
	updated Time
}

// vocabulary maps the names of resource classes or traits to the numbers that
// records hold, and back.
type vocabulary struct {
	byNumber table[uint32, term]
	byName   table[string, uint32]
	next     uint32
}

func newVocabulary(standard []string) vocabulary {
	v := vocabulary{byNumber: newTable[uint32, term](), byName: newTable[string, uint32](), next: firstCustom}
	for i, name := range standard {
		v.byNumber.set(uint32(i), term{name: name})
		v.byName.set(name, uint32(i))
	}
	return v
}

func (v *vocabulary) number(name string) (uint32, bool) { return v.byName.get(name) }

func (v *vocabulary) name(number uint32) string {
	t, _ := v.byNumber.get(number)
	return t.name
}

// customName checks the name of a custom class or trait.
func customName(field, name string) *Error {
	if !strings.HasPrefix(name, customPrefix) || len(name) == len(customPrefix) {
		return invalid(field, "%q is neither a standard name nor of the form %s[A-Z0-9_]+", name, customPrefix)
	}
	if len(name) > vocabularyNameLenMax {
		return invalid(field, "name is longer than %d characters", vocabularyNameLenMax)
	}
	for _, c := range name {
		if c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return invalid(field, "%q may hold only the characters A-Z, 0-9 and _", name)
		}
	}
	return nil
}

// apply of a create that finds the name does nothing: creating is idempotent,
// so that many writers can name what they need without asking first.
func (o CreateResourceClass) apply(d *draft) error {
	if _, ok := d.classes.number(o.Class); ok {
		return nil
	}
	if err := customName("name", o.Class); err != nil {
		return err
	}
	return d.addTerm("add resource class", &d.classes, o.Class)
}

func (o CreateTrait) apply(d *draft) error {
	if _, ok := d.traits.number(o.Trait); ok {
		return nil
	}
	if err := customName("name", o.Trait); err != nil {
		return err
	}
	return d.addTerm("add trait", &d.traits, o.Trait)
}

func (d *draft) addTerm(step string, v *vocabulary, name string) error {
	if err := d.step(step); err != nil {
		return err
	}
	v.byNumber.set(v.next, term{name: name, created: d.at, updated: d.at})
	if err := d.step(step + " name"); err != nil {
		return err
	}
	v.byName.set(name, v.next)
	v.next++
	return nil
}

func (o RenameResourceClass) apply(d *draft) error {
	number, ok := d.classes.number(o.Class)
	if !ok {
		return classNotFound("name", o.Class)
	}
	if number < firstCustom {
		return invalid("name", "the standard resource class %s cannot be renamed", o.Class)
	}
	if err := customName("new_name", o.NewName); err != nil {
		return err
	}
	if _, ok := d.classes.number(o.NewName); ok {
		return refuse(CodeClassExists, "resource class %s exists", o.NewName).at("new_name")
	}
	if err := d.step("rename resource class"); err != nil {
		return err
	}
	t, _ := d.classes.byNumber.get(number)
	t.name, t.updated = o.NewName, d.at
	d.classes.byNumber.set(number, t)
	d.classes.byName.delete(o.Class)
	if err := d.step("index resource class"); err != nil {
		return err
	}
	d.classes.byName.set(o.NewName, number)
	return nil
}

func (o RemoveResourceClass) apply(d *draft) error {
	number, ok := d.classes.number(o.Class)
	if !ok {
		return classNotFound("name", o.Class)
	}
	if number < firstCustom {
		return invalid("name", "the standard resource class %s cannot be removed", o.Class)
	}
	used := false
	seconds(&d.byClass, number, func(uint32) bool { used = true; return false })
	if used {
		return refuse(CodeClassInUse, "resource class %s is in use in an inventory or by a device", o.Class).at("name")
	}
	return d.removeTerm("remove resource class", &d.classes, o.Class, number)
}

func (o RemoveTrait) apply(d *draft) error {
	number, ok := d.traits.number(o.Trait)
	if !ok {
		return traitNotFound("name", o.Trait)
	}
	if number < firstCustom {
		return invalid("name", "the standard trait %s cannot be removed", o.Trait)
	}
	used := false
	seconds(&d.byTrait, number, func(uint32) bool { used = true; return false })
	if used {
		return refuse(CodeTraitInUse, "trait %s is in use by a provider", o.Trait).at("name")
	}
	return d.removeTerm("remove trait", &d.traits, o.Trait, number)
}

func (d *draft) removeTerm(step string, v *vocabulary, name string, number uint32) error {
	if err := d.step(step); err != nil {
		return err
	}
	v.byNumber.delete(number)
	if err := d.step(step + " name"); err != nil {
		return err
	}
	v.byName.delete(name)
	return nil
}

func classNotFound(field, name string) *Error {
	return refuse(CodeClassNotFound, "no resource class %q; custom ones are created first", name).at(field)
}

func traitNotFound(field, name string) *Error {
	return refuse(CodeTraitNotFound, "no trait %q; custom ones are created first", name).at(field)
}
