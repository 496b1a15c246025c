package placement

import (
	"net/http"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

func providerUsages(c *call) *failure {
	_, p, f := c.provider()
	if f != nil {
		if f.status == http.StatusNotFound {
			f.message += ": " + f.message
		}
		return f
	}
	usages := jsontext.NewObject()
	for _, i := range p.Inventories() {
		usages.Set(i.Class, i.Used)
	}
	c.modified(0)
	return c.reply(http.StatusOK, jsontext.NewObject().
		Set("resource_provider_generation", p.Generation()).Set("usages", usages))
}

const (
	typeUnknown = "unknown"
	typeAll     = "all"
)

// totalUsages sums what the consumers of a project use; from 1.38 by consumer
// type, and with the number of consumers.
func totalUsages(c *call) *failure {
	q := schema.Usages9
	if c.version >= 38 {
		q = schema.Usages38
	}
	values, f := c.query(q)
	if f != nil {
		return f
	}
	s, f := c.view()
	if f != nil {
		return f
	}
	project, user, kind := lastOf(values, "project_id"), lastOf(values, "user_id"), lastOf(values, "consumer_type")
	groups := jsontext.NewObject()
	flat := sum{amounts: map[string]int64{}}
	byGroup := map[string]*sum{}
	for consumer := range s.Consumers(tree.UUID{}) {
		if consumer.Project() != project || user != "" && consumer.User() != user {
			continue
		}
		flat.add(consumer)
		group := typeOf(consumer)
		switch kind {
		case "", group:
		case typeAll:
			group = typeAll
		default:
			continue
		}
		if byGroup[group] == nil {
			byGroup[group] = &sum{amounts: map[string]int64{}}
			groups.Set(group, nil)
		}
		byGroup[group].add(consumer)
	}
	c.modified(0)
	if c.version < 38 {
		return c.reply(http.StatusOK, jsontext.NewObject().Set("usages", flat.present()))
	}
	for name, group := range byGroup {
		groups.Set(name, group.present().Set("consumer_count", group.consumers))
	}
	return c.reply(http.StatusOK, jsontext.NewObject().Set("usages", groups))
}

func typeOf(c tree.Consumer) string {
	if c.Type() == "" {
		return typeUnknown
	}
	return c.Type()
}

type sum struct {
	classes   []string
	amounts   map[string]int64
	consumers int
}

func (s *sum) add(c tree.Consumer) {
	s.consumers++
	for _, a := range c.Allocations() {
		if _, ok := s.amounts[a.Class]; !ok {
			s.classes = append(s.classes, a.Class)
		}
		s.amounts[a.Class] += a.Amount
	}
}

func (s *sum) present() *jsontext.Object {
	o := jsontext.NewObject()
	for _, class := range s.classes {
		o.Set(class, s.amounts[class])
	}
	return o
}
