package placement

import (
	"context"
	"net/http"
	"testing"
)

// As many searches run as may; one more waits, and is told when to come again.
func TestSearchesAreBounded(t *testing.T) {
	h := &handler{config: Config{searches: make(chan struct{}, 2)}}
	ctx, cancel := context.WithCancel(t.Context())
	c := &call{handler: h, ctx: ctx}
	for range 2 {
		if f := c.beginSearch(); f != nil {
			t.Fatal(f)
		}
	}
	got := make(chan *failure)
	go func() { got <- c.beginSearch() }()
	c.endSearch()
	if f := <-got; f != nil {
		t.Fatalf("refused though there is room: %+v", f)
	}
	cancel() // instead of waiting for the time to be over
	if f := c.beginSearch(); f == nil || f.status != http.StatusServiceUnavailable || f.retryAfter <= 0 {
		t.Errorf("one too many: %+v", f)
	}
}
