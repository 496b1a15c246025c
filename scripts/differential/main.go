package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/treenode/treenode/transport/placement"
	"github.com/treenode/treenode/transport/placement/placementtest"
)

func main() {
	realURL := flag.String("real", "", "the `URL` of the reference service (needed)")
	ours := flag.String("ours", "", "the `URL` of this service; one in this process where it is not given")
	seed := flag.Uint64("seed", 0, "the `seed`; from the clock where it is 0")
	steps := flag.Int("steps", 2000, "how many `requests` to play to each")
	length := flag.Int("length", 40, "how many `requests` a history has")
	first := flag.Uint64("first", 0, "the `number` of the first history of the seed")
	all := flag.Bool("all", false, "go on after a difference, without shrinking it")
	flag.Parse()
	if *realURL == "" || flag.NArg() > 0 || *steps < 1 || *length < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	fmt.Printf("seed %d\n", *seed)
	c := &comparison{real: *realURL, ours: *ours, client: &http.Client{Timeout: time.Minute}}
	if c.ours == "" {
		handler, err := inProcess()
		if err != nil {
			exit(2, err)
		}
		server := httptest.NewServer(handler)
		defer server.Close()
		c.ours = server.URL
	}
	found, err := c.run(*seed, *first, *steps, *length, *all)
	switch {
	case err != nil:
		exit(2, err)
	case found > 0:
		exit(1, fmt.Errorf("%d differences after %d requests; seed %d", found, c.played, *seed))
	}
	fmt.Printf("no difference in %d requests; seed %d; %d were known\n", c.played, *seed, c.known)
}

func exit(code int, err error) {
	fmt.Fprintln(os.Stderr, "differential:", err)
	os.Exit(code)
}

// inProcess is this service on a store without Raft.
func inProcess() (http.Handler, error) {
	policy, err := placement.NewPolicy(placement.PolicyLegacy, nil)
	if err != nil {
		return nil, err
	}
	return placement.New(placementtest.NewNode(), placement.Config{Policy: policy})
}

// generatorOf makes the same histories of the same numbers.
func generatorOf(seed, number uint64) generator {
	return generator{rand.New(rand.NewPCG(seed, number))} //nolint:gosec // repeatable on purpose
}

// run plays histories until there were enough steps or a difference.
func (c *comparison) run(seed, first uint64, steps, length int, all bool) (int, error) {
	watched := term.IsTerminal(int(os.Stderr.Fd()))
	found := 0
	for number := first; c.played < steps; number++ {
		history := generatorOf(seed, number).history(length)
		difference, err := c.play(history)
		if err != nil {
			return found, err
		}
		if watched {
			fmt.Fprintf(os.Stderr, "\r%d of %d requests", c.played, steps)
		}
		if difference == nil {
			continue
		}
		found++
		if all {
			fmt.Printf("history %d\n%s\n", number, difference)
			continue
		}
		fmt.Printf("history %d differs at step %d; shrinking\n", number, difference.at)
		short, difference, err := c.shrink(history[:difference.at+1], difference)
		if err != nil {
			return found, err
		}
		for _, s := range short {
			fmt.Println("  " + strings.Join(s.words(), " "))
		}
		fmt.Println(difference)
		return found, nil
	}
	return found, nil
}
