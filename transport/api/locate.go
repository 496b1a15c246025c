package api

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/treenode/treenode/transport/wire"
)

// locate turns the field of a refusal, a path in the operation as package tree
// has it, into the path in the transaction as the caller wrote it.
func locate(e *wire.Error, t wire.Txn) {
	if e.Op == nil || *e.Op >= len(t.Ops) {
		return
	}
	op := t.Ops[*e.Op]
	kind, _ := only(op)
	field := e.Field
	switch {
	case op.Claim != nil:
		field = locateAllocation(field, op.Claim.Consumers)
	case op.Reshape != nil:
		field = locateAllocation(field, op.Reshape.Consumers)
	case op.Release != nil:
		field = strings.TrimSuffix(field, ".uuid") // its consumers are plain UUIDs
	}
	e.Field = field
	_ = within(fmt.Sprintf("ops[%d].%s", *e.Op, kind), e) // it is e itself
}

var allocationPath = regexp.MustCompile(`^consumers\[(\d+)\]\.allocations\[(\d+)\]`)

// locateAllocation undoes what claimsOf does to the indexes of allocations.
func locateAllocation(field string, claims []wire.ConsumerClaim) string {
	found := allocationPath.FindStringSubmatch(field)
	if found == nil {
		return field
	}
	i, errI := strconv.Atoi(found[1])
	j, errJ := strconv.Atoi(found[2])
	if errI != nil || errJ != nil || i >= len(claims) {
		return field
	}
	return fmt.Sprintf("consumers[%d].allocations[%d]%s", i, wireAllocation(claims[i], j), field[len(found[0]):])
}

var opPath = regexp.MustCompile(`^ops\[\d+\]\.[a-z_]+\.?`)

// bare rewrites a transaction's path for a route whose body is the operation.
func bare(e *wire.Error) *wire.Error {
	e.Field = opPath.ReplaceAllString(e.Field, "")
	if e.Code == wire.CodeConflict {
		e.Field = "generation" // the one precondition that such a body can have
	}
	e.Op = nil
	return e
}

// ofConsumer is bare for a route whose body is the one consumer of a claim.
func ofConsumer(e *wire.Error) *wire.Error {
	e = bare(e)
	e.Field = strings.TrimPrefix(e.Field, "consumers[0].")
	return e
}
