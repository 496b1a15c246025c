package schema

// The bodies of resource classes and providers.
var (
	ResourceClass = compile(object(shape{"name": customName()}, "name"), false)

	PostProvider   = compile(object(shape{"name": providerName(), "uuid": anyUUID()}, "name"), false)
	PostProvider14 = compile(object(shape{"name": providerName(), "uuid": anyUUID(), "parent_provider_uuid": parent()}, "name"), false)
	PutProvider    = compile(object(shape{"name": providerName()}, "name"), false)
	PutProvider14  = compile(object(shape{"name": providerName(), "parent_provider_uuid": parent()}, "name"), false)

	Aggregates   = compile(aggregates(), false)
	Aggregates19 = compile(object(shape{
		"aggregates": aggregates(), "resource_provider_generation": integer(),
	}, "aggregates", "resource_provider_generation"), false)

	ProviderTraits = compile(object(shape{
		"traits":                       shape{"type": "array", "items": shape{"type": "string", "minLength": num("1"), "maxLength": num("255")}},
		"resource_provider_generation": integer(),
	}, "traits", "resource_provider_generation"), false)
)

func customName() shape {
	return shape{"type": "string", "pattern": "^CUSTOM_[A-Z0-9_]+$", "maxLength": num("255")}
}

func providerName() shape { return shape{"type": "string", "maxLength": num("200")} }

func parent() shape { return shape{"anyOf": []any{anyUUID(), shape{"type": "null"}}} }

func aggregates() shape {
	return shape{"type": "array", "items": anyUUID(), "uniqueItems": true}
}

// The bodies of inventories.
var (
	PostInventory = compile(object(with(inventoryFields(), shape{
		"resource_class": shape{"type": "string", "pattern": classKey},
	}), "total", "resource_class"), false)
	PutInventory   = compile(object(inventoryFields(), "total", "resource_provider_generation"), false)
	PutInventories = compile(object(shape{
		"resource_provider_generation": integer(), "inventories": inventories(),
	}, "resource_provider_generation", "inventories"), false)
)

func inventoryFields() shape {
	return shape{
		"resource_provider_generation": integer(),
		"total":                        amount("1"), "reserved": amount("0"), "min_unit": amount("1"),
		"max_unit": amount("1"), "step_size": amount("1"),
		"allocation_ratio": shape{"type": "number", "maximum": num("3.40282e+38")},
	}
}

// inventories may have any names: an unknown class is told as such.
func inventories() shape {
	return shape{
		"type": "object", "patternProperties": shape{classKey: object(inventoryFields(), "total")},
		"additionalProperties": shape{"type": "object"},
	}
}

// The bodies of allocations, by the microversion that brought them.
var (
	PutAllocations0  = compile(object(shape{"allocations": allocationList()}, "allocations"), true).below(allocatedFrom)
	PutAllocations8  = compile(object(shape{"allocations": allocationList(), "project_id": owner(), "user_id": owner()}, "allocations", "project_id", "user_id"), true).below(allocatedFrom)
	PutAllocations12 = compile(consumer("1", 12), true)
	PutAllocations28 = compile(consumer("0", 28), true)
	PutAllocations34 = compile(consumer("0", 34), true)
	PutAllocations38 = compile(consumer("0", 38), true)

	PostAllocations13 = compile(consumers("1", 12), true)
	PostAllocations28 = compile(consumers("1", 28), true)
	PostAllocations34 = compile(consumers("1", 34), true)
	PostAllocations38 = compile(consumers("1", 38), true)

	Reshaper30 = compile(reshaper(28), true).below("/properties/allocations/")
	Reshaper34 = compile(reshaper(34), true).below("/properties/allocations/")
	Reshaper38 = compile(reshaper(38), true).below("/properties/allocations/")
)

// allocatedFrom is where the list form names a provider.
const allocatedFrom = "/properties/allocations/items/properties/resource_provider"

func resources() shape {
	return mapping(classKey, shape{"type": "integer", "minimum": num("1")}, "1")
}

func allocationList() shape {
	return shape{"type": "array", "minItems": num("1"), "items": object(shape{
		"resource_provider": object(shape{"uuid": anyUUID()}, "uuid"), "resources": resources(),
	}, "resource_provider", "resources")}
}

// consumer is what one consumer asks for.
func consumer(least string, version int) shape {
	properties := shape{
		"allocations": mapping(uuidKey, object(shape{"resources": resources(), "generation": integer()}, "resources"), least),
		"project_id":  owner(), "user_id": owner(),
	}
	required := []string{"allocations", "project_id", "user_id"}
	if version >= 28 {
		properties["consumer_generation"] = shape{"type": list("integer", "null"), "additionalProperties": false}
		required = append(required, "consumer_generation")
	}
	if version >= 34 {
		properties["mappings"] = shape{"type": "object", "minProperties": num("1"), "patternProperties": shape{
			"[a-zA-Z0-9_-]{1,64}": shape{"type": "array", "minItems": num("1"), "items": anyUUID()},
		}}
	}
	if version >= 38 {
		properties["consumer_type"] = shape{"type": "string", "pattern": classKey, "minLength": num("1"), "maxLength": num("255")}
		required = append(required, "consumer_type")
	}
	return object(properties, required...)
}

// consumers maps consumers to what they ask for, which may be nothing.
func consumers(least string, version int) shape {
	return mapping(uuidKey, consumer("0", version), least)
}

func reshaper(version int) shape {
	return object(shape{
		"inventories": mapping(uuidKey, object(shape{
			"resource_provider_generation": integer(), "inventories": inventories(),
		}, "resource_provider_generation", "inventories"), "1"),
		"allocations": consumers("0", version),
	}, "inventories", "allocations")
}
