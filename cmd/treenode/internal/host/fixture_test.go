package host

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A fixture is a captured tree of files: content by path, where a symbolic
// link is "-> target". Its text form has a section for each directory:
//
//	[/sys/block]                      the directory; {a,b} stands for several
//	sda/size = 2048                   a file of one line
//	sdb -> ../devices/.../block/sdb   a link
//	uevent:                           a file of many lines, each after a tab
//		MAJOR=8
//	cpuinfo * 4:                      the lines four times, $n counting from 0
type fixture map[string]string

func loadFixture(t testing.TB, name string) fixture {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{}
	var dirs []string
	put := func(name, content string) {
		for _, dir := range dirs {
			path := filepath.Join(dir, name)
			if _, twice := f[path]; twice {
				t.Fatalf("%s is given twice", path)
			}
			f[path] = content
		}
	}
	lines := strings.Split(string(data), "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], " ")
		name, value, isValue := strings.Cut(line+" ", " = ")
		link, target, isLink := strings.Cut(line, " -> ")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			dirs = braces(line[1 : len(line)-1])
		case isValue:
			put(name, strings.TrimSpace(value)+"\n")
		case isLink:
			put(link, "-> "+target)
		case strings.HasSuffix(line, ":"):
			var block strings.Builder
			for i+1 < len(lines) && (strings.HasPrefix(lines[i+1], "\t") || lines[i+1] == "") {
				i++
				block.WriteString(strings.TrimPrefix(lines[i], "\t") + "\n")
			}
			name, times, repeated := strings.Cut(strings.TrimSuffix(line, ":"), " * ")
			count := 1
			if repeated {
				if count, err = strconv.Atoi(times); err != nil {
					t.Fatalf("line %d: %v", i+1, err)
				}
			}
			var content strings.Builder
			for n := range count {
				content.WriteString(strings.ReplaceAll(block.String(), "$n", strconv.Itoa(n)))
			}
			put(name, content.String())
		default:
			t.Fatalf("line %d: %q makes no sense", i+1, line)
		}
	}
	return f
}

// braces expands the first {a,b,c} of a text.
func braces(text string) []string {
	head, rest, found := strings.Cut(text, "{")
	list, tail, closed := strings.Cut(rest, "}")
	if !found || !closed {
		return []string{text}
	}
	var all []string
	for one := range strings.SplitSeq(list, ",") {
		all = append(all, head+one+tail)
	}
	return all
}

// write lays the tree out in a directory of the test.
func (f fixture) write(t testing.TB) Root {
	t.Helper()
	root := Root(t.TempDir())
	f.writeTo(t, root)
	return root
}

func (f fixture) writeTo(t testing.TB, root Root) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(f)) {
		if err := os.MkdirAll(filepath.Dir(root.at(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, isLink := strings.CutPrefix(f[path], "-> "); isLink {
			err = os.Symlink(target, root.at(path))
		} else {
			err = os.WriteFile(root.at(path), []byte(f[path]), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// read reads the machine of a fixture, which must succeed.
func (f fixture) read(t testing.TB) *Machine {
	t.Helper()
	m, err := Read(f.write(t))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
