package tree

// Limits of what a provider tree may hold. The lengths, in bytes, and the
// amounts are those of the Placement API, so that every state can be told
// through it.
const (
	providerNameLenMax     = 200
	vocabularyNameLenMax   = 255 // resource classes and traits
	ownerLenMax            = 255 // project, user and consumer type
	amountMax              = 1<<31 - 1
	deviceIdentifierLenMax = 255
	deviceMetadataLenMax   = 4096
)
