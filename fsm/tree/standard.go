package tree

import (
	_ "embed"
	"strings"
)

//go:embed standard/resource_classes.txt
var standardClasses string

//go:embed standard/traits.txt
var standardTraits string

// firstCustom is the number of the first custom class or trait; the standard
// ones count from 0 in the order of their files, as the Placement service
// numbers them.
const firstCustom = 10000

const customPrefix = "CUSTOM_"

// StandardResourceClasses returns the classes every state has, in number order.
func StandardResourceClasses() []string { return strings.Fields(standardClasses) }

// StandardTraits returns the traits every state has, in number order.
func StandardTraits() []string { return strings.Fields(standardTraits) }
