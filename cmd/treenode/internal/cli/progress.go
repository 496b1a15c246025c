package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// progressAfter is how long a command may take without a word.
	progressAfter = 2 * time.Second
	progressEvery = 200 * time.Millisecond
)

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// progress shows that something goes on, where a terminal watches. The
// function returned ends it and takes the line away; it may be called often.
func progress(w io.Writer, what string) (quiet func()) {
	return progressOf(w, func() string { return what })
}

// progressOf is progress of something that changes.
func progressOf(w io.Writer, what func() string) (quiet func()) {
	if !terminal(w) {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		spin(w, what, done)
	}()
	var once sync.Once
	return func() {
		once.Do(func() {
			close(done)
			<-ended
		})
	}
}

func spin(w io.Writer, what func() string, done <-chan struct{}) {
	began := time.Now()
	next := time.NewTimer(progressAfter)
	defer next.Stop()
	for i := 0; ; i++ {
		select {
		case <-done:
			if i > 0 {
				fmt.Fprint(w, "\r\x1b[K")
			}
			return
		case <-next.C:
			fmt.Fprintf(w, "\r\x1b[K%c %s, %d s", spinner[i%len(spinner)], what(), int(time.Since(began).Seconds()))
			next.Reset(progressEvery)
		}
	}
}
