package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

// Bounds of what the doctor takes for healthy.
const (
	// doctorAsk bounds each question to a node.
	doctorAsk = 3 * time.Second
	// lagMax is how many entries a member may be behind: that many are applied in
	// about a second.
	lagMax = 10_000
	// clockWarn and clockFail are how far a member's clock may be from that of the
	// node asked. The log's time is that of most voters; a clock beyond the second
	// bound refuses the request ids that it makes itself (package cluster).
	clockWarn, clockFail = time.Second, time.Minute
	// certificateWarn is how long before its end a certificate is pointed out.
	certificateWarn = 21 * 24 * time.Hour
)

// examineCluster asks the first node that answers for the members, and then each
// of them.
func (s *session) examineCluster(ctx context.Context, f *findings) {
	ask, cancel := context.WithTimeout(ctx, doctorAsk)
	defer cancel()
	c, err := s.Members(ask)
	if err != nil {
		f.bad(failing, "cluster", "", "no node answers: "+err.Error(),
			"look at the nodes themselves: is the process up (systemctl status treenode), is --endpoint right, does a firewall stand between")
		return
	}
	f.ok("cluster", c.ClusterID, "%s answers, term %d, committed to %d", c.NodeID, c.Term, c.Commit)
	examineLeader(c, f)
	examineVoters(c.Members, f)
	examineVersions(c.Members, f)
	var reached []memberDigest
	for _, m := range c.Members {
		examineMember(m, c.Commit, f)
		if m.Healthy && m.API != "" && s.examineNode(ctx, m, f) {
			reached = append(reached, memberDigest{ID: m.ID, API: m.API})
		}
	}
	s.examineDigests(ctx, reached, f)
}

func examineLeader(c wire.Cluster, f *findings) {
	if c.LeaderID == "" {
		f.bad(failing, "leader", "", "no leader is known: nothing is written, and reads that must be new wait",
			"bring nodes back until more than half of the voters run and reach each other's peer ports")
		return
	}
	f.ok("leader", c.LeaderID, "leads in term %d", c.Term)
}

func examineVoters(members []wire.Member, f *findings) {
	voters, healthy := 0, 0
	for _, m := range members {
		if m.Role == "voter" {
			voters++
			if m.Healthy {
				healthy++
			}
		}
	}
	majority := voters/2 + 1
	found := fmt.Sprintf("%d of %d voters answer, a majority is %d", healthy, voters, majority)
	switch {
	case healthy < majority:
		f.bad(failing, "quorum", "", found,
			"bring nodes back; if they are lost for good, see \"treenode recover --help\"")
	case voters == 1:
		f.bad(warning, "quorum", "", "one voter: the cluster is as safe as its disk", "start two more nodes with --join")
	case healthy == majority:
		f.bad(warning, "quorum", "", found+": none more may fail", "bring the missing node back, or replace it with a new one and \"treenode cluster remove\"")
	case voters%2 == 0:
		f.bad(warning, "quorum", "", fmt.Sprintf("%d voters survive no more failures than %d", voters, voters-1), "add a voter or remove one")
	default:
		f.ok("quorum", "", "%s: %d may fail", found, healthy-majority)
	}
}

func examineVersions(members []wire.Member, f *findings) {
	var versions []string
	for _, m := range members {
		if m.Version != "" {
			versions = append(versions, m.Version)
		}
	}
	slices.Sort(versions)
	switch versions = slices.Compact(versions); {
	case len(versions) > 1:
		f.bad(warning, "versions", "", "mixed: "+strings.Join(versions, ", "),
			"finish the upgrade: until then nothing of the newer version is used that the older one can't read")
	case len(versions) == 1:
		f.ok("versions", "", "%s everywhere", versions[0])
	}
}

// examineMember judges what the node asked says of a member.
func examineMember(m wire.Member, commit uint64, f *findings) {
	if !m.Healthy {
		f.bad(failing, "member", m.ID, "no answer from "+m.Peer+": "+m.Error,
			"look at that node: its process, its log, and whether "+m.Peer+" is reached from the others")
		return
	}
	if m.Applied+lagMax < commit {
		f.bad(warning, "lag", m.ID, fmt.Sprintf("%d entries behind", commit-m.Applied),
			"if it does not shrink: its disk or its network is slower than the others'; try \"treenode doctor --data-dir\" there")
	} else {
		f.ok("lag", m.ID, "applied to %d", m.Applied)
	}
	if m.ClockOffsetMillis == nil {
		return
	}
	offset := time.Duration(*m.ClockOffsetMillis) * time.Millisecond
	found := fmt.Sprintf("%v from the clock of the node asked", offset)
	switch {
	case offset.Abs() > clockFail:
		f.bad(failing, "clock", m.ID, found, "set it: run chrony or systemd-timesyncd on all nodes")
	case offset.Abs() > clockWarn:
		f.bad(warning, "clock", m.ID, found, "run chrony or systemd-timesyncd on all nodes")
	default:
		f.ok("clock", m.ID, "%s", found)
	}
}

// examineNode asks a member itself, and reports whether it answers.
func (s *session) examineNode(ctx context.Context, m wire.Member, f *findings) bool {
	ask, cancel := context.WithTimeout(client.WithEndpoint(ctx, m.API), doctorAsk)
	defer cancel()
	own, err := s.Cluster(ask)
	answers := err == nil
	switch {
	case err != nil:
		f.bad(failing, "api", m.ID, m.API+" does not answer here: "+err.Error(),
			"clients that find this node there fail too: check --listen, --advertise and what stands between")
	case own.Trouble != "":
		f.bad(warning, "trouble", m.ID, own.Trouble, "see its log; operations.md, \"When something breaks\", has each cause")
	default:
		f.ok("api", m.ID, "%s answers", m.API)
	}
	if u, err := url.Parse(m.API); err == nil && u.Scheme == "https" {
		examineCertificate(ask, m.ID, u.Host, f)
	}
	return answers
}

// examineCertificate looks at when the certificate that a server shows ends.
// Whether it is trusted is the business of those that talk to it.
func examineCertificate(ctx context.Context, node, host string, f *findings) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{}, Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // nothing is sent
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		f.bad(failing, "certificate", node, "no TLS: "+err.Error(), "check --tls-cert and --tls-key of that node")
		return
	}
	defer func() { _ = conn.Close() }()
	secured, ok := conn.(*tls.Conn)
	if !ok || len(secured.ConnectionState().PeerCertificates) == 0 {
		return
	}
	judgeCertificate(node, secured.ConnectionState().PeerCertificates[0].NotAfter, time.Now(), f)
}

func judgeCertificate(about string, end, now time.Time, f *findings) {
	left := end.Sub(now)
	found := "ends " + end.UTC().Format("2006-01-02 15:04")
	switch {
	case left <= 0:
		f.bad(failing, "certificate", about, found+": it has ended", "make a new one (treenode cert) and replace the files: they are read again without a restart")
	case left < certificateWarn:
		f.bad(warning, "certificate", about, found, "make a new one (treenode cert) and replace the files: they are read again without a restart")
	default:
		f.ok("certificate", about, "%s", found)
	}
}

// examineDigests compares the states of the members at one index.
func (s *session) examineDigests(ctx context.Context, members []memberDigest, f *findings) {
	if len(members) == 0 {
		return // that was told already
	}
	ask, cancel := context.WithTimeout(ctx, 2*doctorAsk)
	defer cancel()
	newest, err := s.Digest(client.WithConsistency(ask, wire.Linearizable))
	if err != nil {
		f.bad(failing, "digest", "", "no linearizable read: "+err.Error(), "see the checks above")
		return
	}
	switch err := s.compare(ask, newest.Index, members); exitCode(err) {
	case exitOK:
		f.ok("digest", "", "%d members have the same state", len(members))
	case exitFailure:
		f.bad(failing, "digest", "", err.Error(),
			"stop the nodes that differ from most (treenode cluster digest) and compare directories with \"treenode inspect\"")
	default:
		f.bad(warning, "digest", "", err.Error(), "try again when less is written, or look at the nodes that did not answer")
	}
}
