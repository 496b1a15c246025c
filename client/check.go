package client

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/treenode/treenode/transport/wire"
)

// Limits that the server refuses to pass. A Tree checks them at once, so that
// the mistake is told where it is made.
const (
	providerNameLenMax     = 200
	vocabularyNameLenMax   = 255
	amountMax              = math.MaxInt32
	deviceIdentifierLenMax = 255
	deviceMetadataLenMax   = 4096
)

const customPrefix = "CUSTOM_"

// canonicalUUID returns a UUID, given with dashes or without, as the server
// writes it; false for anything else.
func canonicalUUID(s string) (string, bool) {
	if len(s) != 36 && len(s) != 32 {
		return "", false
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return "", false
	}
	return u.String(), true
}

// checkUUID returns the canonical form of a UUID other than zero.
func checkUUID(field, s string) (string, *Error) {
	u, ok := canonicalUUID(s)
	if !ok || u == uuid.Nil.String() {
		return "", refuse(wire.CodeInvalid, field, "%q is not a UUID other than zero", s)
	}
	return u, nil
}

func checkName(field, name string) *Error {
	switch {
	case name == "":
		return refuse(wire.CodeInvalid, field, "a name is needed")
	case len(name) > providerNameLenMax:
		return refuse(wire.CodeInvalid, field, "name is longer than %d bytes", providerNameLenMax)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return refuse(wire.CodeInvalid, field, "name is not valid UTF-8 without NUL")
	}
	return nil
}

// checkTerm checks the form of a resource class's or trait's name; whether it
// exists is for the server to say.
func checkTerm(field, name string) *Error {
	bad := func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') && (r < '0' || r > '9') }
	if name == "" || len(name) > vocabularyNameLenMax || strings.ContainsFunc(name, bad) {
		return refuse(wire.CodeInvalid, field, "%q is not a name of at most %d of the characters A-Z, 0-9 and _", name, vocabularyNameLenMax)
	}
	return nil
}

// checkInventories returns the inventories, by class, with all defaults set.
func checkInventories(prefix string, given map[string]wire.Inventory) (map[string]wire.Inventory, *Error) {
	checked := make(map[string]wire.Inventory, len(given))
	for _, class := range slices.Sorted(maps.Keys(given)) {
		field := prefix + "inventories." + class
		if err := checkTerm(field, class); err != nil {
			return nil, err
		}
		i := withDefaults(given[class])
		for _, f := range [...]struct {
			name     string
			value    int64
			min, max int64
		}{
			{"total", i.Total, 1, amountMax},
			{"reserved", i.Reserved, 0, i.Total},
			{"min_unit", i.MinUnit, 1, amountMax},
			{"max_unit", i.MaxUnit, 1, amountMax},
			{"step_size", i.StepSize, 1, amountMax},
		} {
			if f.value < f.min || f.value > f.max {
				return nil, refuse(wire.CodeInvalid, field+"."+f.name, "%s is %d; it must be from %d to %d", f.name, f.value, f.min, f.max)
			}
		}
		if math.IsNaN(i.AllocationRatio) || math.IsInf(i.AllocationRatio, 0) || i.AllocationRatio < 0 {
			return nil, refuse(wire.CodeInvalid, field+".allocation_ratio", "allocation_ratio must be a finite number, not negative")
		}
		checked[class] = i
	}
	return checked, nil
}

// withDefaults sets what a request leaves out, as the server does.
func withDefaults(i wire.Inventory) wire.Inventory {
	i.MinUnit = cmp.Or(i.MinUnit, 1)
	i.MaxUnit = cmp.Or(i.MaxUnit, amountMax)
	i.StepSize = cmp.Or(i.StepSize, 1)
	i.AllocationRatio = cmp.Or(i.AllocationRatio, 1)
	return i
}

// checkTerms returns the names sorted, each once.
func checkTerms(field string, given []string) ([]string, *Error) {
	for _, name := range given {
		if err := checkTerm(field, name); err != nil {
			return nil, err
		}
	}
	return sortedSet(given), nil
}

// checkAggregates returns the UUIDs in canonical form, sorted, each once.
func checkAggregates(field string, given []string) ([]string, *Error) {
	checked := make([]string, len(given))
	for i, s := range given {
		u, err := checkUUID(field, s)
		if err != nil {
			return nil, err
		}
		checked[i] = u
	}
	return sortedSet(checked), nil
}

// devices are the named devices of a provider: metadata by class and
// identifier, which is what tells devices apart.
type devices map[device]string

type device struct{ class, identifier string }

func checkResources(prefix string, given map[string][]wire.Device) (devices, *Error) {
	checked := devices{}
	for _, class := range slices.Sorted(maps.Keys(given)) {
		field := prefix + "resources." + class
		if err := checkTerm(field, class); err != nil {
			return nil, err
		}
		for i, d := range given[class] {
			at := indexed(field, i)
			key := device{class, d.Identifier}
			_, twice := checked[key]
			switch {
			case d.Identifier == "" || len(d.Identifier) > deviceIdentifierLenMax:
				return nil, refuse(wire.CodeInvalid, at+".identifier", "identifier must have 1 to %d bytes", deviceIdentifierLenMax)
			case len(d.Metadata) > deviceMetadataLenMax:
				return nil, refuse(wire.CodeInvalid, at+".metadata", "metadata is longer than %d bytes", deviceMetadataLenMax)
			case !utf8.ValidString(d.Identifier) || !utf8.ValidString(d.Metadata):
				return nil, refuse(wire.CodeInvalid, at, "identifier and metadata must be valid UTF-8")
			case twice:
				return nil, refuse(wire.CodeInvalid, at+".identifier", "device %q is given twice", d.Identifier)
			}
			checked[key] = d.Metadata
		}
	}
	return checked, nil
}

// wire returns the devices as the API has them, sorted.
func (d devices) wire() map[string][]wire.Device {
	all := map[string][]wire.Device{}
	for key, metadata := range d {
		all[key.class] = append(all[key.class], wire.Device{Identifier: key.identifier, Metadata: metadata})
	}
	for _, of := range all {
		slices.SortFunc(of, func(a, b wire.Device) int { return cmp.Compare(a.Identifier, b.Identifier) })
	}
	return all
}

func sortedSet(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}
