package health

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/logstore"
)

// eventMetrics are what a node's events add up to.
type eventMetrics struct {
	proposed     prometheus.Counter
	unproposed   *prometheus.CounterVec
	proposal     prometheus.Observer
	commit       prometheus.Observer
	batch        prometheus.Observer
	apply        prometheus.Observer
	applied      prometheus.Counter
	forward      prometheus.Observer
	forwarded    prometheus.Counter
	unforwarded  prometheus.Counter
	readIndex    prometheus.Observer
	noReadIndex  prometheus.Counter
	snapshot     prometheus.Observer
	noSnapshot   prometheus.Counter
	restore      prometheus.Observer
	noRestore    prometheus.Counter
	leaders      prometheus.Counter
	checkpoints  *prometheus.CounterVec
	checkpoint   prometheus.Observer
	scrubs       *prometheus.CounterVec
	scrubTook    prometheus.Gauge
	scrubAt      prometheus.Gauge
	damage       prometheus.Counter
	asides       prometheus.Counter
	divergences  prometheus.Counter
	failures     prometheus.Counter
	logOperation *prometheus.HistogramVec
	now          func() time.Time
}

func newEventMetrics(f *families) eventMetrics {
	count := func(name, help string) prometheus.Counter { return f.counter(name, help).WithLabelValues() }
	times := func(name, help string, buckets []float64) prometheus.Observer {
		return f.histogram(name, help, buckets).WithLabelValues()
	}
	m := eventMetrics{
		proposed:    count("treenode_proposals_committed_total", "Commands proposed on this node that have a result, refusals included."),
		unproposed:  f.counter("treenode_proposals_failed_total", "Commands proposed on this node that have no result, by error code.", "code"),
		proposal:    times("treenode_proposal_duration_seconds", "Time from proposing a command on this node to its result, forwarding and every attempt included.", requestBuckets),
		commit:      times("treenode_raft_commit_duration_seconds", "Time from handing an entry to Raft until it was committed; on the leader.", diskBuckets),
		batch:       times("treenode_raft_entry_commands", "Commands that an entry of the log was made of; on the leader.", countBuckets),
		apply:       times("treenode_apply_duration_seconds", "Time that the state machine took for an entry.", diskBuckets),
		applied:     count("treenode_applied_commands_total", "Commands that the state machine has executed."),
		forward:     times("treenode_forward_duration_seconds", "Time that a call with commands to the leader took.", requestBuckets),
		forwarded:   count("treenode_forwarded_commands_total", "Commands sent to the leader."),
		unforwarded: count("treenode_forwards_failed_total", "Calls with commands to the leader that failed whole."),
		readIndex:   times("treenode_read_index_duration_seconds", "Time until a majority had confirmed what a linearizable read has to show.", requestBuckets),
		noReadIndex: count("treenode_read_index_failed_total", "Linearizable reads that nobody confirmed in time."),
		snapshot:    times("treenode_snapshot_write_duration_seconds", "Time that writing a snapshot took, its rests included.", stateBuckets),
		noSnapshot:  count("treenode_snapshot_write_failed_total", "Snapshots that could not be written."),
		restore:     times("treenode_snapshot_restore_duration_seconds", "Time that reading a state from a snapshot took.", stateBuckets),
		noRestore:   count("treenode_snapshot_restore_failed_total", "Snapshots that could not be restored."),
		leaders:     count("treenode_raft_leader_changes_total", "Times that this node has learnt of a leader, a new one or the same again."),
		checkpoints: f.counter("treenode_checkpoints_total", "Comparisons of the voters' states that this node has led, by how they ended: agreed, differing (some voter has another state than most), none.", "outcome"),
		checkpoint:  times("treenode_checkpoint_duration_seconds", "Time that a comparison of the voters' states took.", stateBuckets),
		scrubs:      f.counter("treenode_scrubs_total", "Times that all on disk was read, by how it ended: clean, damaged.", "outcome"),
		scrubTook:   f.gauge("treenode_scrub_last_duration_seconds", "Time that the last reading of all on disk took."),
		scrubAt:     f.gauge("treenode_scrub_last_timestamp_seconds", "When the last reading of all on disk ended, since 1970; 0 for never."),
		damage:      count("treenode_damage_found_total", "Times that damage on disk has stopped the node."),
		asides:      count("treenode_directories_set_aside_total", "Damaged data directories that were set aside, for the node to be rebuilt from the others."),
		divergences: count("treenode_divergences_total", "Times that this node's state was not the others', and it halted."),
		failures:    count("treenode_node_failures_total", "Times that the node failed within this process."),
		logOperation: f.histogram("treenode_log_operation_duration_seconds",
			"Time that a call to the log on disk took, by operation; StoreLogs appends entries and flushes them.", diskBuckets, "operation"),
		now: time.Now,
	}
	ready(m.checkpoints, "agreed", "differing", "none")
	ready(m.scrubs, "clean", "damaged")
	ready(m.unproposed, string(cluster.CodeNoLeader), string(cluster.CodeNotReady), string(cluster.CodeBusy), string(cluster.CodeDeadline),
		string(cluster.CodeStopping), string(cluster.CodeOutcomeUnknown), string(cluster.CodeHalted))
	return m
}

// Observe counts an event of the node; it is for cluster.Config.Observe.
func (m *Metrics) Observe(e cluster.Event) {
	v := &m.events
	took := e.Took.Seconds()
	switch e.Kind {
	case cluster.EventProposal:
		v.proposal.Observe(took)
		addOutcome(e.Err, v.proposed, v.unproposed)
	case cluster.EventCommit:
		v.commit.Observe(took)
		v.batch.Observe(float64(e.Count))
	case cluster.EventApply:
		v.apply.Observe(took)
		v.applied.Add(float64(e.Count))
	case cluster.EventForward:
		v.forward.Observe(took)
		v.forwarded.Add(float64(e.Count))
		addFailure(e.Err, v.unforwarded)
	case cluster.EventReadIndex:
		v.readIndex.Observe(took)
		addFailure(e.Err, v.noReadIndex)
	case cluster.EventSnapshot:
		v.snapshot.Observe(took)
		addFailure(e.Err, v.noSnapshot)
	case cluster.EventRestore:
		v.restore.Observe(took)
		addFailure(e.Err, v.noRestore)
	case cluster.EventLeader:
		v.leaders.Inc()
	case cluster.EventCheckpoint:
		v.checkpoint.Observe(took)
		v.checkpoints.WithLabelValues(checkpointOutcome(e)).Inc()
	case cluster.EventScrub:
		outcome := "clean"
		if e.Err != nil {
			outcome = "damaged"
		}
		v.scrubs.WithLabelValues(outcome).Inc()
		v.scrubTook.Set(took)
		v.scrubAt.Set(seconds(v.now()))
	case cluster.EventDamage:
		v.damage.Inc()
	case cluster.EventAside:
		v.asides.Inc()
	case cluster.EventDivergence:
		v.divergences.Inc()
	case cluster.EventFailure:
		v.failures.Inc()
	}
}

// ObserveLog counts a call to the log; it is for cluster.Config.ObserveLog.
func (m *Metrics) ObserveLog(op logstore.Op, took time.Duration) {
	m.events.logOperation.WithLabelValues(string(op)).Observe(took.Seconds())
}

func addOutcome(err error, good prometheus.Counter, bad *prometheus.CounterVec) {
	if err == nil {
		good.Inc()
		return
	}
	code := cluster.CodeInternal
	var e *cluster.Error
	if errors.As(err, &e) {
		code = e.Code
	}
	bad.WithLabelValues(string(code)).Inc()
}

func addFailure(err error, failures prometheus.Counter) {
	if err != nil {
		failures.Inc()
	}
}

func checkpointOutcome(e cluster.Event) string {
	switch {
	case e.Count > 0:
		return "differing"
	case e.Err != nil:
		return "none"
	}
	return "agreed"
}
