// Package cli is the command line: one file for each command, cobra for the
// parsing, tables and trees for people, JSON for programs.
//
// Guarantees: every flag can also be set by the environment (TREENODE_ and the
// flag's name in capitals with underscores) and, for serve, in a YAML file; a
// flag wins over the environment, which wins over the file. Results go to
// standard output, everything else to standard error. Exit codes are in
// exit.go.
package cli
