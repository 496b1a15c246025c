// Package persistent has the sorted map that the busiest tables of a state are
// kept in: a B+tree that shares with other versions what it does not change.
//
// # Guarantees
//
//   - A Map that is copied (it is a small value) stays as it is, whatever is
//     written to the copy under another Edit. Any number of goroutines read it
//     without locks.
//   - A write copies each node on its path once for an Edit, however many
//     writes that Edit does.
//   - The order of writes decides how a Map is laid out, never what it holds or
//     in which order it is walked.
//
// # Why not a library
//
// The general B-tree compares through a function that is called for each
// element, and its nodes are so large that copying them was most of what a
// claim of one consumer cost. Here a whole node is searched by one function
// made for the key's type, keys lie in the node rather than behind a pointer,
// and a node is half as large.
//
// # Known limits
//
// A deletion merges a small node only with a sibling that has room for it. A
// leaf may hold a single element, between two that are nearly full.
package persistent
