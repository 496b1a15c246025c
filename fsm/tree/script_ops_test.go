package tree

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var errUsage = errors.New("this is no command; see operation in script_ops_test.go")

// operation reads an operation and the indented lines below it.
//
//	create NAME [below PARENT]
//	remove NAME [subtree]
//	rename NAME NEW
//	move NAME [below PARENT]                  without: becomes a root
//	inventories NAME INVENTORY...             replaces all
//	put|add|update NAME INVENTORY...
//	drop NAME CLASS...
//	traits NAME set|add|remove TRAIT...
//	aggregates NAME set|add|remove WORD...
//	devices NAME set|add|remove CLASS/IDENTIFIER...
//	claim CONSUMER PROVIDER:CLASS=AMOUNT...
//	claims                                    below: consumer lines as of claim
//	release CONSUMER...
//	reshape                                   below: inventories and claim lines
//	populate                                  below: NAME [below PARENT] [INVENTORY...] [{ TRAIT... }]
//	class|trait create|remove NAME
//	class rename NAME NEW
//
// An INVENTORY is CLASS=TOTAL, with *RATIO, -RESERVED, /STEP behind it.
func (r *script) operation(words, below []string) (Op, error) {
	rest := func(n int) []string { return words[min(n, len(words)):] }
	word := func(n int) string {
		if n < len(words) {
			return words[n]
		}
		return ""
	}
	parent := func(n int) Ref {
		if word(n) == "below" {
			return ByName(word(n + 1))
		}
		return Ref{}
	}
	at := ByName(word(1))
	switch words[0] {
	case "create":
		return CreateProvider{r.uuid(word(1)), word(1), parent(2)}, nil
	case "remove":
		return RemoveProvider{at, word(2) == "subtree"}, nil
	case "rename":
		return RenameProvider{at, word(2)}, nil
	case "move":
		return MoveProvider{at, parent(2)}, nil
	case "inventories":
		list, err := inventoriesOf(rest(2))
		return SetInventories{at, list}, err
	case "put", "add", "update":
		list, err := inventoriesOf(rest(2))
		return PutInventories{at, list, map[string]PutMode{"put": Upsert, "add": AddOnly, "update": UpdateOnly}[words[0]]}, err
	case "drop":
		return RemoveInventories{at, rest(2)}, nil
	case "traits", "aggregates", "devices":
		return r.changeOf(words[0], at, word(2), rest(3))
	case "claim":
		c, err := r.claimOf(rest(1))
		return Claim{[]ConsumerClaim{c}}, err
	case "release":
		var list []UUID
		for _, name := range rest(1) {
			list = append(list, r.uuid(name))
		}
		return Release{list}, nil
	case "claims", "reshape":
		return r.reshapeOf(words[0], below)
	case "populate":
		return r.populateOf(below)
	case "class":
		switch word(1) {
		case "create":
			return CreateResourceClass{word(2)}, nil
		case "rename":
			return RenameResourceClass{word(2), word(3)}, nil
		case "remove":
			return RemoveResourceClass{word(2)}, nil
		}
	case "trait":
		switch word(1) {
		case "create":
			return CreateTrait{word(2)}, nil
		case "remove":
			return RemoveTrait{word(2)}, nil
		}
	}
	return nil, errUsage
}

func inventoriesOf(words []string) ([]InventoryOf, error) {
	var all []InventoryOf
	for _, w := range words {
		class, value, _ := strings.Cut(w, "=")
		i := inv(class, 0)
		for value != "" {
			end := strings.IndexAny(value[1:], "*-/") + 1
			if end == 0 {
				end = len(value)
			}
			part := value[:end]
			value = value[end:]
			number, err := strconv.ParseFloat(strings.TrimLeft(part, "*-/"), 64)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", w, err)
			}
			switch part[0] {
			case '*':
				i.Ratio = RatioOf(number)
			case '-':
				i.Reserved = int64(number)
			case '/':
				i.StepSize = int64(number)
			default:
				i.Total = int64(number)
			}
		}
		all = append(all, i)
	}
	return all, nil
}

func (r *script) changeOf(what string, at Ref, verb string, words []string) (Op, error) {
	mode, ok := map[string]ChangeMode{"set": Set, "add": Add, "remove": Remove}[verb]
	if !ok {
		return nil, errUsage
	}
	var uuids []UUID
	var list []Device
	for _, w := range words {
		switch what {
		case "traits":
			return ChangeTraits{mode, at, words}, nil
		case "aggregates":
			uuids = append(uuids, r.uuid(w))
		default:
			class, identifier, _ := strings.Cut(w, "/")
			list = append(list, Device{Class: class, Identifier: identifier})
		}
	}
	switch what {
	case "traits":
		return ChangeTraits{mode, at, nil}, nil
	case "aggregates":
		return ChangeAggregates{Mode: mode, Provider: at, Aggregates: uuids}, nil
	}
	return ChangeResources{mode, at, list}, nil
}

func (r *script) claimOf(words []string) (ConsumerClaim, error) {
	if len(words) == 0 {
		return ConsumerClaim{}, errUsage
	}
	c := ConsumerClaim{Consumer: r.uuid(words[0])}
	for _, w := range words[1:] {
		provider, what, _ := strings.Cut(w, ":")
		class, amount, _ := strings.Cut(what, "=")
		n, err := strconv.ParseInt(amount, 10, 64)
		if err != nil {
			return c, fmt.Errorf("%q: %w", w, err)
		}
		c.Allocations = append(c.Allocations, of(provider, class, n))
	}
	return c, nil
}

func (r *script) reshapeOf(kind string, lines []string) (Op, error) {
	var o Reshape
	for _, line := range lines {
		switch words := strings.Fields(line); {
		case kind == "reshape" && words[0] == "inventories" && len(words) > 1:
			list, err := inventoriesOf(words[2:])
			if err != nil {
				return nil, err
			}
			o.Inventories = append(o.Inventories, becomes(words[1], list...))
		case words[0] == "claim":
			c, err := r.claimOf(words[1:])
			if err != nil {
				return nil, err
			}
			o.Consumers = append(o.Consumers, c)
		default:
			return nil, errUsage
		}
	}
	if kind == "claims" {
		return Claim{o.Consumers}, nil
	}
	return o, nil
}

func (r *script) populateOf(lines []string) (Op, error) {
	var o Populate
	for _, line := range lines {
		content, traits, has := strings.Cut(line, "{")
		words := strings.Fields(content)
		p := PopulateProvider{NewUUID: r.uuid(words[0]), Name: words[0]}
		words = words[1:]
		if len(words) > 1 && words[0] == "below" {
			p.Parent, words = ByName(words[1]), words[2:]
		}
		if has {
			p.Traits = ptr(strings.Fields(strings.Trim(traits, "}")))
		}
		if len(words) > 0 {
			list, err := inventoriesOf(words)
			if err != nil {
				return nil, err
			}
			p.Inventories = &list
		}
		o.Providers = append(o.Providers, p)
	}
	return o, nil
}

func (r *script) condition(words []string) (Precondition, error) {
	var c Precondition
	last := words[len(words)-1]
	value, _ := strconv.ParseUint(last, 10, 64)
	switch text := strings.Join(words, " "); {
	case len(words) == 2 && words[0] == "revision":
		return Precondition{Kind: StateRevision, Value: value}, nil
	case len(words) == 3 && words[1] == "generation":
		c = Precondition{Kind: ProviderGeneration, Value: value}
	case len(words) == 2 && last == "absent":
		c = Precondition{Kind: ProviderAbsent}
	case len(words) == 2 && last == "root":
		c = Precondition{Kind: ProviderParent}
	case len(words) == 3 && words[1] == "below":
		c = Precondition{Kind: ProviderParent, Parent: ByName(last)}
	case len(words) == 3 && words[1] == "consumer":
		return Precondition{Kind: ConsumerGeneration, Consumer: r.uuid(words[0]), Value: value}, nil
	case strings.HasSuffix(text, " no consumer"):
		return Precondition{Kind: ConsumerAbsent, Consumer: r.uuid(words[0])}, nil
	default:
		return c, errUsage
	}
	c.Provider = ByName(words[0])
	return c, nil
}
