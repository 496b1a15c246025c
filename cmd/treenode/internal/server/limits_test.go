package server

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/transport/placement"
	"github.com/treenode/treenode/transport/raftnet"
	"github.com/treenode/treenode/transport/wire"
)

// number is a count as the document has it.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func size(bytes int) string {
	if bytes%(1<<20) == 0 {
		return number(bytes>>20) + " MiB"
	}
	return number(bytes>>10) + " KiB"
}

func lasting(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) + " s" }

// limits are the rows of the table in docs/operations.md: what is bounded, and by how
// much.
func limits() [][2]string {
	c, p, n := cluster.LimitsOf(), placement.LimitsOf(), raftnet.DefaultLimits()
	return [][2]string{
		{"API: connections", number(connectionsMax) + ", at most half of the files that the process may have open"},
		{"API: connections from one address", number(ConnectionsPerAddress) + ", at most three quarters of all"},
		{"API: TLS handshake", lasting(handshakeTimeout)},
		{"API: header of a request", lasting(readHeaderTimeout) + ", " + size(headerBytesMax)},
		{"API: a request with its body", lasting(readTimeout)},
		{"API: an answer", lasting(writeTimeout)},
		{"API: connection without a request", lasting(idleTimeout)},
		{"body, native API", size(wire.BodyBytesMax)},
		{"body, Placement", size(p.BodyBytes)},
		{"a request's time", lasting(cluster.DefaultTiming().Request)},
		{"searches for candidates at a time", "twice the processors"},
		{"a search", number(p.SearchSteps/1e6) + " million steps; " + number(p.Candidates) + " candidates or " + size(p.CandidateBytes)},
		{"commands that wait for the log; for the leader", number(c.Queue) + " and " + size(c.QueueBytes) + " of them, each"},
		{"commands on their way on a node", size(c.HeldBytes)},
		{"one command; one entry of the log", size(c.CommandBytes) + "; " + size(c.EntryBytes)},
		{"peers: handshakes, Raft streams, connections for calls", number(n.HandshakesMax) + ", " + number(n.RaftStreamsMax) + ", " + number(n.CallConnsMax)},
		{"peers: handshake; a request once it began; its answer taken", lasting(n.HandshakeTimeout) + "; " + lasting(n.CallReadTimeout) + "; " + lasting(n.CallWriteTimeout)},
		{"peers: calls answered at a time, bytes of them", number(n.CallsMax) + ", " + size(n.CallBytesInFlightMax)},
		{"members of a cluster", number(c.Members)},
		{"encryption keys", number(atrest.KeysMax)},
	}
}

// The table of limits has the program's numbers, and no row besides.
func TestDocumentedLimits(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## Limits\n")
	if !ok {
		t.Fatal("docs/operations.md has no section of limits")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[string]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || strings.HasPrefix(line, "|---") || strings.TrimSpace(cells[1]) == "what" {
			continue
		}
		documented[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[2])
	}
	for _, l := range limits() {
		if got := documented[l[0]]; got != l[1] {
			t.Errorf("%q is documented as %q, and is %q", l[0], got, l[1])
		}
		delete(documented, l[0])
	}
	for what, limit := range documented {
		t.Errorf("%q, %q is documented, and in no list of this test", what, limit)
	}
}
