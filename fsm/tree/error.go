package tree

import "fmt"

// Code names the reason of a refusal. Numbers are part of the log's memory of
// answers: append only.
type Code uint16

// The reasons of refusal.
const (
	CodeInvalid           Code = 1
	CodeProviderNotFound  Code = 2
	CodeProviderExists    Code = 3
	CodeDuplicateName     Code = 4
	CodeProviderHasChild  Code = 5
	CodeProviderInUse     Code = 6
	CodeLoop              Code = 7
	CodeOrphan            Code = 8
	CodeClassNotFound     Code = 9
	CodeClassExists       Code = 10
	CodeClassInUse        Code = 11
	CodeTraitNotFound     Code = 12
	CodeTraitInUse        Code = 13
	CodeInventoryNotFound Code = 14
	CodeInventoryExists   Code = 15
	CodeInventoryInUse    Code = 16
	CodeCapacityExceeded  Code = 17
	CodeAmountInvalid     Code = 18
	CodeConsumerNotFound  Code = 19
	CodeConflict          Code = 20
	// The codes from 21 are given by package fsm, not here.
	CodeRequestIDReused   Code = 21
	CodeRequestIDExpired  Code = 22
	CodeRequestIDInFuture Code = 23
	// CodeFault is what an injected step failure reads as, in tests.
	CodeFault Code = 24
)

var codeNames = [...]string{
	CodeInvalid:           "invalid",
	CodeProviderNotFound:  "provider_not_found",
	CodeProviderExists:    "provider_exists",
	CodeDuplicateName:     "duplicate_name",
	CodeProviderHasChild:  "provider_has_children",
	CodeProviderInUse:     "provider_in_use",
	CodeLoop:              "loop",
	CodeOrphan:            "orphan",
	CodeClassNotFound:     "resource_class_not_found",
	CodeClassExists:       "resource_class_exists",
	CodeClassInUse:        "resource_class_in_use",
	CodeTraitNotFound:     "trait_not_found",
	CodeTraitInUse:        "trait_in_use",
	CodeInventoryNotFound: "inventory_not_found",
	CodeInventoryExists:   "inventory_exists",
	CodeInventoryInUse:    "inventory_in_use",
	CodeCapacityExceeded:  "capacity_exceeded",
	CodeAmountInvalid:     "amount_invalid",
	CodeConsumerNotFound:  "consumer_not_found",
	CodeConflict:          "conflict",
	CodeRequestIDReused:   "request_id_reused",
	CodeRequestIDExpired:  "request_id_expired",
	CodeRequestIDInFuture: "request_id_in_future",
	CodeFault:             "internal",
}

// String returns the code's name on the wire.
func (c Code) String() string {
	if int(c) < len(codeNames) && codeNames[c] != "" {
		return codeNames[c]
	}
	return fmt.Sprintf("code_%d", uint16(c))
}

// Codes returns every code there is.
func Codes() []Code {
	var all []Code
	for c := range codeNames {
		if codeNames[c] != "" {
			all = append(all, Code(c))
		}
	}
	return all
}

// Error is a refusal: deterministic, the same on every replica, and the state
// is as it was.
type Error struct {
	Code    Code
	Message string
	// Op is the index of the refused operation, -1 when it is none of them.
	Op int
	// Field is the path of the offending field within the operation, such as
	// "inventories.VCPU.total"; empty when no single field is to blame.
	Field string
	// Provider and Consumer name what the refusal is about: a UUID, or the
	// name that was not found.
	Provider string
	Consumer string
	// Conflicts lists every precondition that did not hold (CodeConflict).
	Conflicts []Conflict
}

// Conflict is a precondition that did not hold.
type Conflict struct {
	Precondition int // its index
	Provider     string
	Consumer     string
	Want         uint64
	Have         uint64
	Missing      bool // the provider or consumer does not exist; Have is void
	// Structural is set where no number is compared: something exists that
	// should not, or hangs below another parent.
	Structural bool
}

// Error implements error.
func (e *Error) Error() string { return e.Code.String() + ": " + e.Message }

func refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Op: -1, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) at(field string) *Error { e.Field = field; return e }

func (e *Error) about(p *provider) *Error { e.Provider = p.uuid.String(); return e }

func invalid(field, format string, args ...any) *Error {
	return refuse(CodeInvalid, format, args...).at(field)
}
