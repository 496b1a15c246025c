package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// load is what clients do while a cluster is attacked: each node has one that writes.
type load struct {
	c     *secureCluster
	token string
	end   context.CancelFunc
	done  sync.WaitGroup

	mu     sync.Mutex
	acked  [][]time.Time // by node
	names  map[string]bool
	unsure map[string]bool // not acknowledged, and may be there all the same
	failed []string
	// turnedAway is set once a client was refused for who it is.
	turnedAway bool
}

// writePause keeps a client below the rate that a principal has.
const writePause = 20 * time.Millisecond

func startLoad(t *testing.T, c *secureCluster, token string) *load {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	l := &load{c: c, token: token, end: end, acked: make([][]time.Time, len(c.servers)), names: map[string]bool{}, unsure: map[string]bool{}}
	for i, s := range c.servers {
		client := &http.Client{Transport: c.client(t).Transport.(*http.Transport).Clone(), Timeout: patience}
		client.Transport.(*http.Transport).DisableKeepAlives = false
		l.done.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.write(client, s.URL(), i, fmt.Sprintf("load-%d-%d", i, n))
				time.Sleep(writePause)
			}
		})
	}
	t.Cleanup(l.stop)
	return l
}

func (l *load) stop() {
	l.end()
	l.done.Wait()
}

func (l *load) write(client *http.Client, url string, node int, name string) {
	status := 0
	r, err := http.NewRequest(http.MethodPost, url+"/v1/providers", strings.NewReader(`{"name": "`+name+`"}`))
	if err == nil {
		r.Header = http.Header{"X-Auth-Token": {l.token}, "Content-Type": {"application/json"}}
		var answer *http.Response
		if answer, err = client.Do(r); err == nil {
			answer.Body.Close()
			if status = answer.StatusCode; status != http.StatusCreated {
				err = fmt.Errorf("status %d", answer.StatusCode)
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turnedAway = l.turnedAway || status == 401 || status == 403 || status == 429
	if err != nil {
		l.unsure[name] = true
		l.failed = append(l.failed, fmt.Sprintf("%s by n%d: %v", name, node+1, err))
		return
	}
	l.names[name] = true
	l.acked[node] = append(l.acked[node], time.Now())
}

// since waits until every client has had an acknowledgement after now, and returns the
// longest time that one of them was without, and what failed.
func (l *load) since(t *testing.T, began time.Time) (longest time.Duration, failed []string) {
	t.Helper()
	now := time.Now()
	for node := range l.acked {
		for deadline := now.Add(patience); ; time.Sleep(time.Millisecond) {
			l.mu.Lock()
			all := l.acked[node]
			good := len(all) > 0 && all[len(all)-1].After(now)
			l.mu.Unlock()
			if good {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("no write by n%d is acknowledged any more: %q", node+1, l.failed)
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for node, all := range l.acked {
		last, kept := began, all[:0:0]
		for _, at := range all {
			if at.Before(began) {
				continue
			}
			longest, last = max(longest, at.Sub(last)), at
			kept = append(kept, at)
		}
		l.acked[node] = kept
	}
	failed, l.failed = l.failed, nil
	return longest, failed
}

// check compares what the nodes have with what was acknowledged.
func (l *load) check(t *testing.T) {
	t.Helper()
	client := l.c.client(t)
	get := func(url string, into any) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", l.token)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if err := json.NewDecoder(answer.Body).Decode(into); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", url, answer.StatusCode, err)
		}
		if answer.TLS == nil || answer.TLS.Version != tls.VersionTLS13 || answer.ProtoMajor != 1 {
			t.Errorf("%s over %+v", answer.Proto, answer.TLS)
		}
	}
	var first map[string]any
	for _, s := range l.c.servers {
		var digest map[string]any
		get(s.URL()+"/v1/digest", &digest)
		if first == nil {
			first = digest
		}
		if fmt.Sprint(digest) != fmt.Sprint(first) {
			t.Errorf("%v at %s, %v at the first", digest, s.URL(), first)
		}
	}
	var all struct {
		ResourceProviders []struct{ Name string } `json:"resource_providers"`
	}
	get(l.c.servers[0].URL()+"/resource_providers", &all)
	there := map[string]bool{}
	for _, p := range all.ResourceProviders {
		if there[p.Name] = true; !l.names[p.Name] && !l.unsure[p.Name] {
			t.Errorf("an attacker has made %q", p.Name)
		}
	}
	for name := range l.names {
		if !there[name] {
			t.Errorf("%s was acknowledged and is not there", name)
		}
	}
	if len(l.names) == 0 || l.turnedAway {
		t.Errorf("%d are acknowledged; turned away for who they are: %v", len(l.names), l.turnedAway)
	}
}
