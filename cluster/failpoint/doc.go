// Package failpoint names the lines of a node at which the end of the process
// is most dangerous, for tests that end it there.
//
// Guarantees: in an ordinary build Reach is empty and the compiler leaves
// nothing of it. Only a program that was built with the tag failpoints has
// points: it reads the file that TREENODE_FAILPOINT_FILE names, again and again,
// so that a node can be armed while it runs. "append-before@3" there ends the
// process with SIGKILL the third time that it reaches that point after the file
// was read. A program with the tag is for tests and never for a service.
//
// # Known limits
//
// A kill leaves the page cache as it is: what was written and not flushed is
// there afterwards. Power cuts are the business of the fault campaign's disks.
package failpoint
