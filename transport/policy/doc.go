// Package policy decides who may do what: one table of rules for both APIs, in
// the language of oslo.policy, with three modes and a file that overrides single
// rules.
//
// Guarantees: an action without a rule, a rule that nobody defined and one that
// leads to itself allow nobody. Placement's rules decide as that service does;
// requests in the scope of the whole deployment are refused there. A request in
// the scope of a domain is allowed nothing. A Policy is immutable.
//
// Known limits: rules of a file that can't be read keep the node from starting,
// rather than deny. Checks that ask another server (http:) are refused.
package policy
