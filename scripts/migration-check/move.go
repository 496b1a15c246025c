package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/treenode/treenode/cmd/treenode/local"
	"github.com/treenode/treenode/transport/wire"
)

// kills are how many transactions happen until an import is killed, for each
// time: names and providers, then some of the consumers.
var kills = []int64{2, 1}

const exitRefused = 3

// errKilled stands for the answer that the import does not get.
var errKilled = errors.New("the import is killed")

// mover plays the operator.
type mover struct {
	ctx         context.Context
	binary, dir string
	oracle      string // URL
	node        string // URL of the node in use
}

func (m *mover) all() (err error) {
	nodes, err := local.New(local.Options{Binary: m.binary, Args: []string{"--policy-mode", "legacy"}, Dir: filepath.Join(m.dir, "nodes"), Nodes: 1})
	if err != nil {
		return err
	}
	second, err := local.New(local.Options{Binary: m.binary, Dir: filepath.Join(m.dir, "second"), Nodes: 1})
	if err != nil {
		return err
	}
	for _, c := range []*local.Cluster{nodes, second} {
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), startPatience)
			defer cancel()
			err = errors.Join(err, c.Stop(ctx))
		}()
		ctx, cancel := context.WithTimeout(m.ctx, startPatience)
		defer cancel()
		if err := c.Start(); err != nil {
			return err
		}
		if err := c.WaitReady(ctx); err != nil {
			return err
		}
	}
	m.node = "http://" + nodes.Endpoints()[0]
	from := []string{"import", "--from", m.oracle, "--from-noauth"}
	for i, n := range kills {
		args := from
		if i > 0 {
			if _, err := m.treenode(exitRefused, from...); err != nil {
				return fmt.Errorf("an import onto a part of one: %w", err)
			}
			args = append(slices.Clone(from), "--resume")
		}
		if err := m.killed(n, args...); err != nil {
			return fmt.Errorf("import to be killed for the %d. time: %w", i+1, err)
		}
	}
	steps := []struct {
		what string
		want int
		args []string
	}{
		{"import goes on", 0, append(slices.Clone(from), "--resume")},
		{"all is there", 0, append(slices.Clone(from), "--verify")},
		{"and shown by the node's own Placement API", 0, []string{"import", "--verify", "--from", m.node + "/placement", "--from-noauth"}},
	}
	for _, s := range steps {
		began := time.Now()
		out, err := m.treenode(s.want, s.args...)
		if err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		fmt.Printf("%s: %s; %.1f s\n", s.what, lines[len(lines)-1], time.Since(began).Seconds())
	}
	if err := m.plantDifferences(from); err != nil {
		return fmt.Errorf("planted differences: %w", err)
	}
	return m.exportAndBack("http://" + second.Endpoints()[0])
}

// treenode runs the program against the node in use, and wants an exit code.
func (m *mover) treenode(want int, args ...string) (stdout string, err error) {
	cmd := exec.CommandContext(m.ctx, m.binary, append(args, "--endpoint", m.node)...) //nolint:gosec // our own binary
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return "", err
	}
	if code := cmd.ProcessState.ExitCode(); code != want {
		return "", fmt.Errorf("treenode %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out.Bytes(), errs.Bytes())
	}
	return out.String(), nil
}

// killed runs an import and kills it once its n-th transaction has happened,
// of which it does not hear. One more does not get through.
func (m *mover) killed(n int64, args ...string) error {
	node, err := url.Parse(m.node)
	if err != nil {
		return err
	}
	ctx, kill := context.WithCancel(m.ctx)
	defer kill()
	var happened atomic.Int64
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(node) },
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del(wire.HeaderLeader) // it would be asked directly from then on
			if strings.HasSuffix(r.Request.URL.Path, "/txn") && happened.Add(1) == n {
				kill()
				return errKilled
			}
			return nil
		},
	}
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	var writes atomic.Int64
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/txn") && writes.Add(1) > n {
			<-ctx.Done()
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	defer between.Close()
	cmd := exec.CommandContext(ctx, m.binary, append(slices.Clone(args), "--endpoint", between.URL)...) //nolint:gosec // our own binary
	out, err := cmd.CombinedOutput()
	switch {
	case m.ctx.Err() != nil:
		return m.ctx.Err()
	case happened.Load() < n:
		return fmt.Errorf("it ended by itself: %s\n%s", cmd.ProcessState, out)
	case err == nil:
		return errors.New("it ended well although an answer was missing")
	}
	return nil
}

// plantDifferences changes the node and wants exactly that to be found.
func (m *mover) plantDifferences(from []string) error {
	for _, args := range [][]string{
		{"provider", "rename", uuidOf(hosts, 3), "renamed"},
		{"trait", "add", uuidOf(numaNodes, 4), "CUSTOM_RACK_7"},
		{"claim", "release", uuidOf(instances, 7)},
	} {
		if _, err := m.treenode(0, args...); err != nil {
			return err
		}
	}
	out, err := m.treenode(1, append(slices.Clone(from), "--verify", "-o", "json")...)
	if err != nil {
		return err
	}
	var answer struct {
		Differences []struct{ Kind, ID, Field, Source, Target string }
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		return err
	}
	found := map[string]bool{}
	for _, d := range answer.Differences {
		found[d.Kind+" "+d.ID+" "+d.Field] = true
	}
	want := []string{
		"consumer " + uuidOf(instances, 7) + " ",
		"provider " + uuidOf(hosts, 3) + " name",
		"provider " + uuidOf(numaNodes, 4) + " traits",
		"provider " + uuidOf(numaNodes, 7) + " used.PCPU",
		"provider " + uuidOf(numaNodes, 7) + " used.VCPU",
	}
	if have := slices.Sorted(maps.Keys(found)); !slices.Equal(have, want) || len(answer.Differences) != len(want) {
		return fmt.Errorf("found %q, want %q", have, want)
	}
	fmt.Printf("three changes were made, and found: %d differences\n", len(want))
	return nil
}

// exportAndBack carries the node's contents to another node by a file.
func (m *mover) exportAndBack(to string) error {
	file := filepath.Join(m.dir, "export.jsonl")
	if _, err := m.treenode(0, "export", file); err != nil {
		return err
	}
	m.node = to
	if _, err := m.treenode(0, "import", "--file", file); err != nil {
		return err
	}
	out, err := m.treenode(0, "import", "--verify", "--file", file)
	if err == nil {
		fmt.Printf("exported, and imported into another node: %s", out)
	}
	return err
}
