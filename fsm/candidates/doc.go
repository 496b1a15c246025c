// Package candidates finds the ways to meet a request for resources: the
// allocation candidates of one state. It is a pure function of a *tree.State
// and a Request, and no part of applying commands.
package candidates
