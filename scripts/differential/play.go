package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/treenode/treenode/transport/placement/placementtest"
)

// comparison is a pair of servers.
type comparison struct {
	real, ours    string
	client        *http.Client
	played, known int
	space         int64 // of the last history
}

// difference is a step whose answers differ.
type difference struct {
	at         int
	step       step
	real, ours placementtest.Answer
}

func (d *difference) String() string {
	return fmt.Sprintf("%s\nreference: %sours:      %s", strings.Join(d.step.words(), " "), d.real, d.ours)
}

// play plays a history to both and stops at the first difference.
func (c *comparison) play(history []step) (*difference, error) {
	// Eight digits that no history before had, also not in an earlier run.
	next := time.Now().UnixMicro() / 1000 % 1e8
	c.space = max(c.space+1, next)
	space := fmt.Sprintf("%08d", c.space%1e8)
	for i, s := range history {
		c.played++
		r, err := c.send(c.real, space, s)
		if err != nil {
			return nil, err
		}
		o, err := c.send(c.ours, space, s)
		if err != nil {
			return nil, err
		}
		if r.String() == o.String() {
			continue
		}
		switch judge(s, r, o) {
		case same:
			c.known++
		case parted:
			c.known++
			return nil, nil
		case differs:
			return &difference{i, s, r, o}, nil
		}
	}
	return nil, nil
}

func (c *comparison) send(base, space string, s step) (placementtest.Answer, error) {
	body, err := c.generations(base, space, s.body)
	if err != nil {
		return placementtest.Answer{}, err
	}
	a, err := placementtest.Send(c.client, base, placementtest.Request{
		Method: s.method, Path: strings.ReplaceAll(s.path, "{ns}", space), Version: s.version,
		Headers: s.headers, Body: strings.ReplaceAll(body, "{ns}", space),
	})
	if err != nil {
		return a, fmt.Errorf("%s: %w", strings.Join(s.words(), " "), err)
	}
	a.Body = strings.ReplaceAll(a.Body, space, "{ns}")
	for name, value := range a.Headers {
		a.Headers[name] = strings.ReplaceAll(value, space, "{ns}")
	}
	return a, nil
}

// wanted is a place in a body for the generation that a server has now.
var wanted = regexp.MustCompile(`"{(gen|cgen):([^}]*(?:{ns})[^}]*)}"`)

func (c *comparison) generations(base, space, body string) (string, error) {
	var failed error
	filled := wanted.ReplaceAllStringFunc(body, func(place string) string {
		m := wanted.FindStringSubmatch(place)
		path, member := "/resource_providers/"+m[2], "generation"
		if m[1] == "cgen" {
			path, member = "/allocations/"+m[2], "consumer_generation"
		}
		a, err := placementtest.Send(c.client, base, placementtest.Request{
			Method: http.MethodGet, Path: strings.ReplaceAll(path, "{ns}", space), Version: "1.39",
		})
		if err != nil {
			failed = err
			return place
		}
		var shown map[string]any
		if json.Unmarshal([]byte(a.Body), &shown) != nil {
			return "0"
		}
		if n, ok := shown[member].(float64); ok {
			return strconv.FormatInt(int64(n), 10)
		}
		if m[1] == "cgen" {
			return "null"
		}
		return "0"
	})
	return filled, failed
}

// shrink removes steps as long as some difference remains at the last one.
func (c *comparison) shrink(history []step, d *difference) ([]step, *difference, error) {
	for size := len(history) / 2; size > 0; {
		removed := false
		for from := 0; from+size < len(history); {
			less := append(append([]step(nil), history[:from]...), history[from+size:]...)
			again, err := c.play(less)
			if err != nil {
				return nil, nil, err
			}
			if again == nil {
				from += size
				continue
			}
			history, d, removed = less[:again.at+1], again, true
		}
		if !removed || size > 1 {
			size /= 2
		}
	}
	return history, d, nil
}
