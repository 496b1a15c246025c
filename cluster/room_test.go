package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/logstore"
)

// disk is a node's disk that a test breaks.
type disk struct {
	free  atomic.Uint64 // MiB
	fails atomic.Int32  // the errno of writes; 0 for none
	hangs atomic.Pointer[chan struct{}]
}

type brokenLog struct {
	logstore.Inner
	disk *disk
}

func (b brokenLog) fail() error {
	if hang := b.disk.hangs.Load(); hang != nil {
		<-*hang
	}
	if errno := syscall.Errno(b.disk.fails.Load()); errno != 0 {
		return &os.PathError{Op: "write", Path: "the log", Err: errno}
	}
	return nil
}

func (b brokenLog) StoreLogs(logs []*raft.Log) error {
	if err := b.fail(); err != nil {
		return err
	}
	return b.Inner.StoreLogs(logs)
}

func (b brokenLog) Set(key, value []byte) error {
	if err := b.fail(); err != nil {
		return err
	}
	return b.Inner.Set(key, value)
}

// withDisks are three nodes on disks of which 1000 MiB are free and 100 must be.
func withDisks(t *testing.T, n int, adapt func(*cluster.Config)) ([]*keptNode, map[*keptNode]*disk) {
	var all []*disk
	nodes := startKept(t, n, func(_ int, c *cluster.Config) {
		d := &disk{}
		d.free.Store(1000)
		all = append(all, d)
		c.DiskReserve = 100 << 20
		c.WrapLog = func(inner logstore.Inner) logstore.Inner { return brokenLog{inner, d} }
		c.Space = func(string) (cluster.Space, error) {
			return cluster.Space{Free: d.free.Load() << 20, Total: 2000 << 20}, nil
		}
		if adapt != nil {
			adapt(c)
		}
	})
	disks := map[*keptNode]*disk{}
	for i, k := range nodes {
		disks[k] = all[i]
	}
	return nodes, disks
}

// movedWithin waits until another node acknowledges a write.
func movedWithin(t *testing.T, limit time.Duration, nodes []*keptNode, not *keptNode, name string) {
	t.Helper()
	began := time.Now()
	without(nodes, not)[0].propose(name)
	if took := time.Since(began); took > limit {
		t.Errorf("a write was acknowledged after %v only", took)
	} else {
		t.Logf("a write was acknowledged after %v", took.Round(time.Millisecond))
	}
}

// A leader whose disk is nearly full hands over and is of use otherwise; it
// takes part as before once there is room.
func TestLeaderWithoutRoomStepsAside(t *testing.T) {
	nodes, disks := withDisks(t, 3, nil)
	nodes[0].propose("first")
	full := leaderAmong(t, nodes)
	disks[full].free.Store(99)
	began := time.Now()
	await(t, "another one leads", func(context.Context) error {
		if s := full.Status(); s.State == "leader" || s.LeaderID == "" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	movedWithin(t, 5*time.Second-time.Since(began), nodes, full, "second")
	full.propose("through the full one")
	for _, level := range []cluster.Level{cluster.Stale, cluster.Linearizable} {
		if _, err := full.Read(t.Context(), level, 0); err != nil {
			t.Errorf("reads at the full node: %v", err)
		}
	}
	full.awaitTrouble("disk full", full.config.DataDir)
	disks[full].free.Store(120) // not enough to go on
	full.awaitTrouble("disk full", "120 MiB")
	disks[full].free.Store(151)
	await(t, "it has recovered", func(context.Context) error {
		if trouble := full.Status().Trouble; trouble != "" {
			return errors.New(trouble)
		}
		return nil
	})
	if err := full.TransferLeadership(t.Context(), full.config.NodeID); err != nil {
		t.Fatal(err)
	}
	full.propose("as leader again")
	alike(t, nodes)
}

// No voter has room: writes are refused with the reason, reads go on.
func TestNobodyHasRoom(t *testing.T) {
	nodes, disks := withDisks(t, 3, nil)
	nodes[0].propose("first")
	for _, d := range disks {
		d.free.Store(50)
	}
	await(t, "writes are refused, at the leader at once", func(ctx context.Context) error {
		for _, k := range nodes {
			leads := k.Status().State == "leader"
			ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			_, err := k.Propose(ctx, createRoot(t, "second"))
			cancel()
			var e *cluster.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), "disk full: ") || leads && e.Code != cluster.CodeNotReady {
				return fmt.Errorf("%s answers: %w", k.config.NodeID, err)
			}
		}
		return nil
	})
	for _, k := range nodes {
		if _, err := k.Read(t.Context(), cluster.Linearizable, 0); err != nil {
			t.Errorf("%s: %v", k.config.NodeID, err)
		}
	}
	for _, d := range disks {
		d.free.Store(500)
	}
	nodes[1].propose("third")
	alike(t, nodes)
}

// The leader's disk fails a write: the others go on, its stale reads do too,
// and it is back when the disk is.
func TestLeadersWriteFails(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EROFS, syscall.EIO} {
		t.Run(errno.Error(), func(t *testing.T) {
			nodes, disks := withDisks(t, 3, nil)
			nodes[0].propose("first")
			broken := leaderAmong(t, nodes)
			if errno == syscall.ENOSPC {
				disks[broken].free.Store(101) // above the reserve, by a hair
			}
			disks[broken].fails.Store(int32(errno))
			movedWithin(t, 5*time.Second, nodes, broken, "second")
			broken.awaitTrouble(errno.Error())
			v, err := broken.Read(t.Context(), cluster.Stale, 0)
			if err != nil || v.Tree.NumProviders() == 0 {
				t.Errorf("stale reads: %v", err)
			}
			if errno == syscall.ENOSPC { // not before there is room
				if _, err := broken.Propose(t.Context(), createRoot(t, "refused")); err == nil {
					t.Error("it takes a write")
				} else {
					expectCode(t, err, cluster.CodeNotReady)
				}
				broken.awaitTrouble("MiB are needed")
			}
			disks[broken].free.Store(1000)
			disks[broken].fails.Store(0)
			broken.awaitReady()
			broken.propose("third")
			alike(t, nodes)
			if len(broken.asides()) > 0 {
				t.Error("it was set aside")
			}
		})
	}
}

// The leader's disk hangs: with the default times another node leads within ten
// seconds, and the node is back when the disk is.
func TestLeadersDiskHangs(t *testing.T) {
	nodes, disks := withDisks(t, 3, nil)
	nodes[0].propose("first")
	hanging := leaderAmong(t, nodes)
	hang := make(chan struct{})
	disks[hanging].hangs.Store(&hang)
	movedWithin(t, 10*time.Second, nodes, hanging, "second")
	hanging.awaitTrouble("in flight")
	if _, err := hanging.Read(t.Context(), cluster.Stale, 0); err != nil {
		t.Errorf("stale reads: %v", err)
	}
	disks[hanging].hangs.Store(nil)
	close(hang)
	hanging.awaitReady()
	hanging.propose("third")
	alike(t, nodes)
}

// A real file system that is full. Needs to mount one, hence root.
func TestFullFileSystem(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	nodes := keep(t, 3, nil)
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=160m"); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	full := nodes[0]
	full.config.DataDir = small + "/data"
	for _, k := range nodes {
		k.open()
	}
	for _, k := range nodes {
		k.awaitReady()
	}
	nodes[1].propose("first")
	if err := nodes[1].TransferLeadership(t.Context(), full.config.NodeID); err != nil {
		t.Fatal(err)
	}
	await(t, "it leads", func(context.Context) error {
		if s := full.Status(); s.State != "leader" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	ballast, err := os.Create(small + "/ballast")
	if err != nil {
		t.Fatal(err)
	}
	piece := make([]byte, 1<<20)
	for err == nil {
		_, err = ballast.Write(piece)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	movedWithin(t, 5*time.Second, nodes, full, "second")
	full.awaitTrouble("disk full")
	for i := range 50 {
		nodes[1].propose(fmt.Sprintf("host%d", i))
	}
	if _, err := full.Read(t.Context(), cluster.Stale, 0); err != nil {
		t.Errorf("stale reads: %v", err)
	}
	if err := errors.Join(ballast.Truncate(0), ballast.Close()); err != nil {
		t.Fatal(err)
	}
	full.awaitReady()
	full.propose("last")
	alike(t, nodes)
}
