package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/scripts/faults/check"
	"github.com/treenode/treenode/scripts/faults/fleet"
	"github.com/treenode/treenode/scripts/faults/load"
	"github.com/treenode/treenode/transport/wire"
)

// Times of a run, beside those of the options.
const (
	formTimeout   = 60 * time.Second
	settleTimeout = 60 * time.Second
	askTimeout    = time.Second
	pollInterval  = 50 * time.Millisecond
	// warmUpShare and coolDownShare are of the whole duration.
	warmUpShare   = 0.15
	coolDownShare = 0.2
)

// plan is what one run is made from.
type plan struct {
	Seed     uint64        `json:"seed"`
	Nodes    int           `json:"nodes"`
	Faults   []string      `json:"faults"`
	Duration time.Duration `json:"duration_nanos"`
	Clients  int           `json:"clients"`
	Rate     int           `json:"rate"`
	// Compose is whether the nodes are containers.
	Compose bool `json:"compose,omitempty"`

	program      string
	failpoints   string // the program with failpoints, where a fault needs it
	previous     string // the program of an earlier version
	repository   string
	dir          string // for this run only
	loopback     bool
	checkTimeout time.Duration
}

// clients are how many there are, at the same rate of operations together.
func (p *plan) clients() int {
	times := 1
	for _, name := range p.Faults {
		times = max(times, faultNamed(name).crowd)
	}
	return times * p.Clients
}

// run is one run under way.
type run struct {
	plan
	fleet   fleet.Fleet
	r       *rand.Rand
	admin   *client.Client
	rec     *load.Recorder
	initial check.State
	since   uint64 // the index that shows it
	watch   *watch
	late    *lateness
	// member tells which nodes of the fleet belong to the cluster.
	member []bool
	// older tells which nodes are, or were last, started from the previous
	// program.
	older map[int]bool

	// shown is the state that all nodes showed in the end.
	shown wire.Digest

	bands []*band
	// broken are promises that a fault itself saw broken.
	broken []check.Finding
	// phases are the ends of warm-up and fault window, and of all.
	warm, healed, done int64
	// unwell is why the cluster did not recover; nil if it did.
	unwell error
}

// band is one fault from its begin to everything well.
type band struct {
	Fault string `json:"fault"`
	What  string `json:"what"`
	// QuorumLost is set where no write can be expected meanwhile.
	QuorumLost bool `json:"quorum_lost,omitempty"`
	// Refused is set where the cluster did not do what it was asked for: what is
	// promised of it then counts no more than of any fault.
	Refused bool `json:"refused,omitempty"`
	// In nanoseconds since the history began; 0 for never. Struck is when the
	// fault was there for certain. Wrote is when the first write called after
	// that (after Healed, where the quorum was lost) was acknowledged; Well when
	// all nodes had caught up.
	Begin  int64 `json:"begin"`
	Struck int64 `json:"struck"`
	Healed int64 `json:"healed"`
	Wrote  int64 `json:"wrote"`
	Well   int64 `json:"well"`
	// Gap is the longest time without an acknowledged write from Struck (from
	// Healed, where the quorum was lost) to Well.
	Gap time.Duration `json:"gap_nanos"`
	// Late is the latest tick of the driver meanwhile.
	Late time.Duration `json:"driver_late_nanos,omitempty"`
	// OtherReads and FormerReads are what countDeposed counts.
	OtherReads  int `json:"other_reads,omitempty"`
	FormerReads int `json:"former_reads,omitempty"`
}

// begin notes a fault.
func (r *run) begin(fault string, quorumLost bool, format string, args ...any) *band {
	b := &band{Fault: fault, What: fmt.Sprintf(format, args...), QuorumLost: quorumLost, Begin: r.rec.Now()}
	r.bands = append(r.bands, b)
	return b
}

// struck notes that the last fault is there.
func (r *run) struck() {
	r.bands[len(r.bands)-1].Struck = r.rec.Now()
}

// mended notes that the last fault is taken away from now on, where that is
// before the end of its injection.
func (r *run) mended() {
	r.bands[len(r.bands)-1].Healed = r.rec.Now()
}

// find notes a promise that a fault saw broken.
func (r *run) find(rule, format string, args ...any) {
	r.broken = append(r.broken, check.Finding{Rule: check.Rule(rule), Text: fmt.Sprintf(format, args...)})
}

// execute does the whole run. The error is of the driver or its surroundings;
// what the cluster did wrong is in the report.
func execute(ctx context.Context, p plan) (_ *report, err error) {
	r := &run{plan: p, r: rand.New(rand.NewPCG(p.Seed, 0))} //nolint:gosec // repeatable, not secret
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	config := fleet.Config{Program: p.program, Dir: p.dir, Nodes: p.Nodes, Loopback: p.loopback}
	if p.Compose {
		config.Compose = filepath.Join(p.repository, "docker-compose.yml")
	}
	for _, name := range p.Faults {
		f := faultNamed(name)
		config.Disks = config.Disks || f.needs == fleet.Disk
		config.Spare = max(config.Spare, f.spare)
		config.Args = append(config.Args, f.args...)
	}
	opened, err := fleet.Open(config)
	if err != nil {
		return nil, err
	}
	r.fleet = opened
	defer func() { err = errors.Join(err, opened.Close()) }()
	for _, name := range p.Faults {
		if f := faultNamed(name); f.needs != "" {
			if err := opened.Can(f.needs); err != nil {
				return nil, fmt.Errorf("%s is refused: %w", name, err)
			}
		}
	}
	if err := r.form(ctx); err != nil {
		return nil, err
	}
	if err := r.work(ctx); err != nil {
		return nil, err
	}
	return r.judge(ctx)
}

// endpoints are all nodes' URLs, those of spare ones included.
func (r *run) endpoints() []string {
	var all []string
	for i := range r.fleet.Len() {
		all = append(all, r.fleet.Endpoint(i))
	}
	return all
}

// form starts the nodes and makes the world.
func (r *run) form(ctx context.Context) error {
	r.member = make([]bool, r.fleet.Len())
	for i := range r.Nodes {
		r.member[i] = true
	}
	r.beginOlder()
	for i := range r.Nodes {
		if err := r.start(i); err != nil {
			return err
		}
	}
	var err error
	r.admin, err = client.New(r.endpoints(), client.WithTimeout(10*time.Second), client.WithAttemptTimeout(2*time.Second),
		client.WithBackoff(20*time.Millisecond, 250*time.Millisecond))
	if err != nil {
		return err
	}
	r.rec = load.NewRecorder()
	if err := r.well(ctx, formTimeout); err != nil {
		return fmt.Errorf("the cluster does not form: %w", err)
	}
	r.initial, r.since, err = load.Prepare(ctx, r.endpoints())
	return err
}

// work lets clients, faults and the watch run side by side.
func (r *run) work(ctx context.Context) error {
	r.rec = load.NewRecorder()
	r.watch = newWatch(r.fleet, r.rec)
	watching, stopWatch := context.WithCancel(ctx)
	defer stopWatch()
	loading, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	stuff := false
	for _, name := range r.Faults {
		stuff = stuff || faultNamed(name).stuff
	}
	var wait sync.WaitGroup
	var loadErr error
	r.late = &lateness{now: r.rec.Now}
	wait.Go(func() { r.watch.run(watching) })
	wait.Go(func() { r.late.run(watching) })
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		loadErr = load.Run(loading, load.Config{
			Endpoints: r.endpoints(), Clients: r.clients(), Rate: r.Rate, Seed: r.Seed, Stuff: stuff, Since: r.since, Recorder: r.rec, Running: r.fleet.Running,
		})
	}()
	err := r.schedule(ctx)
	var unwell *notWell
	if errors.As(err, &unwell) {
		r.unwell, err = unwell, nil
		r.healed = r.rec.Now()
	}
	r.done = r.rec.Now()
	stopLoad()
	<-loaded
	stopWatch()
	wait.Wait()
	return errors.Join(err, loadErr)
}

// clusterAt is what one node says of the cluster.
func (r *run) clusterAt(ctx context.Context, node int) (wire.Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return r.admin.Cluster(client.WithEndpoint(ctx, r.fleet.Endpoint(node)))
}

// until polls a condition; the error has what it said last.
func until(ctx context.Context, timeout time.Duration, condition func() error) error {
	deadline := time.Now().Add(timeout)
	for {
		err := condition()
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v: %w", timeout, err)
		}
		time.Sleep(pollInterval)
	}
}

// well waits until every member follows one leader and has applied what was
// committed when the wait began.
func (r *run) well(ctx context.Context, timeout time.Duration) error {
	target := uint64(0)
	for i := range r.member {
		if r.member[i] && r.fleet.Running(i) {
			if c, err := r.clusterAt(ctx, i); err == nil {
				target = max(target, c.Commit)
			}
		}
	}
	return until(ctx, timeout, func() error {
		leader := ""
		for i, member := range r.member {
			if !member {
				continue
			}
			if !r.fleet.Running(i) {
				return fmt.Errorf("%s does not run: %s", r.fleet.Name(i), r.fleet.LastWords(i))
			}
			c, err := r.clusterAt(ctx, i)
			switch {
			case err != nil:
				return fmt.Errorf("%s: %w", r.fleet.Name(i), err)
			case c.LeaderID == "":
				return fmt.Errorf("%s knows no leader", r.fleet.Name(i))
			case leader != "" && leader != c.LeaderID:
				return fmt.Errorf("%s follows %s, another node %s", r.fleet.Name(i), c.LeaderID, leader)
			case c.Applied < target:
				return fmt.Errorf("%s has applied %d of %d", r.fleet.Name(i), c.Applied, target)
			}
			leader = c.LeaderID
		}
		return nil
	})
}

// leader waits for a node that leads and that another one follows.
func (r *run) leader(ctx context.Context) (leader int, err error) {
	err = until(ctx, settleTimeout, func() error {
		term := uint64(0)
		found := false
		for i, member := range r.member {
			if !member || !r.fleet.Running(i) {
				continue
			}
			if c, err := r.clusterAt(ctx, i); err == nil && c.State == "leader" && c.Term > term {
				leader, term, found = i, c.Term, true
			}
		}
		if !found {
			return errors.New("no node leads")
		}
		return nil
	})
	return leader, err
}

// members are the nodes that belong to the cluster.
func (r *run) members() []int {
	var all []int
	for i, member := range r.member {
		if member {
			all = append(all, i)
		}
	}
	return all
}

// save writes a value as JSON beside the logs.
func (p plan) save(name string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.dir, name), b, 0o600)
}
