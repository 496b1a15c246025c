package policy

import (
	"maps"
	"slices"
	"strings"
)

// Actions with a meaning of their own.
const (
	PlacementReshape = "placement:reshaper:reshape"
	PlacementUsages  = "placement:usages"
)

// placementActions are the rules of the Placement API, by that service's names.
var placementActions = []string{
	"placement:allocation_candidates:list",
	"placement:allocations:delete",
	"placement:allocations:list",
	"placement:allocations:manage",
	"placement:allocations:update",
	PlacementReshape,
	"placement:resource_classes:create",
	"placement:resource_classes:delete",
	"placement:resource_classes:list",
	"placement:resource_classes:show",
	"placement:resource_classes:update",
	"placement:resource_providers:aggregates:list",
	"placement:resource_providers:aggregates:update",
	"placement:resource_providers:allocations:list",
	"placement:resource_providers:create",
	"placement:resource_providers:delete",
	"placement:resource_providers:inventories:create",
	"placement:resource_providers:inventories:delete",
	"placement:resource_providers:inventories:list",
	"placement:resource_providers:inventories:show",
	"placement:resource_providers:inventories:update",
	"placement:resource_providers:list",
	"placement:resource_providers:show",
	"placement:resource_providers:traits:delete",
	"placement:resource_providers:traits:list",
	"placement:resource_providers:traits:update",
	"placement:resource_providers:update",
	"placement:resource_providers:usages",
	"placement:traits:delete",
	"placement:traits:list",
	"placement:traits:show",
	"placement:traits:update",
	PlacementUsages,
}

// aliases are names that rules, also those of files for earlier releases of
// Placement, refer to.
var aliases = map[string]string{
	"admin_api":                              "role:admin",
	"project_reader_api":                     "role:reader and project_id:%(project_id)s",
	"system_admin_api":                       "role:admin and system_scope:all",
	"system_reader_api":                      "role:reader and system_scope:all",
	"service_api":                            "role:service",
	"admin_or_service_api":                   "role:admin or role:service",
	"admin_or_project_reader_or_service_api": "role:admin or role:service or (role:reader and project_id:%(project_id)s)",
}

// actions maps every action of both APIs to its rule in mode secure.
func actions() map[string]string {
	all := maps.Clone(nativeActions)
	for _, name := range placementActions {
		all[name] = "rule:admin_or_service_api"
	}
	all[PlacementReshape] = "rule:service_api"
	all[PlacementUsages] = "rule:admin_or_project_reader_or_service_api"
	return all
}

// Actions lists every action that a rule decides about, sorted.
func Actions() []string {
	var names []string
	for name := range actions() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// isAction reports whether the name is a rule of an API, not of a file's own.
func isAction(name string) bool {
	of, rest, _ := strings.Cut(name, ":")
	return (of == "placement" || of == "treenode") && rest != ""
}
