package api

import (
	"io"
	"net/http"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/archive"
	"github.com/treenode/treenode/transport/wire"
)

const (
	// backupsMax bounds the archives that a node writes at once. Each keeps the
	// state that it is of in memory, as far as the newest has not got it.
	backupsMax = 2
	// pieceTimeout bounds the writing of one piece of an archive: a reader that
	// takes less than that is gone, or keeps a state in memory for no good.
	pieceTimeout = 30 * time.Second
	// pieceRestMax bounds the rest after a piece. It is as long as the piece took,
	// so that requests have at least as much of a processor as the archive.
	pieceRestMax = 5 * time.Millisecond
)

// backupRoutes give the whole state away, which has a rule of its own in the policy.
func backupRoutes() []route {
	return []route{{method: http.MethodGet, path: "/v1/backup", reads: true, serve: (*call).backup}}
}

// backup streams an archive of the state. The request's time bounds the wait for
// the state; the writing has a limit for each piece instead.
func (c *call) backup() (answer, error) {
	level, _, err := c.consistency()
	if err != nil {
		return answer{}, err
	}
	select {
	case c.s.backups <- struct{}{}:
	default:
		return answer{}, reject(wire.CodeBusy, "", "this node writes %d archives already", cap(c.s.backups))
	}
	taken := true // until the stream gives the place back
	defer func() {
		if taken {
			<-c.s.backups
		}
	}()
	view, err := c.view()
	if err != nil {
		return answer{}, err
	}
	status := c.s.node.Status()
	h := archive.HeaderOf(view)
	h.ClusterID, h.NodeID, h.Term, h.Time = status.ClusterID, status.NodeID, status.Term, c.s.now().UTC()
	h.Consistency, h.Program = string(consistencyOf(level)), c.s.version
	c.out.Header().Set("Content-Disposition", `attachment; filename="treenode.archive"`)
	if c.out.head {
		return answer{media: archive.MediaType, stream: func(io.Writer) error { return nil }}, nil
	}
	taken = false
	return answer{media: archive.MediaType, stream: func(io.Writer) error {
		defer func() { <-c.s.backups }()
		began := time.Now()
		err := archive.Write(&slowly{to: c.out, control: http.NewResponseController(c.out)}, h, view)
		if err != nil {
			c.s.log.Warn("a backup broke off", "index", h.Index, "after", time.Since(began), "error", err)
			return err
		}
		c.s.metrics.BackupDone(c.s.now())
		c.s.log.Info("a backup was written", "index", h.Index, "in", time.Since(began))
		return nil
	}}, nil
}

func consistencyOf(l cluster.Level) wire.Consistency {
	switch l {
	case cluster.Stale:
		return wire.Stale
	case cluster.Session:
		return wire.Session
	case cluster.Linearizable:
	}
	return wire.Linearizable
}

// slowly writes pieces of an answer that takes longer than any other may, each
// within its own time, with rests in between.
type slowly struct {
	to      io.Writer
	control *http.ResponseController
}

// Write implements io.Writer.
func (s *slowly) Write(b []byte) (int, error) {
	began := time.Now()
	// A writer that is no connection has no deadlines, and needs none.
	_ = s.control.SetWriteDeadline(began.Add(pieceTimeout))
	n, err := s.to.Write(b)
	time.Sleep(min(time.Since(began), pieceRestMax))
	return n, err
}
