package placement

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

var customWord = regexp.MustCompile(`^CUSTOM_[A-Z0-9_]+$`)

const wordLenMax = 255

func listTraits(c *call) *failure {
	values, f := c.query(schema.ListTraits)
	if f != nil {
		return f
	}
	keep := func(string) bool { return true }
	if values.Has("name") {
		text := lastOf(values, "name")
		kind, rest, ok := strings.Cut(text, ":")
		switch {
		case kind == "in" && ok:
			names := strings.Split(rest, ",")
			keep = func(name string) bool { return slices.Contains(names, name) }
		case kind == "startswith" && ok:
			keep = func(name string) bool { return strings.HasPrefix(name, rest) }
		case !ok: // a kind that there is not keeps all
			return badRequest("Badly formatted name parameter. Expected name query string parameter in form: ?name=[in|startswith]:[name1,name2|prefix]. Got: \"%s\"", text)
		}
	}
	associated := strings.ToLower(lastOf(values, "associated"))
	if values.Has("associated") && associated != "true" && associated != "false" {
		return badRequest(`The query parameter "associated" only accepts "true" or "false"`)
	}
	s, f := c.view()
	if f != nil {
		return f
	}
	list := []any{}
	for _, name := range s.Traits() {
		if keep(name) && (associated == "" || (associated == "true") == hasOne(s, name)) {
			list = append(list, name)
		}
	}
	c.modified(0)
	return c.reply(http.StatusOK, jsontext.NewObject().Set("traits", list))
}

func hasOne(s *tree.State, trait string) bool {
	for range s.ProvidersWithTrait(trait, 0) {
		return true
	}
	return false
}

func showTrait(c *call) *failure {
	s, f := c.view()
	if f != nil {
		return f
	}
	if !s.HasTrait(c.variables.of("name")) {
		return notFound("No such trait(s): %s.", c.variables.of("name"))
	}
	c.modified(0)
	return c.done(http.StatusNoContent)
}

func putTrait(c *call) *failure {
	name := c.variables.of("name")
	if !customWord.MatchString(name) || len(name) > wordLenMax {
		return badRequest("The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix \"CUSTOM_\" and use following characters: \"A\"-\"Z\", \"0\"-\"9\" and \"_\"")
	}
	s, f := c.view()
	if f != nil {
		return f
	}
	status := http.StatusNoContent
	if !s.HasTrait(name) {
		status = http.StatusCreated
		result, f := c.propose(tree.Txn{Ops: []tree.Op{tree.CreateTrait{Trait: name}}})
		if f != nil {
			return f
		}
		if result.Refused != nil {
			return badRequest("%s", result.Refused.Message)
		}
	}
	c.locate("/traits/" + name)
	c.modified(0)
	return c.done(status)
}

func deleteTrait(c *call) *failure {
	name := c.variables.of("name")
	s, f := c.view()
	if f != nil {
		return f
	}
	switch {
	case !s.HasTrait(name):
		return notFound("No such trait(s): %s.", name)
	case !strings.HasPrefix(name, "CUSTOM_"):
		return badRequest("Cannot delete standard trait %s.", name)
	}
	result, f := c.propose(tree.Txn{Ops: []tree.Op{tree.RemoveTrait{Trait: name}}})
	if f != nil {
		return f
	}
	if e := result.Refused; e != nil {
		if e.Code == tree.CodeTraitNotFound {
			return notFound("No such trait(s): %s.", name)
		}
		return conflict("The trait %s is in use by a resource provider.", name)
	}
	return c.done(http.StatusNoContent)
}
