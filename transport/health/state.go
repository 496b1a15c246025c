package health

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
)

// Source is the node that metrics are read from: a part of cluster.Node. One that
// has Stats tells more.
type Source interface {
	Status() cluster.Status
	Read(ctx context.Context, level cluster.Level, index uint64) (*fsm.View, error)
}

// statsSource is a Source that tells all: a cluster.Node or cluster.Supervised.
type statsSource interface{ Stats() cluster.Stats }

// Certificate is one that the node uses.
type Certificate struct {
	// Use is what for: a word out of a short list, such as "peer" or "api".
	Use    string
	Expiry time.Time
}

// Watch has scrapes read a node.
func (m *Metrics) Watch(node Source) { m.node.Store(&node) }

// WatchCertificates has scrapes ask when the node's certificates expire. The
// function must be quick.
func (m *Metrics) WatchCertificates(f func() []Certificate) { m.certificates.Store(&f) }

// stateCollector reads the node when it is scraped, so that no metric can be
// older than the scrape.
type stateCollector struct {
	of      *Metrics
	classes classSums

	term, commit, applied, firstLog, lastLog, leading, led, raftState, members pulled
	lag, match, heard, silent                                                  pulled
	pending, queued, queueMax, queuedBytes, queueBytesMax                      pulled
	snapshotIndex, snapshotBytes, snapshotAt, checkpointIndex, checkpointAt    pulled
	free, total, reserve, lacking, readOnly, clock                             pulled
	down, failures                                                             pulled
	providers, consumers, allocations, revision, index                         pulled
	answers, answersMax, answerBytes, answerBytesMax                           pulled
	capacity, used, reserved, capacityAge                                      pulled
	expiry                                                                     pulled
}

func newStateCollector(f *families, m *Metrics) *stateCollector {
	return &stateCollector{
		of: m, classes: classSums{now: time.Now},

		term:      f.read("treenode_raft_term", "Raft term that the node is in."),
		commit:    f.read("treenode_raft_commit_index", "Index of the last entry that the node knows to be committed."),
		applied:   f.read("treenode_raft_applied_index", "Index of the last entry that the node has applied."),
		firstLog:  f.read("treenode_raft_first_log_index", "Index of the first entry that the node's log has; 0 for none."),
		lastLog:   f.read("treenode_raft_last_log_index", "Index of the last entry of the node's log."),
		leading:   f.read("treenode_raft_is_leader", "1 while the node leads."),
		led:       f.read("treenode_raft_has_leader", "1 while the node knows a leader."),
		raftState: f.read("treenode_raft_state", "1 for the state that the node is in: leader, follower, candidate, shutdown or down.", "state"),
		members:   f.read("treenode_members", "Members of the cluster's configuration, by role: voter or nonvoter.", "role"),

		lag:    f.read("treenode_follower_lag_entries", "Entries of the leader's log that a member is not known to have; on the leader.", "peer"),
		match:  f.read("treenode_follower_match_index", "Last index up to which a member is known to have the leader's log; on the leader.", "peer"),
		heard:  f.read("treenode_follower_heard", "1 for a member that has answered since this node leads; on the leader.", "peer"),
		silent: f.read("treenode_follower_silent_seconds", "Time since a member last answered; on the leader.", "peer"),

		pending:       f.read("treenode_proposals_pending", "Commands proposed on this node that have no result yet."),
		queued:        f.read("treenode_queue_length", "Commands that wait, by queue: propose (for the log) or forward (for the leader).", "queue"),
		queueMax:      f.read("treenode_queue_capacity", "Commands that may wait, by queue; further ones are refused as busy.", "queue"),
		queuedBytes:   f.read("treenode_queue_bytes", "Bytes of the commands that wait, by queue.", "queue"),
		queueBytesMax: f.read("treenode_queue_capacity_bytes", "Bytes of commands that may wait, by queue; beyond it they are refused as busy.", "queue"),

		snapshotIndex:   f.read("treenode_snapshot_last_index", "Log index of the newest snapshot; 0 for none."),
		snapshotBytes:   f.read("treenode_snapshot_last_size_bytes", "Size of the newest snapshot."),
		snapshotAt:      f.read("treenode_snapshot_last_timestamp_seconds", "When the newest snapshot was written, since 1970; 0 if not by this process."),
		checkpointIndex: f.read("treenode_checkpoint_last_index", "Log index of the newest checkpoint, at which the voters' states agreed; 0 for none seen by this process."),
		checkpointAt:    f.read("treenode_checkpoint_last_timestamp_seconds", "When the newest checkpoint was taken, since 1970; 0 for none."),

		free:     f.read("treenode_disk_free_bytes", "Bytes free on the data directory's file system."),
		total:    f.read("treenode_disk_size_bytes", "Size of the data directory's file system."),
		reserve:  f.read("treenode_disk_reserve_bytes", "Bytes that have to stay free: with less, nothing is proposed here."),
		lacking:  f.read("treenode_disk_lacking", "1 while there is too little room, or none that can be written, and nothing is proposed here."),
		readOnly: f.read("treenode_disk_read_only", "1 while the data directory's file system is read-only."),
		clock:    f.read("treenode_clock_offset_seconds", "By how much a member's clock is ahead of the time that most agree on; on the leader.", "peer"),

		down:     f.read("treenode_node_down", "1 while the process runs but its node does not: by cause, damage, disk, diverged, removed or other.", "cause"),
		failures: f.read("treenode_node_consecutive_failures", "Failures of the node in a row, those of earlier processes included; 0 once it has been ready for a while."),

		providers:   f.read("treenode_providers", "Resource providers in the node's state."),
		consumers:   f.read("treenode_consumers", "Consumers with allocations in the node's state."),
		allocations: f.read("treenode_allocations", "Pairs of a consumer and a provider that it has allocations on, in the node's state."),
		revision:    f.read("treenode_state_revision", "Accepted mutations that led to the node's state."),
		index:       f.read("treenode_state_index", "Log index that the node's state shows."),

		answers:        f.read("treenode_remembered_answers", "Answers that are remembered for requests that come again."),
		answersMax:     f.read("treenode_remembered_answers_max", "Answers that are remembered at most; older ones are forgotten."),
		answerBytes:    f.read("treenode_remembered_answers_bytes", "Bytes of the remembered answers."),
		answerBytesMax: f.read("treenode_remembered_answers_max_bytes", "Bytes of the remembered answers at most."),

		capacity: f.read("treenode_inventory_capacity",
			"What can be allocated of a resource class, of all providers together: total less reserved, times the ratio.", "resource_class"),
		used:        f.read("treenode_inventory_used", "What is allocated of a resource class, of all providers together.", "resource_class"),
		reserved:    f.read("treenode_inventory_reserved", "What is held back of a resource class, of all providers together.", "resource_class"),
		capacityAge: f.read("treenode_inventory_age_seconds", "Age of the sums by resource class; they may be of an older state for so long."),

		expiry: f.read("treenode_certificate_expiry_timestamp_seconds", "When a certificate in use expires, since 1970.", "use"),
	}
}

// Describe implements prometheus.Collector: it is unchecked, because what there is
// depends on the node. The registry compares each scrape with the rest.
func (c *stateCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. A node that can't be read shows no
// sizes, rather than wrong ones.
func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	c.collectSeams(out)
	node := c.of.node.Load()
	if node == nil {
		return
	}
	var stats cluster.Stats
	if s, ok := (*node).(statsSource); ok {
		stats = s.Stats()
		c.collectStats(out, stats)
	} else {
		stats.Status = (*node).Status()
	}
	c.collectStatus(out, stats.Status)
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	if view, err := (*node).Read(ctx, cluster.Stale, 0); err == nil {
		c.collectView(out, view)
	}
}

func (c *stateCollector) collectStatus(out chan<- prometheus.Metric, s cluster.Status) {
	c.term.send(out, float64(s.Term))
	c.commit.send(out, float64(s.Commit))
	c.applied.send(out, float64(s.Applied))
	c.leading.send(out, oneIf(s.State == "leader"))
	c.led.send(out, oneIf(s.LeaderID != ""))
	for _, state := range []string{"leader", "follower", "candidate", "shutdown", "down"} {
		c.raftState.send(out, oneIf(s.State == state), state)
	}
	c.failures.send(out, float64(s.Failures))
}

func (c *stateCollector) collectStats(out chan<- prometheus.Metric, s cluster.Stats) {
	for _, cause := range []string{"damage", "disk", "diverged", "removed", "other"} {
		c.down.send(out, oneIf(s.Down == cause), cause)
	}
	if s.Down != "" {
		return // the rest is of a node that runs
	}
	c.firstLog.send(out, float64(s.FirstLog))
	c.lastLog.send(out, float64(s.LastLog))
	c.members.send(out, float64(s.Voters), "voter")
	c.members.send(out, float64(s.NonVoters), "nonvoter")
	for _, f := range onePerPeer(s.Followers) {
		c.lag.send(out, float64(f.Lag), f.NodeID)
		c.match.send(out, float64(f.Match), f.NodeID)
		c.heard.send(out, oneIf(f.Heard), f.NodeID)
		if f.Heard {
			c.silent.send(out, f.Silent.Seconds(), f.NodeID)
		}
	}
	for peer, ahead := range s.Clocks {
		c.clock.send(out, ahead.Seconds(), peer)
	}
	c.pending.send(out, float64(s.Proposing))
	c.queued.send(out, float64(s.Queued), "propose")
	c.queued.send(out, float64(s.Forwarding), "forward")
	c.queueMax.send(out, float64(s.QueueMax), "propose")
	c.queueMax.send(out, float64(s.QueueMax), "forward")
	c.queuedBytes.send(out, float64(s.QueuedBytes), "propose")
	c.queuedBytes.send(out, float64(s.ForwardingBytes), "forward")
	c.queueBytesMax.send(out, float64(s.QueueBytesMax), "propose")
	c.queueBytesMax.send(out, float64(s.QueueBytesMax), "forward")
	c.snapshotIndex.send(out, float64(s.Snapshot.Index))
	c.snapshotBytes.send(out, float64(s.Snapshot.Bytes))
	c.snapshotAt.send(out, secondsOrNever(s.Snapshot.At))
	c.checkpointIndex.send(out, float64(s.Checkpoint.Index))
	c.checkpointAt.send(out, secondsOrNever(s.Checkpoint.At))
	if s.Disk.Known {
		c.free.send(out, float64(s.Disk.Free))
		c.total.send(out, float64(s.Disk.Total))
		c.reserve.send(out, float64(s.Disk.Reserve))
		c.readOnly.send(out, oneIf(s.Disk.ReadOnly))
	}
	c.lacking.send(out, oneIf(s.Disk.Lacking))
}

func (c *stateCollector) collectView(out chan<- prometheus.Metric, view *fsm.View) {
	c.providers.send(out, float64(view.Tree.NumProviders()))
	c.consumers.send(out, float64(view.Tree.NumConsumers()))
	c.allocations.send(out, float64(view.Tree.NumClaims()))
	c.revision.send(out, float64(view.Tree.Revision()))
	c.index.send(out, float64(view.Index))
	answers, bytes := view.Remembered()
	answersMax, bytesMax := fsm.RememberedMax()
	c.answers.send(out, float64(answers))
	c.answersMax.send(out, float64(answersMax))
	c.answerBytes.send(out, float64(bytes))
	c.answerBytesMax.send(out, float64(bytesMax))
	sums, age, ok := c.classes.of(view.Tree)
	if !ok {
		return
	}
	c.capacityAge.send(out, age.Seconds())
	for _, s := range sums {
		c.capacity.send(out, s.capacity, s.class)
		c.used.send(out, s.used, s.class)
		c.reserved.send(out, s.reserved, s.class)
	}
}

// collectSeams sends what other parts of the program tell.
func (c *stateCollector) collectSeams(out chan<- prometheus.Metric) {
	if f := c.of.certificates.Load(); f != nil {
		for use, expiry := range soonest((*f)()) {
			c.expiry.send(out, seconds(expiry), use)
		}
	}
}

// onePerPeer leaves one of several servers of a node: while one takes the place of
// another both are members, and the same series twice would spoil the scrape.
func onePerPeer(all []cluster.Follower) map[string]cluster.Follower {
	kept := make(map[string]cluster.Follower, len(all))
	for _, f := range all {
		if known, ok := kept[f.NodeID]; !ok || f.Match > known.Match {
			kept[f.NodeID] = f
		}
	}
	return kept
}

// soonest is the first expiry of each use: two certificates of one would be the
// same series twice.
func soonest(all []Certificate) map[string]time.Time {
	first := make(map[string]time.Time, len(all))
	for _, c := range all {
		if known, ok := first[c.Use]; !ok || c.Expiry.Before(known) {
			first[c.Use] = c.Expiry
		}
	}
	return first
}

func secondsOrNever(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return seconds(t)
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
