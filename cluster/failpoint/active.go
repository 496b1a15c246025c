//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Active reports whether this program has points.
const Active = true

// lookInterval is how often the file is read.
const lookInterval = 20 * time.Millisecond

// arming is what the file says: the point, and how often it may still be
// reached.
type arming struct {
	point Point
	left  atomic.Int64
}

var armed atomic.Pointer[arming]

func init() { Watch("TREENODE_FAILPOINT_FILE", arm) }

// arm takes what the file says. An empty file disarms.
func arm(text string) error {
	if text == "" {
		armed.Store(nil)
		return nil
	}
	name, count, _ := strings.Cut(text, "@")
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil || n < 1 {
		return fmt.Errorf("failpoint: %q is not of the form point@count", text)
	}
	a := &arming{point: Point(name)}
	a.left.Store(n)
	armed.Store(a)
	return nil
}

// Reach ends the process if the point is the armed one and its turn has come.
// It does not return then.
func Reach(p Point) {
	a := armed.Load()
	if a == nil || a.point != p || a.left.Add(-1) != 0 {
		return
	}
	fmt.Fprintf(os.Stderr, "failpoint: %s\n", p)
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // until the kernel has done it
}

// Watch hands the content of the file that a variable names to take, at once
// and whenever it has changed. A file that is not there is empty. What can't be
// taken ends the process: a test that arms nothing shows nothing.
func Watch(variable string, take func(text string) error) {
	path := os.Getenv(variable)
	if path == "" {
		return
	}
	last := ""
	look := func() {
		b, err := os.ReadFile(path) //nolint:gosec // the tester names it
		if err != nil && !os.IsNotExist(err) {
			panic(err)
		}
		text := strings.TrimSpace(string(b))
		if text == last {
			return
		}
		if err := take(text); err != nil {
			panic(err)
		}
		last = text
	}
	look()
	go func() {
		for range time.Tick(lookInterval) {
			look()
		}
	}()
}
