// Package schema has the schemas of the Placement API's requests and says what
// a request gets wrong in the words that clients of that API know: the first
// problem, nearest to the root.
package schema
