package schema

// The queries: every value is a text.
var (
	ListProviders0  = compile(providers(0), false)
	ListProviders3  = compile(providers(3), false)
	ListProviders4  = compile(providers(4), false)
	ListProviders14 = compile(providers(14), false)
	ListProviders18 = compile(providers(18), false)

	ListTraits = compile(object(shape{"name": anyText(), "associated": anyText()}), false)

	Usages9  = compile(object(shape{"project_id": owner(), "user_id": owner()}, "project_id"), false)
	Usages38 = compile(object(shape{
		"project_id": owner(), "user_id": owner(),
		"consumer_type": shape{"type": "string", "minLength": num("1"), "maxLength": num("255"), "pattern": "^[A-Z0-9_]+$|^all|^unknown$"},
	}, "project_id"), false)
)

func providers(version int) shape {
	properties := shape{"name": anyText(), "uuid": anyUUID()}
	if version >= 3 {
		properties["member_of"] = anyText()
	}
	if version >= 4 {
		properties["resources"] = anyText()
	}
	if version >= 14 {
		properties["in_tree"] = anyUUID()
	}
	if version >= 18 {
		properties["required"] = anyText()
	}
	return object(properties)
}

// The queries of allocation candidates, by the microversion that brought them.
var (
	Candidates10 = compile(oneGroup(10), false)
	Candidates16 = compile(oneGroup(16), false)
	Candidates17 = compile(oneGroup(17), false)
	Candidates21 = compile(oneGroup(21), false)
	Candidates25 = compile(groups(25), false)
	Candidates31 = compile(groups(31), false)
	Candidates33 = compile(groups(33), false)
	Candidates35 = compile(groups(35), false)
	Candidates36 = compile(groups(36), false)
)

func limit() shape {
	return shape{"type": list("integer", "string"), "pattern": "^[1-9][0-9]*$", "minimum": num("1"), "minLength": num("1")}
}

// oneGroup is what there was before groups had suffixes.
func oneGroup(version int) shape {
	properties := shape{"resources": anyText()}
	if version >= 16 {
		properties["limit"] = limit()
	}
	if version >= 17 {
		properties["required"] = anyText()
	}
	if version >= 21 {
		properties["member_of"] = anyText()
	}
	return object(properties, "resources")
}

func groups(version int) shape {
	suffix := "([1-9][0-9]*)?$"
	if version >= 33 {
		suffix = "([a-zA-Z0-9_-]{1,64})?$"
	}
	patterns := shape{}
	for _, key := range []string{"resources", "required", "member_of"} {
		patterns["^"+key+suffix] = anyText()
	}
	if version >= 31 {
		patterns["^in_tree"+suffix] = anyText()
	}
	properties := shape{"group_policy": shape{"type": "string", "enum": list("none", "isolate")}, "limit": limit()}
	if version >= 35 {
		properties["root_required"] = anyText()
	}
	if version >= 36 {
		properties["same_subtree"] = anyText()
	}
	return with(object(properties), shape{"patternProperties": patterns})
}
