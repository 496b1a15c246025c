package main

import (
	"fmt"
	"strings"
)

// mutation is a known bug and what should notice it.
type mutation struct {
	name string
	// bug says what is wrong with the mutated program.
	bug   string
	edits []edit
	// faults are those of the campaign that should reveal it, the most
	// promising one first. With none, blind says why the campaign can't.
	faults []string
	blind  string
	test   target
	// miss is why nothing is expected to notice it.
	miss string
}

// edit replaces a text that occurs exactly once in a file of this repository:
// the go command takes no overlay for other modules' files.
type edit struct {
	file     string
	old, new string
}

// target is one test of a package of this repository.
type target struct{ dir, name string }

func (t target) String() string { return t.dir + " " + t.name }

// fitError is an edit that can't be made any more.
type fitError struct {
	mutation, file string
	found          int
}

func (e *fitError) Error() string {
	return fmt.Sprintf("the mutation %s no longer fits: its text occurs %d times in %s, it has to once", e.mutation, e.found, e.file)
}

// apply makes the edit in a file's content. The error is a *fitError.
func (e edit) apply(mutation, content string) (string, error) {
	if n := strings.Count(content, e.old); n != 1 {
		return "", &fitError{mutation, e.file, n}
	}
	return strings.Replace(content, e.old, e.new, 1), nil
}
