package cluster

import "fmt"

// Code names the reason why the cluster could not say what became of a
// request, or why it certainly did not happen. The names are the wire's.
type Code string

// Reasons why a request certainly was not applied; trying again is safe.
const (
	CodeNoLeader Code = "no_leader"
	CodeNotReady Code = "not_ready"
	CodeBusy     Code = "busy"
	CodeDeadline Code = "deadline"
	CodeStopping Code = "stopping"
)

// CodeOutcomeUnknown says that the request may or may not have been applied, or may be
// yet. Try again only under the same request id.
const CodeOutcomeUnknown Code = "outcome_unknown"

// Reasons that end a node.
const (
	CodeHalted   Code = "halted"
	CodeInternal Code = "internal"
)

// CodeForbidden says that the leader's policy does not allow the change. It was
// certainly not applied.
const CodeForbidden Code = "forbidden"

// Refusals of cluster operations.
const (
	CodeTooLarge        Code = "too_large"
	CodeMemberNotFound  Code = "member_not_found"
	CodeMemberExists    Code = "member_exists"
	CodeClusterMismatch Code = "cluster_mismatch"
	CodeLastVoter       Code = "last_voter"
	CodeInvalid         Code = "invalid"
)

// Codes returns every code of this package.
func Codes() []Code {
	return []Code{
		CodeNoLeader, CodeNotReady, CodeBusy, CodeDeadline, CodeStopping, CodeOutcomeUnknown,
		CodeHalted, CodeInternal, CodeTooLarge, CodeMemberNotFound, CodeMemberExists,
		CodeClusterMismatch, CodeLastVoter, CodeInvalid, CodeForbidden,
	}
}

// Error is every error that a Node's methods return.
type Error struct {
	Code    Code
	Message string
	Err     error // the cause, if there is one
}

// Error implements error.
func (e *Error) Error() string { return string(e.Code) + ": " + e.text() }

// text is the error without its code.
func (e *Error) text() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func fail(code Code, err error, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Err: err}
}
