package placement

import (
	"net/http"
	"strings"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

func (c *call) presentClass(name string) *jsontext.Object {
	return jsontext.NewObject().Set("name", name).Set("links", []any{c.link("self", "/resource_classes/"+name)})
}

func listClasses(c *call) *failure {
	s, f := c.view()
	if f != nil {
		return f
	}
	list := []any{}
	for _, name := range s.ResourceClasses() {
		list = append(list, c.presentClass(name))
	}
	c.modified(0)
	return c.reply(http.StatusOK, jsontext.NewObject().Set("resource_classes", list))
}

func showClass(c *call) *failure {
	s, f := c.view()
	if f != nil {
		return f
	}
	name := c.variables.of("name")
	if !s.HasResourceClass(name) {
		return notFound("%s", noClass(name))
	}
	c.modified(0)
	return c.reply(http.StatusOK, c.presentClass(name))
}

func createClass(c *call) *failure {
	body, f := c.body(schema.ResourceClass)
	if f != nil {
		return f
	}
	name := body.String("name")
	s, f := c.view()
	if f != nil {
		return f
	}
	if s.HasResourceClass(name) {
		return conflict("Conflicting resource class already exists: %s", name)
	}
	if f := c.addClass(name); f != nil {
		return f
	}
	c.locate("/resource_classes/" + name)
	return c.done(http.StatusCreated)
}

func (c *call) addClass(name string) *failure {
	result, f := c.propose(tree.Txn{Ops: []tree.Op{tree.CreateResourceClass{Class: name}}})
	if f == nil && result.Refused != nil {
		f = badRequest("%s", result.Refused.Message)
	}
	return f
}

func updateClass(c *call) *failure {
	if c.version < 7 {
		return renameClass(c)
	}
	name := c.variables.of("name")
	if refusal := schema.ResourceClass.Check(map[string]any{"name": name}); refusal != "" {
		return badRequest("JSON does not validate: %s", refusal)
	}
	s, f := c.view()
	if f != nil {
		return f
	}
	status := http.StatusNoContent
	if !s.HasResourceClass(name) {
		status = http.StatusCreated
		if f := c.addClass(name); f != nil {
			return f
		}
	}
	c.locate("/resource_classes/" + name)
	return c.done(status)
}

// renameClass is what PUT did below 1.7.
func renameClass(c *call) *failure {
	body, f := c.body(schema.ResourceClass)
	if f != nil {
		return f
	}
	s, f := c.view()
	if f != nil {
		return f
	}
	old, name := c.variables.of("name"), body.String("name")
	switch {
	case !s.HasResourceClass(old):
		return notFound("%s", noClass(old))
	case !strings.HasPrefix(old, "CUSTOM_"):
		return badRequest("Cannot update standard resource class %s", old)
	case old != name && s.HasResourceClass(name):
		return conflict("Resource class already exists: %s", name)
	case old != name:
		result, f := c.propose(tree.Txn{Ops: []tree.Op{tree.RenameResourceClass{Class: old, NewName: name}}})
		if f != nil {
			return f
		}
		if e := result.Refused; e != nil {
			switch e.Code {
			case tree.CodeClassNotFound:
				return notFound("%s", noClass(old))
			case tree.CodeClassExists:
				return conflict("Resource class already exists: %s", name)
			default:
				return badRequest("%s", e.Message)
			}
		}
	}
	return c.reply(http.StatusOK, c.presentClass(name))
}

func deleteClass(c *call) *failure {
	name := c.variables.of("name")
	s, f := c.view()
	if f != nil {
		return f
	}
	switch {
	case !s.HasResourceClass(name):
		return notFound("%s", noClass(name))
	case !strings.HasPrefix(name, "CUSTOM_"):
		return badRequest("Error in delete resource class: Cannot delete standard resource class %s.", name)
	}
	result, f := c.propose(tree.Txn{Ops: []tree.Op{tree.RemoveResourceClass{Class: name}}})
	if f != nil {
		return f
	}
	if e := result.Refused; e != nil {
		if e.Code == tree.CodeClassNotFound {
			return notFound("%s", noClass(name))
		}
		return conflict("Error in delete resource class: Cannot delete resource class %s. Class is in use in inventory.", name)
	}
	return c.done(http.StatusNoContent)
}
