package placement

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

// lookup finds a provider by its UUID, which has to be written as we write it.
func lookup(s *tree.State, text string) (tree.Provider, bool) {
	u, ok := canonicalUUID(text)
	if !ok {
		return tree.Provider{}, false
	}
	return s.Find(tree.ByUUID(u))
}

// provider reads the state and finds the provider that the path names.
func (c *call) provider() (*tree.State, tree.Provider, *failure) {
	s, f := c.view()
	if f != nil {
		return nil, tree.Provider{}, f
	}
	p, ok := lookup(s, c.variables.of("uuid"))
	if !ok {
		return s, p, notFound("No resource provider with uuid %s found", c.variables.of("uuid"))
	}
	return s, p, nil
}

// generation is the precondition that a provider is as it was seen.
func generation(p tree.Provider) tree.Precondition {
	return tree.Precondition{Kind: tree.ProviderGeneration, Provider: tree.ByUUID(p.UUID()), Value: p.Generation()}
}

const generationChanged = "Resource provider's generation already changed. Please update the generation and try again."

func concurrent(message string) *failure { return conflict("%s", message).as(codeConcurrentUpdate) }

func (c *call) presentProvider(p tree.Provider) *jsontext.Object {
	path := "/resource_providers/" + p.UUID().String()
	o := jsontext.NewObject().Set("uuid", p.UUID().String()).Set("name", p.Name()).
		Set("generation", p.Generation()).Set("links", c.providerLinks(path))
	if c.version >= 14 {
		o.Set("parent_provider_uuid", nil)
		if parent, ok := p.Parent(); ok {
			o.Set("parent_provider_uuid", parent.UUID().String())
		}
		o.Set("root_provider_uuid", p.Root().UUID().String())
	}
	return o
}

func showProvider(c *call) *failure {
	_, p, f := c.provider()
	if f != nil {
		return f
	}
	c.modified(p.UpdatedAt())
	return c.reply(http.StatusOK, c.presentProvider(p))
}

func createProvider(c *call) *failure {
	s := schema.PostProvider
	if c.version >= 14 {
		s = schema.PostProvider14
	}
	body, f := c.body(s)
	if f != nil {
		return f
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return fail(http.StatusInternalServerError, "no UUID: %v", err)
	}
	u, name := tree.UUID(id), body.String("name")
	if given := body.String("uuid"); given != "" {
		u, _ = schema.UUID(given)
	}
	state, f := c.view()
	if f != nil {
		return f
	}
	if name == "" {
		return badRequest("Unable to create resource provider \"\", %s: Object action create failed because: name is required", u)
	}
	op := tree.CreateProvider{UUID: u, Name: name}
	if given := body.String("parent_provider_uuid"); given != "" {
		unable := func(reason string) *failure {
			return badRequest("Unable to create resource provider \"%s\", %s: Object action create failed because: %s", name, u, reason)
		}
		if given == u.String() {
			return unable("parent provider UUID cannot be same as UUID. Please set parent provider UUID to None if there is no parent.")
		}
		parent, ok := lookup(state, given)
		if !ok {
			return unable("parent provider UUID does not exist.")
		}
		op.Parent = tree.ByUUID(parent.UUID())
	}
	if f := checkNew(state, u, name); f != nil {
		return f
	}
	result, f := c.propose(tree.Txn{Ops: []tree.Op{op}})
	if f != nil {
		return f
	}
	if result.Refused != nil {
		return refusedProvider(result.Refused, u, name)
	}
	c.locate("/resource_providers/" + u.String())
	if c.version < 20 {
		return c.done(http.StatusCreated)
	}
	return c.replyProvider(u)
}

// replyProvider shows a provider as it is after a write.
func (c *call) replyProvider(u tree.UUID) *failure {
	state, f := c.view()
	if f != nil {
		return f
	}
	p, ok := state.Find(tree.ByUUID(u))
	if !ok {
		return notFound("No resource provider with uuid %s found", u)
	}
	c.modified(p.UpdatedAt())
	return c.reply(http.StatusOK, c.presentProvider(p))
}

func checkNew(s *tree.State, u tree.UUID, name string) *failure {
	if _, ok := s.Find(tree.ByUUID(u)); ok {
		return conflict("Conflicting resource provider uuid: %s already exists.", u).as(codeDuplicateName)
	}
	if _, ok := s.Find(tree.ByName(name)); ok {
		return conflict("Conflicting resource provider name: %s already exists.", name).as(codeDuplicateName)
	}
	return nil
}

// refusedProvider is a refusal that the state seen before did not predict.
func refusedProvider(e *tree.Error, u tree.UUID, name string) *failure {
	switch e.Code {
	case tree.CodeDuplicateName:
		return conflict("Conflicting resource provider name: %s already exists.", name).as(codeDuplicateName)
	case tree.CodeProviderExists:
		return conflict("Conflicting resource provider uuid: %s already exists.", u).as(codeDuplicateName)
	case tree.CodeInvalid:
		return badRequest("%s", e.Message)
	default:
		return concurrent(e.Message)
	}
}

func updateProvider(c *call) *failure {
	state, p, f := c.provider()
	if f != nil {
		return f
	}
	s := schema.PutProvider
	if c.version >= 14 {
		s = schema.PutProvider14
	}
	body, f := c.body(s)
	if f != nil {
		return f
	}
	ref := tree.ByUUID(p.UUID())
	var txn tree.Txn
	if c.version >= 14 && body.Has("parent_provider_uuid") {
		move, f := c.planMove(state, p, body.String("parent_provider_uuid"))
		if f != nil {
			return f
		}
		if move != nil {
			was := tree.Precondition{Kind: tree.ProviderParent, Provider: ref}
			if parent, ok := p.Parent(); ok {
				was.Parent = tree.ByUUID(parent.UUID())
			}
			txn.Preconditions = append(txn.Preconditions, was)
			txn.Ops = append(txn.Ops, move)
		}
	}
	name := body.String("name")
	if name != p.Name() {
		if _, taken := state.Find(tree.ByName(name)); taken {
			return conflict("Conflicting resource provider %s already exists.", name).as(codeDuplicateName)
		}
		txn.Ops = append(txn.Ops, tree.RenameProvider{Provider: ref, NewName: name})
	}
	if txn.Ops != nil {
		result, f := c.propose(txn)
		if f != nil {
			return f
		}
		if result.Refused != nil {
			return refusedProvider(result.Refused, p.UUID(), name)
		}
	}
	return c.replyProvider(p.UUID())
}

// planMove is the operation that hangs a provider below another parent; nil
// where it hangs there already.
func (c *call) planMove(s *tree.State, p tree.Provider, given string) (tree.Op, *failure) {
	unable := func(reason string) *failure {
		return badRequest("Unable to save resource provider %s: Object action %s", p.UUID(), reason)
	}
	old, hasParent := p.Parent()
	if given == "" {
		switch {
		case !hasParent:
			return nil, nil
		case c.version < 37:
			return nil, unable("update failed because: un-parenting a provider is not currently allowed.")
		}
		return tree.MoveProvider{Provider: tree.ByUUID(p.UUID())}, nil
	}
	parent, ok := lookup(s, given)
	if !ok {
		return nil, unable("create failed because: parent provider UUID does not exist.")
	}
	if hasParent && old.UUID() == parent.UUID() {
		return nil, nil
	}
	if hasParent && c.version < 37 {
		return nil, unable("update failed because: re-parenting a provider is not currently allowed.")
	}
	for above, ok := parent, true; ok; above, ok = above.Parent() {
		if above.UUID() == p.UUID() {
			return nil, unable("update failed because: creating loop in the provider tree is not allowed.")
		}
	}
	return tree.MoveProvider{Provider: tree.ByUUID(p.UUID()), Parent: tree.ByUUID(parent.UUID())}, nil
}

func deleteProvider(c *call) *failure {
	_, p, f := c.provider()
	if f != nil {
		if f.status == http.StatusNotFound {
			f.message += " for delete"
		}
		return f
	}
	result, f := c.propose(tree.Txn{Ops: []tree.Op{tree.RemoveProvider{Provider: tree.ByUUID(p.UUID())}}})
	if f != nil {
		return f
	}
	if e := result.Refused; e != nil {
		switch e.Code {
		case tree.CodeProviderHasChild:
			return conflict("Unable to delete parent resource provider %s: It has child resource providers.", p.UUID()).as(codeCannotDeleteParent)
		case tree.CodeProviderInUse:
			return conflict("Unable to delete resource provider %s: Resource provider has allocations.", p.UUID()).as(codeProviderInUse)
		case tree.CodeProviderNotFound:
			return notFound("No resource provider with uuid %s found for delete", p.UUID())
		default:
			return concurrent(e.Message)
		}
	}
	return c.done(http.StatusNoContent)
}
