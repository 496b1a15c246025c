package placement

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

const amountMax = 1<<31 - 1

// whole reads a number that a schema found to be an integer: also 2.0 and 1e3.
func whole(v any) int64 {
	n, _ := v.(json.Number)
	if i, err := n.Int64(); err == nil {
		return i
	}
	f, err := n.Float64()
	if err != nil || math.Abs(f) > 1<<53 {
		return math.MaxInt64
	}
	return int64(f)
}

// wholeText writes what whole reads, however large it is.
func wholeText(v any) string {
	n, _ := v.(json.Number)
	if strings.ContainsAny(n.String(), ".eE") {
		if f, err := n.Float64(); err == nil {
			return strconv.FormatFloat(f, 'f', 0, 64)
		}
	}
	return n.String()
}

// inventoryFrom reads an inventory's fields; those not given have defaults.
func inventoryFrom(o *jsontext.Object) tree.Inventory {
	field := func(name string, otherwise int64) int64 {
		if o.Has(name) {
			return whole(o.Get(name))
		}
		return otherwise
	}
	inv := tree.Inventory{
		Total: field("total", 0), Reserved: field("reserved", 0), MinUnit: field("min_unit", 1),
		MaxUnit: field("max_unit", amountMax), StepSize: field("step_size", 1), Ratio: tree.One,
	}
	if n, ok := o.Get("allocation_ratio").(json.Number); ok {
		if ratio, err := n.Float64(); err == nil {
			inv.Ratio = tree.RatioOf(ratio)
		}
	}
	return inv
}

// checkCapacity refuses an inventory that could hold nothing: below 1.26 not
// even one whose capacity is zero.
func (c *call) checkCapacity(u tree.UUID, class string, i tree.Inventory) string {
	capacity := math.Trunc(float64(i.Total-i.Reserved) * i.Ratio.Float64())
	reason := ""
	switch {
	case c.version < 26 && capacity <= 0:
		reason = "The reserved value is greater than or equal to total."
	case capacity < 0:
		reason = "The reserved value is greater than total."
	default:
		return ""
	}
	return "Invalid inventory for '" + class + "' on resource provider '" + u.String() + "'. " + reason
}

// float keeps a decimal point, so that a ratio reads as the number it is.
func float(r tree.Ratio) json.Number {
	f := r.Float64()
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return json.Number(strconv.FormatFloat(f, 'f', 1, 64))
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}

func presentInventory(i tree.Inventory) *jsontext.Object {
	return jsontext.NewObject().Set("total", i.Total).Set("reserved", i.Reserved).Set("min_unit", i.MinUnit).
		Set("max_unit", i.MaxUnit).Set("step_size", i.StepSize).Set("allocation_ratio", float(i.Ratio))
}

func presentInventories(p tree.Provider) *jsontext.Object {
	all := jsontext.NewObject()
	for _, i := range p.Inventories() {
		all.Set(i.Class, presentInventory(i.Inventory))
	}
	return jsontext.NewObject().Set("resource_provider_generation", p.Generation()).Set("inventories", all)
}

func listInventories(c *call) *failure {
	_, p, f := c.provider()
	if f != nil {
		if f.status == http.StatusNotFound {
			f.message += " : " + f.message
		}
		return f
	}
	c.modified(p.UpdatedAt())
	if len(p.Inventories()) == 0 { // nothing was ever modified
		c.w.Header().Del("Last-Modified")
	}
	return c.reply(http.StatusOK, presentInventories(p))
}

func showInventory(c *call) *failure {
	_, p, f := c.provider()
	if f != nil {
		if f.status == http.StatusNotFound {
			f.message += " : " + f.message
		}
		return f
	}
	inv, ok := p.Inventory(c.variables.of("class"))
	if !ok {
		return notFound("No inventory of class %s for %s", c.variables.of("class"), p.UUID())
	}
	c.modified(p.UpdatedAt())
	return c.reply(http.StatusOK, presentInventory(inv.Inventory).Set("resource_provider_generation", p.Generation()))
}

// writeInventories executes one operation on the inventories of a provider that
// has to be as it was seen, and returns its new generation.
func (c *call) writeInventories(p tree.Provider, op tree.Op) (uint64, *failure) {
	result, f := c.propose(tree.Txn{Preconditions: []tree.Precondition{generation(p)}, Ops: []tree.Op{op}})
	if f != nil {
		return 0, f
	}
	if e := result.Refused; e != nil {
		switch e.Code {
		case tree.CodeConflict:
			return 0, concurrent("resource provider generation conflict")
		case tree.CodeInvalid:
			return 0, badRequest("Unable to update inventory for resource provider %s: %s", p.UUID(), e.Message)
		default:
			return 0, concurrent("Update conflict: " + e.Message)
		}
	}
	return p.Generation() + 1, nil
}

func createInventory(c *call) *failure {
	s, p, f := c.provider()
	if f != nil {
		return f
	}
	body, f := c.body(schema.PostInventory)
	if f != nil {
		return f
	}
	class, inv := body.String("resource_class"), inventoryFrom(body)
	problem := c.checkCapacity(p.UUID(), class, inv)
	if problem == "" && !s.HasResourceClass(class) {
		problem = noClass(class)
	}
	if problem != "" {
		return badRequest("Unable to create inventory for resource provider %s: %s", p.UUID(), problem)
	}
	if _, has := p.Inventory(class); has {
		return concurrent("Update conflict: there is an inventory of " + class + " on resource provider " + p.UUID().String())
	}
	next, f := c.writeInventories(p, tree.PutInventories{
		Provider: tree.ByUUID(p.UUID()), Inventories: []tree.InventoryOf{{Class: class, Inventory: inv}}, Mode: tree.AddOnly,
	})
	if f != nil {
		return f
	}
	c.locate("/resource_providers/" + p.UUID().String() + "/inventories/" + class)
	c.modified(0)
	return c.reply(http.StatusCreated, presentInventory(inv).Set("resource_provider_generation", next))
}

func updateInventory(c *call) *failure {
	s, p, f := c.provider()
	if f != nil {
		return f
	}
	body, f := c.body(schema.PutInventory)
	if f != nil {
		return f
	}
	if whole(body.Get("resource_provider_generation")) != int64(p.Generation()) { //nolint:gosec // counts writes
		return concurrent("resource provider generation conflict")
	}
	class, inv := c.variables.of("class"), inventoryFrom(body)
	if problem := c.checkCapacity(p.UUID(), class, inv); problem != "" {
		return badRequest("Unable to update inventory for resource provider %s: %s", p.UUID(), problem)
	}
	if !s.HasResourceClass(class) {
		return notFound("%s", noClass(class))
	}
	if _, ok := p.Inventory(class); !ok {
		return badRequest("No inventory record with resource class for resource provider %s: No inventory of class %s found.", p.UUID(), class)
	}
	next, f := c.writeInventories(p, tree.PutInventories{
		Provider: tree.ByUUID(p.UUID()), Inventories: []tree.InventoryOf{{Class: class, Inventory: inv}}, Mode: tree.UpdateOnly,
	})
	if f != nil {
		return f
	}
	c.modified(0)
	return c.reply(http.StatusOK, presentInventory(inv).Set("resource_provider_generation", next))
}

func setInventories(c *call) *failure {
	s, p, f := c.provider()
	if f != nil {
		return f
	}
	body, f := c.body(schema.PutInventories)
	if f != nil {
		return f
	}
	if whole(body.Get("resource_provider_generation")) != int64(p.Generation()) { //nolint:gosec // counts writes
		return concurrent("resource provider generation conflict")
	}
	given := body.Object("inventories")
	op := tree.SetInventories{Provider: tree.ByUUID(p.UUID())}
	shown := jsontext.NewObject()
	for _, class := range given.Names() {
		inv := inventoryFrom(given.Object(class))
		if problem := c.checkCapacity(p.UUID(), class, inv); problem != "" {
			return badRequest("Unable to update inventory for resource provider %s: %s", p.UUID(), problem)
		}
		op.Inventories = append(op.Inventories, tree.InventoryOf{Class: class, Inventory: inv})
		shown.Set(class, presentInventory(inv))
	}
	for _, class := range given.Names() {
		if !s.HasResourceClass(class) {
			return badRequest("Unknown resource class in inventory for resource provider %s: %s", p.UUID(), noClass(class))
		}
	}
	if used := usedClasses(p, nil, given.Has); used != "" {
		return conflict("update conflict: %s", inUse(used, p)).as(codeInventoryInUse)
	}
	next, f := c.writeInventories(p, op)
	if f != nil {
		return f
	}
	c.modified(0)
	if shown.Len() == 0 {
		c.w.Header().Del("Last-Modified")
	}
	return c.reply(http.StatusOK, jsontext.NewObject().Set("resource_provider_generation", next).Set("inventories", shown))
}

// usedClasses lists the classes in use, after changes, that are not kept.
func usedClasses(p tree.Provider, changes map[holding]int64, kept func(class string) bool) string {
	var used []string
	for _, i := range p.Inventories() {
		if !kept(i.Class) && i.Used+changes[holding{p.UUID(), i.Class}] > 0 {
			used = append(used, i.Class)
		}
	}
	return strings.Join(used, ", ")
}

func inUse(class string, p tree.Provider) string {
	return "Inventory for '" + class + "' on resource provider '" + p.UUID().String() + "' in use."
}

func deleteInventories(c *call) *failure {
	_, p, f := c.provider()
	if f != nil {
		return f
	}
	if used := usedClasses(p, nil, func(string) bool { return false }); used != "" {
		return conflict("%s", inUse(used, p)).as(codeInventoryInUse)
	}
	if _, f := c.writeInventories(p, tree.SetInventories{Provider: tree.ByUUID(p.UUID())}); f != nil {
		return f
	}
	return c.done(http.StatusNoContent)
}

func deleteInventory(c *call) *failure {
	s, p, f := c.provider()
	if f != nil {
		return f
	}
	class := c.variables.of("class")
	inv, ok := p.Inventory(class)
	prefix := "No inventory of class " + class + " found for delete"
	switch {
	case !s.HasResourceClass(class):
		return notFound("%s: %s", prefix, noClass(class))
	case !ok:
		return notFound("%s: %s", prefix, prefix)
	case inv.Used > 0:
		return concurrent("Unable to delete inventory of class " + class + ": " + inUse(class, p))
	}
	if _, f := c.writeInventories(p, tree.RemoveInventories{Provider: tree.ByUUID(p.UUID()), Classes: []string{class}}); f != nil {
		return f
	}
	return c.done(http.StatusNoContent)
}
