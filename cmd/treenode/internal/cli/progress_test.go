package cli

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The line comes after two seconds and goes away; before, and where no
// terminal watches, there is none.
func TestProgress(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		shown bool
	}{{time.Second, false}, {3 * time.Second, true}} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			done := make(chan struct{})
			time.AfterFunc(c.after, func() { close(done) })
			spin(&out, func() string { return "waiting" }, done)
			if got := strings.Contains(out.String(), "waiting, 2 s"); got != c.shown {
				t.Errorf("after %v: %q", c.after, out.String())
			}
			if c.shown != strings.HasSuffix(out.String(), "\r\x1b[K") {
				t.Errorf("the line stays: %q", out.String())
			}
		})
	}
	var out bytes.Buffer
	quiet := progress(&out, "waiting")
	quiet()
	quiet()
	if out.Len() != 0 {
		t.Errorf("a buffer is no terminal: %q", out.String())
	}
}
