package tree

import (
	"reflect"
	"testing"
)

// owners finds the tables that are marked as owned by a draft.
func owners(v reflect.Value, path string) (found []string, tables int) {
	for i := range v.NumField() {
		f, name := v.Field(i), path+"."+v.Type().Field(i).Name
		if f.Kind() != reflect.Struct {
			continue
		}
		if owned := f.FieldByName("owned"); owned.IsValid() {
			tables++
			if owned.Bool() {
				found = append(found, name)
			}
			continue
		}
		if edit := f.FieldByName("edit"); edit.IsValid() {
			tables++
			if !edit.IsNil() {
				found = append(found, name)
			}
			continue
		}
		more, n := owners(f, name)
		found, tables = append(found, more...), tables+n
	}
	return found, tables
}

// A state that owned a table would let the next draft write into it.
func TestStatesOwnNoTable(t *testing.T) {
	built, err := recordsOf(sample(t)).build()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*State{"New": New(), "Apply": sample(t), "Build": built} {
		found, tables := owners(reflect.ValueOf(s.tables), name)
		if len(found) > 0 {
			t.Errorf("owned: %v", found)
		}
		equal(t, "tables", tables, 13)
	}
	// Look that owners can find one.
	s := *sample(t)
	s.traits.byName.own()
	s.claims.own()
	found, _ := owners(reflect.ValueOf(s.tables), "s")
	equal(t, "owned", found, []string{"s.traits.byName", "s.claims"})
}

func TestTableCopiesOnFirstWrite(t *testing.T) {
	a := newTable[string, int]()
	for i := range 1000 {
		a.set(string(rune('a'+i)), i)
	}
	a.owned = false
	b := a
	if b.m != a.m {
		t.Error("a copy that is only read is not shared")
	}
	b.set("x", -1)
	b.delete("y")
	if v, ok := a.get("x"); !ok || v != 'x'-'a' {
		t.Errorf("the original has x = %d, %v", v, ok)
	}
	if _, ok := a.get("y"); !ok || a.len() != 1000 || b.len() != 999 {
		t.Error("the original lost y")
	}
}

func TestPair(t *testing.T) {
	p := pairOf(1<<32-1, 7)
	equal(t, "pair", []uint32{p.first(), p.second()}, []uint32{1<<32 - 1, 7})
	if pairOf(1, 1<<32-1) >= pairOf(2, 0) {
		t.Error("pairs are not ordered by their first number")
	}
}
