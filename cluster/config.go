package cluster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/cluster/clock"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// Limits of a node.
const (
	// commandBytesMax bounds one encoded command, and entryBytesMax a batch of
	// them: hashicorp/raft suggests to stay below 512 KiB an entry.
	commandBytesMax = 448 << 10
	entryBytesMax   = 480 << 10
	// batchCommandsMax bounds the commands of one entry.
	batchCommandsMax = 1024
	// batchesInFlight is how many entries may wait for their commit at once.
	// While they do, arriving commands gather for the next.
	batchesInFlight = 2
	// queueMax bounds the commands that wait to be proposed, queueBytesMax what they
	// weigh. There are two queues: for the log, and for the leader.
	queueMax      = 8192
	queueBytesMax = 64 << 20
	// heldBytesMax bounds the commands inside Propose, wherever they are: they wait
	// also for a leader, or to try again.
	heldBytesMax = 128 << 20
	// snapshotThreshold is how many entries of the log a snapshot is worth, and
	// snapshotLook how often that is looked at.
	snapshotThreshold = 16384
	snapshotLook      = 30 * time.Second
	// snapshotThresholdMax bounds how much log a restart executes again.
	snapshotThresholdMax = 1 << 20
	// membersMax bounds what a configuration may hold.
	membersMax = 33
	// snapshotsRetained and the trailing logs reach back over a bad newest
	// snapshot.
	snapshotsRetained = 2
)

// Timing are the times that decide how soon a node notices what.
type Timing struct {
	// Heartbeat is how long a follower hears nothing before it campaigns (up
	// to twice that, by chance), Election how long a campaign lasts, Lease how
	// long a leader that hears of no majority stays one.
	Heartbeat, Election, Lease time.Duration
	// Commit is how often an idle leader tells followers the commit index.
	Commit time.Duration
	// Stall bounds one call to the log store. A leader whose disk hangs leads
	// for that long; the election comes after.
	Stall time.Duration
	// Scrub is how often all that is on disk is read, to find damage while the
	// other copies are good.
	Scrub time.Duration
	// Restart is the first pause of Supervise before it opens a failed node
	// again; each failure doubles it, up to 30 times as long.
	Restart time.Duration
	// Request bounds a request whose context has no deadline.
	Request time.Duration
	// Close bounds the hand-over and drain of Close.
	Close time.Duration
	// Tie is how long voters that are silent may still break a tie, once two
	// digests were seen to differ.
	Tie time.Duration
}

// DefaultTiming suits a local network. The lease is as long as the heartbeat
// time-out because heartbeats wait behind a follower's disk flush. A leader's end
// shows when the last follower of a majority has noticed it, each after one to two
// time-outs: with two followers after five thirds of one on average.
func DefaultTiming() Timing {
	return Timing{
		Heartbeat: 400 * time.Millisecond, Election: 400 * time.Millisecond, Lease: 400 * time.Millisecond,
		Commit: 20 * time.Millisecond, Stall: 5 * time.Second, Scrub: time.Hour, Restart: time.Second, Request: 10 * time.Second, Close: 5 * time.Second, Tie: 5 * time.Second,
	}
}

// Config describes a node. Fields without "optional" must be set.
type Config struct {
	// NodeID is the operator's name for the node: letters, digits, dot, dash
	// and underscore, 64 at most.
	NodeID string
	// DataDir holds all that the node keeps. Created with mode 0700.
	DataDir string
	// Network is the node's peer port. The node closes it.
	Network Network
	// BootstrapExpect is how many new nodes form a cluster together. 0 or 1
	// with no Join: this node alone. 0 with Join: only join one that exists.
	BootstrapExpect int
	// Join are peer addresses to find the others at; its own may be among
	// them. Optional.
	Join []string
	// NonVoter keeps the node from being promoted to a voter. Optional.
	NonVoter bool
	// APIURL is where this node's API is reached, told to other nodes.
	APIURL string
	// Version is the program's, told to other nodes.
	Version string
	Logger  hclog.Logger
	// Timing is optional; zero fields take their defaults.
	Timing Timing
	// RaftLog is what keeps the log on disk. Optional: what the data directory
	// has, and EngineWAL in a new one. A log is not converted.
	RaftLog logstore.Engine
	// SnapshotThreshold and TrailingLogs are in entries; 0 takes a default.
	SnapshotThreshold, TrailingLogs uint64
	// ObserveLog is told how long each call to the log took. It must be quick.
	// Optional.
	ObserveLog func(op logstore.Op, d time.Duration)
	// Observe is told what the node does, on the goroutine that did it. It must be
	// quick, and may be called concurrently. Optional.
	Observe func(Event)
	// Tracer draws where the time of requests goes. Optional.
	Tracer Tracer
	// CheckpointInterval is how often a leader compares the voters' states
	// while the log moves, CheckpointEntries after how many entries it does so
	// earlier. 0 takes a default; a negative interval means never.
	CheckpointInterval time.Duration
	CheckpointEntries  uint64
	// DiskReserve is how many bytes of the file system stay free for what a
	// member of a cluster must write: with less, this node hands leadership over
	// and proposes nothing. 0 is a twentieth of the file system, 256 MiB at most.
	DiskReserve uint64
	// Authorize is asked by the leader for every change that comes with an origin,
	// whichever node took it: nil allows it, an error refuses it as CodeForbidden,
	// with its text. It may be called concurrently, must be quick, and must not
	// change the command. With it, a leader takes no change from another node that
	// does not say where it comes from. Optional: the nodes trust each other.
	Authorize func(Origin, fsm.Command) error
	// AuditDir is where the node keeps its audit (package audit): every change, with
	// who asked for it. Empty for none. After AuditFileBytes a new file is begun, and
	// AuditFiles are kept; 0 takes a default.
	AuditDir       string
	AuditFileBytes int64
	AuditFiles     int
	// Keys are what the log and the snapshots are encrypted with on this node's disk.
	// Optional; see package atrest.
	Keys *atrest.Ring
	// RequireJoinToken demands a token of nodes that are new to the cluster; see
	// MakeJoinToken. All members should agree on it. JoinToken is what this node
	// shows when it joins. Optional.
	RequireJoinToken bool
	JoinToken        string
	// StepHook is for tests; see tree.StepHook.
	StepHook tree.StepHook
	// Level is the newest level of log entries that this node says it reads, and
	// proposes; 0 is fsm.Level. With less, no entries come into the log that an
	// older program would halt at, and there is a way back to that.
	Level int
	// WrapLog, Space and Clock are for tests: what stands between the log and its
	// disk, how much of a file system is free, and the wall clock.
	WrapLog func(logstore.Inner) logstore.Inner
	Space   func(dir string) (Space, error)
	Clock   func() time.Time

	asideStep func(string) error // for tests; see setAside
}

var nodeIDForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (c *Config) check() error {
	switch {
	case !nodeIDForm.MatchString(c.NodeID):
		return fail(CodeInvalid, nil, "node id %q: letters, digits, dot, dash and underscore, 1 to 64 of them", c.NodeID)
	case c.DataDir == "":
		return fail(CodeInvalid, nil, "a data directory is needed")
	case c.Network == nil:
		return fail(CodeInvalid, nil, "a peer network is needed")
	case c.BootstrapExpect < 0 || c.BootstrapExpect > membersMax:
		return fail(CodeInvalid, nil, "bootstrap-expect is %d; it must be from 0 to %d", c.BootstrapExpect, membersMax)
	case c.RaftLog != "" && c.RaftLog != logstore.EngineBolt && c.RaftLog != logstore.EngineWAL:
		return fail(CodeInvalid, nil, "raft-log %q is none of %s, %s", c.RaftLog, logstore.EngineWAL, logstore.EngineBolt)
	case c.SnapshotThreshold > snapshotThresholdMax:
		return fail(CodeInvalid, nil, "snapshot-threshold is %d; it must be at most %d", c.SnapshotThreshold, snapshotThresholdMax)
	case c.Level < 0 || c.Level > fsm.Level:
		return fail(CodeInvalid, nil, "entry-level is %d; it must be from %d to %d", c.Level, fsm.LevelFirst, fsm.Level)
	case c.AuditFileBytes < 0 || c.AuditFiles < 0:
		return fail(CodeInvalid, nil, "the audit has files of %d bytes, %d of them; both must be above 0", c.AuditFileBytes, c.AuditFiles)
	case c.BootstrapExpect > 1 && len(c.Join) == 0:
		return fail(CodeInvalid, nil, "bootstrap-expect %d needs join addresses to find the other nodes at", c.BootstrapExpect)
	}
	def := DefaultTiming()
	for _, t := range []struct{ value, def *time.Duration }{
		{&c.Timing.Heartbeat, &def.Heartbeat}, {&c.Timing.Election, &def.Election}, {&c.Timing.Lease, &def.Lease},
		{&c.Timing.Commit, &def.Commit}, {&c.Timing.Stall, &def.Stall}, {&c.Timing.Request, &def.Request},
		{&c.Timing.Close, &def.Close}, {&c.Timing.Scrub, &def.Scrub}, {&c.Timing.Restart, &def.Restart},
		{&c.Timing.Tie, &def.Tie},
	} {
		if *t.value <= 0 {
			*t.value = *t.def
		}
	}
	if c.SnapshotThreshold == 0 {
		c.SnapshotThreshold = snapshotThreshold
	}
	if c.CheckpointInterval == 0 {
		c.CheckpointInterval = time.Minute
	}
	if c.CheckpointEntries == 0 {
		c.CheckpointEntries = 1 << 16
	}
	if c.Level == 0 {
		c.Level = fsm.Level
	}
	if c.AuditFileBytes == 0 {
		c.AuditFileBytes = auditFileBytes
	}
	if c.AuditFiles == 0 {
		c.AuditFiles = auditFiles
	}
	if c.TrailingLogs == 0 {
		c.TrailingLogs = 2 * c.SnapshotThreshold
	}
	if c.Space == nil {
		c.Space = SpaceOf
	}
	if c.Clock == nil {
		c.Clock = clock.Now
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	return nil
}

func (c *Config) raft(id string, notify chan<- bool) *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = raft.ServerID(id)
	r.HeartbeatTimeout = c.Timing.Heartbeat
	r.ElectionTimeout = c.Timing.Election
	r.LeaderLeaseTimeout = c.Timing.Lease
	r.CommitTimeout = c.Timing.Commit
	r.MaxAppendEntries = 256
	r.BatchApplyCh = true
	// A leader that is removed becomes a follower, and the node stops then as any
	// other that is removed. Raft's own shutdown could not be waited for.
	r.ShutdownOnRemove = false
	r.SnapshotThreshold = c.SnapshotThreshold
	// Raft looks that often whether a snapshot is due: a small threshold would
	// say little if it were looked at seldom.
	r.SnapshotInterval = max(time.Second, min(snapshotLook, snapshotLook*time.Duration(c.SnapshotThreshold)/snapshotThreshold)) //nolint:gosec // bounded by check
	r.TrailingLogs = c.TrailingLogs
	r.NotifyCh = notify
	r.Logger = c.Logger.Named("raft")
	return r
}

// logAt finds the log of the data directory, or where a new one is to be.
func (c *Config) logAt() (string, logstore.Engine, error) {
	engine := c.RaftLog
	for _, kept := range []struct {
		engine logstore.Engine
		name   string
	}{{logstore.EngineBolt, boltFile}, {logstore.EngineWAL, walDir}} {
		path := c.path(kept.name)
		switch _, err := os.Lstat(path); {
		case err == nil && engine != "" && engine != kept.engine:
			return "", "", fail(CodeInvalid, nil, "%s is a log of kind %s, not %s; a log is not converted: let the node join with a new data directory", path, kept.engine, engine)
		case err == nil:
			return path, kept.engine, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", "", fail(CodeInvalid, err, "data directory %s", c.DataDir)
		}
	}
	if engine == logstore.EngineBolt {
		return c.path(boltFile), engine, nil
	}
	return c.path(walDir), logstore.EngineWAL, nil
}

func (c *Config) path(name string) string { return filepath.Join(c.DataDir, name) }
