package api

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/google/uuid"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// convert is the one way from the wire to a command's transaction, for
// /v1/txn and for every other route that writes. It reads no state.
//
// The same request id and body give the same transaction, down to the encoded
// bytes: keys of maps are sorted, and UUIDs of providers that come without one
// follow from the request id and the place in the body. Otherwise a retry
// would count as another request under a used id.
//
// The Field of an error is the path in the whole transaction; see bare.
func convert(id tree.UUID, t wire.Txn) (tree.Txn, *wire.Error) {
	if len(t.Ops) == 0 {
		return tree.Txn{}, reject(wire.CodeInvalid, "ops", "at least one operation is needed")
	}
	txn := tree.Txn{Ops: make([]tree.Op, len(t.Ops))}
	for i, p := range t.Preconditions {
		precondition, err := convertPrecondition(p)
		if err != nil {
			return tree.Txn{}, within(fmt.Sprintf("preconditions[%d]", i), err)
		}
		txn.Preconditions = append(txn.Preconditions, precondition)
	}
	for i, o := range t.Ops {
		kind, err := only(o)
		if err == nil {
			txn.Ops[i], err = convertOp(origin{id, i}, o)
			err = within(kind, err)
		}
		if err != nil {
			err.Op = &i
			return tree.Txn{}, within(fmt.Sprintf("ops[%d]", i), err)
		}
	}
	return txn, nil
}

// within puts the path of an error below another.
func within(path string, err *wire.Error) *wire.Error {
	switch {
	case err == nil:
	case err.Field == "":
		err.Field = path
	default:
		err.Field = path + "." + err.Field
	}
	return err
}

// only returns the name of the one field that is set of a struct of pointers.
func only(choice any) (string, *wire.Error) {
	var set []string
	v := reflect.ValueOf(choice)
	for _, f := range fieldsOf(v.Type()) {
		if !v.Field(f.index).IsNil() {
			set = append(set, f.name)
		}
	}
	switch len(set) {
	case 1:
		return set[0], nil
	case 0:
		return "", reject(wire.CodeInvalid, "", "exactly one field must be set, but none is")
	}
	return "", reject(wire.CodeInvalid, "", "exactly one field must be set, not %s", strings.Join(set, " and "))
}

func convertPrecondition(p wire.Precondition) (tree.Precondition, *wire.Error) {
	name, err := only(p)
	if err != nil {
		return tree.Precondition{}, err
	}
	var made tree.Precondition
	switch {
	case p.ProviderGeneration != nil:
		made = tree.Precondition{Kind: tree.ProviderGeneration, Value: p.ProviderGeneration.Generation}
		made.Provider, err = needRef("provider", p.ProviderGeneration.Provider)
	case p.ProviderAbsent != nil:
		made.Kind = tree.ProviderAbsent
		made.Provider, err = needRef("", *p.ProviderAbsent)
	case p.ProviderParent != nil:
		made = tree.Precondition{Kind: tree.ProviderParent, Parent: tree.ParseRef(p.ProviderParent.Parent)}
		made.Provider, err = needRef("provider", p.ProviderParent.Provider)
	case p.ConsumerGeneration != nil:
		made = tree.Precondition{Kind: tree.ConsumerGeneration, Value: p.ConsumerGeneration.Generation}
		made.Consumer, err = parseUUID("consumer", p.ConsumerGeneration.Consumer)
	case p.ConsumerAbsent != nil:
		made.Kind = tree.ConsumerAbsent
		made.Consumer, err = parseUUID("", *p.ConsumerAbsent)
	case p.StateRevision != nil:
		made = tree.Precondition{Kind: tree.StateRevision, Value: *p.StateRevision}
	}
	return made, within(name, err)
}

func needRef(field, s string) (tree.Ref, *wire.Error) {
	if s == "" {
		return tree.Ref{}, reject(wire.CodeInvalid, field, "a provider is needed: its UUID or its name")
	}
	return tree.ParseRef(s), nil
}

func parseUUID(field, s string) (tree.UUID, *wire.Error) {
	u, ok := tree.ParseUUID(s)
	if !ok {
		return tree.UUID{}, reject(wire.CodeInvalid, field, "%q is not a UUID", excerpt(s))
	}
	if u.IsZero() {
		return tree.UUID{}, reject(wire.CodeInvalid, field, "the zero UUID names nothing")
	}
	return u, nil
}

// optionalUUID is parseUUID where an empty text stands for no UUID.
func optionalUUID(field, s string) (tree.UUID, *wire.Error) {
	if s == "" {
		return tree.UUID{}, nil
	}
	return parseUUID(field, s)
}

// origin is where in which request an operation stands.
type origin struct {
	request tree.UUID
	op      int
}

// provider is the UUID of the provider that the operation creates.
func (o origin) provider() tree.UUID { return o.derive("op %d", o.op) }

// element is the UUID of a new provider of a populate.
func (o origin) element(i int) tree.UUID { return o.derive("op %d provider %d", o.op, i) }

func (o origin) derive(format string, args ...any) tree.UUID {
	return tree.UUID(uuid.NewSHA1(uuid.UUID(o.request), fmt.Appendf(nil, format, args...)))
}

// convertOp converts an operation of which exactly one field is set.
func convertOp(from origin, o wire.Op) (tree.Op, *wire.Error) {
	switch {
	case o.CreateProvider != nil:
		return convertCreate(from, *o.CreateProvider)
	case o.RemoveProvider != nil:
		return tree.RemoveProvider{Provider: tree.ParseRef(o.RemoveProvider.Provider), Subtree: o.RemoveProvider.Subtree}, nil
	case o.RenameProvider != nil:
		return tree.RenameProvider{Provider: tree.ParseRef(o.RenameProvider.Provider), NewName: o.RenameProvider.Name}, nil
	case o.MoveProvider != nil:
		return tree.MoveProvider{Provider: tree.ParseRef(o.MoveProvider.Provider), Parent: tree.ParseRef(o.MoveProvider.Parent)}, nil
	case o.Populate != nil:
		return convertPopulate(from, *o.Populate)
	case o.SetInventories != nil:
		return tree.SetInventories{Provider: tree.ParseRef(o.SetInventories.Provider), Inventories: inventoriesOf(o.SetInventories.Inventories)}, nil
	case o.PutInventories != nil:
		return tree.PutInventories{Provider: tree.ParseRef(o.PutInventories.Provider), Inventories: inventoriesOf(o.PutInventories.Inventories)}, nil
	case o.RemoveInventories != nil:
		return tree.RemoveInventories{Provider: tree.ParseRef(o.RemoveInventories.Provider), Classes: o.RemoveInventories.Classes}, nil
	case o.SetTraits != nil:
		return convertTraits(tree.Set, *o.SetTraits), nil
	case o.AddTraits != nil:
		return convertTraits(tree.Add, *o.AddTraits), nil
	case o.RemoveTraits != nil:
		return convertTraits(tree.Remove, *o.RemoveTraits), nil
	case o.SetAggregates != nil:
		return convertAggregates(tree.Set, *o.SetAggregates)
	case o.AddAggregates != nil:
		return convertAggregates(tree.Add, *o.AddAggregates)
	case o.RemoveAggregates != nil:
		return convertAggregates(tree.Remove, *o.RemoveAggregates)
	case o.SetResources != nil:
		return convertResources(tree.Set, *o.SetResources), nil
	case o.AddResources != nil:
		return convertResources(tree.Add, *o.AddResources), nil
	case o.RemoveResources != nil:
		return convertResources(tree.Remove, *o.RemoveResources), nil
	case o.Claim != nil:
		return convertClaim(*o.Claim)
	case o.Release != nil:
		return convertRelease(*o.Release)
	case o.Reshape != nil:
		return convertReshape(*o.Reshape)
	case o.CreateResourceClass != nil:
		return tree.CreateResourceClass{Class: o.CreateResourceClass.Name}, nil
	case o.RenameResourceClass != nil:
		return tree.RenameResourceClass{Class: o.RenameResourceClass.Name, NewName: o.RenameResourceClass.NewName}, nil
	case o.RemoveResourceClass != nil:
		return tree.RemoveResourceClass{Class: o.RemoveResourceClass.Name}, nil
	case o.RaiseGenerations != nil:
		return convertRaise(*o.RaiseGenerations)
	case o.CreateTrait != nil:
		return tree.CreateTrait{Trait: o.CreateTrait.Name}, nil
	default:
		return tree.RemoveTrait{Trait: o.RemoveTrait.Name}, nil
	}
}
