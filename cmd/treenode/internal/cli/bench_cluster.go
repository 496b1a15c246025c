package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/bench"
	"github.com/treenode/treenode/cmd/treenode/local"
)

// profileBytesMax bounds a profile.
const profileBytesMax = 64 << 20

// own measures a cluster that it starts and stops.
func (o *benchFlags) own(ctx context.Context) (result bench.Result, err error) {
	dir, err := os.MkdirTemp(o.dir, "treenode-bench-")
	if err != nil {
		return result, err
	}
	started := false
	defer func() {
		if started { // else the nodes' logs say why not
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	binary, err := os.Executable()
	if err != nil {
		return result, err
	}
	options := local.Options{Binary: binary, Dir: dir, Nodes: o.nodes, Args: append([]string{"--log-level", "warn"}, o.nodeArgs...)}
	profiles := map[string]string{} // addresses by node
	if o.profile != "" {
		if profiles, err = profileAddresses(o.nodes); err != nil {
			return result, err
		}
		options.ArgsOf = func(id string) []string { return []string{"--pprof", profiles[id]} }
	}
	cluster, err := local.New(options)
	if err != nil {
		return result, err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		err = errors.Join(err, cluster.Stop(stop))
	}()
	if err := cluster.Start(); err != nil {
		return result, err
	}
	ready, cancel := context.WithTimeout(ctx, devReady)
	defer cancel()
	if err := cluster.WaitReady(ready); err != nil {
		return result, err
	}
	started = true
	native, err := client.New(cluster.Endpoints())
	if err != nil {
		return result, err
	}
	defer native.Close()
	leader, urls, err := leaderFirst(ctx, native, cluster)
	if err != nil {
		return result, err
	}
	name := fmt.Sprintf("treenode, %d nodes", o.nodes)
	if o.leaderOnly {
		urls, name = urls[:1], name+", leader only"
	}
	run := o.Options
	if len(run.Workloads) == 1 {
		run.Keep = true // nothing is measured after it, and the cluster goes with all that it holds
	}
	if o.profile != "" {
		run.Measuring = func(ctx context.Context, row string, d time.Duration) func() error {
			return startProfile(ctx, profiles[leader], o.profileFile(row), d)
		}
	}
	t := bench.Target{Name: name, URLs: urls, Token: o.token, Skip: o.skip, Native: native}
	return bench.Run(ctx, &t, run)
}

// leaderFirst is the leader's id and the URLs of all nodes, its own first, so
// that where there is one client it talks to the leader.
func leaderFirst(ctx context.Context, c *client.Client, cluster *local.Cluster) (leader string, urls []string, err error) {
	status, err := c.Cluster(ctx)
	if err != nil {
		return "", nil, err
	}
	for _, n := range cluster.Nodes {
		if url := "http://" + n.API; n.ID == status.LeaderID {
			urls = append([]string{url}, urls...)
		} else {
			urls = append(urls, url)
		}
	}
	return status.LeaderID, urls, nil
}

// profileAddresses finds a free port for each node's profiles.
func profileAddresses(nodes int) (map[string]string, error) {
	all := map[string]string{}
	for i := range nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // held until all are chosen
		all[fmt.Sprintf("n%d", i+1)] = l.Addr().String()
	}
	return all, nil
}

// profileFile is the file of a row's profile: the one asked for, with the row's
// name in it where there may be several.
func (o *benchFlags) profileFile(row string) string {
	if len(o.Only) == 1 && o.Only[0] == row {
		return o.profile
	}
	ext := filepath.Ext(o.profile)
	return strings.TrimSuffix(o.profile, ext) + "-" + row + ext
}

// startProfile takes a CPU profile for a time. The function returned waits for
// it and writes it.
func startProfile(ctx context.Context, address, file string, d time.Duration) func() error {
	done := make(chan error, 1)
	go func() { done <- fetchProfile(ctx, address, file, d) }()
	return func() error { return <-done }
}

func fetchProfile(ctx context.Context, address, file string, d time.Duration) (err error) {
	seconds := max(1, int(d.Seconds()))
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", address, seconds)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	profile, err := io.ReadAll(io.LimitReader(answer.Body, profileBytesMax))
	if err != nil {
		return err
	}
	return os.WriteFile(file, profile, 0o600)
}
