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
