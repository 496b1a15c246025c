// Package draw draws provider trees for a terminal: branches, and a usage bar
// for each inventory.
//
// Guarantees: the same providers and options give the same text. Names and
// other text of the store are made safe for a terminal: no control character
// in them reaches it. Every provider given is drawn exactly once, whatever
// the order, parents that are not given, or loops.
//
// Known limits: lines are not cut to the terminal's width, and columns are
// aligned by characters, which is wrong for wide ones.
package draw
