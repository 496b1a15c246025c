package server

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/certs"
	"github.com/treenode/treenode/transport/raftnet"
)

// connectionsOfTest is how many connections both ends of which are in this process are
// possible, beside those that the nodes need. The race detector takes no more goroutines.
func connectionsOfTest() int {
	files, known := filesAllowed()
	most := (files - 1500) / 2
	switch {
	case underRace:
		most = min(most, 2000)
	case !known:
		most = 1000
	}
	return max(most, 100)
}

// stolen is the certificate and key of another node than the target, copied.
func (b *battlefield) stolen(ahead int) certs.Pair {
	of := b.configs[(b.targetIndex+ahead)%len(b.configs)].PeerTLS
	cert, err := os.ReadFile(of.Cert)
	if err != nil {
		b.t.Fatal(err)
	}
	key, err := os.ReadFile(of.Key)
	if err != nil {
		b.t.Fatal(err)
	}
	return certs.Pair{Cert: cert, Key: key}
}

// greeting opens a connection for calls.
func greeting(clusterID string) string {
	return "TNRN\x02\x02" + string(rune(len(clusterID))) + clusterID + "\x00"
}

// peerAttacks are about the port between nodes.
func peerAttacks() []attack {
	refused := func(name string, pair func(b *battlefield) certs.Pair) attack {
		return attack{"peer port: " + name, func(b *battlefield) (string, error) {
			return b.refusedTLS(b.targetPeer, shows(b.t, pair(b)), greeting(b.clusterID))
		}}
	}
	return []attack{
		refused("no certificate", func(*battlefield) certs.Pair { return certs.Pair{} }),
		refused("a node's certificate of another CA", func(b *battlefield) certs.Pair { return b.stranger.must(b.stranger.NewPeer("n2", hourly())) }),
		refused("an expired certificate", func(b *battlefield) certs.Pair {
			return b.peers.must(b.peers.NewPeer("n2", time.Now().Add(-time.Hour)))
		}),
		refused("a client's certificate", func(b *battlefield) certs.Pair {
			return b.api.must(b.api.NewClient("ops", []string{"admins"}, hourly()))
		}),
		refused("a client's certificate of the nodes' CA", func(b *battlefield) certs.Pair { return b.peers.must(b.peers.NewClient("n2", nil, hourly())) }),
		refused("the API's certificate", func(b *battlefield) certs.Pair {
			return b.api.must(b.api.NewServer("n2", []string{"127.0.0.1"}, hourly()))
		}),
		{"peer port: TLS 1.2, with a node's certificate", func(b *battlefield) (string, error) {
			config := shows(b.t, b.stolen(1))
			config.MaxVersion = tls.VersionTLS12
			return b.refusedTLS(b.targetPeer, config, greeting(b.clusterID))
		}},
		{"peer port: plain text", func(b *battlefield) (string, error) {
			saw, err := b.talks(b.targetPeer, nil, greeting(b.clusterID))
			if err == nil && strings.Contains(saw, "TNRN") {
				return "", fmt.Errorf("let in: %q", saw)
			}
			return "closed", nil
		}},
		{"peer port: a node's certificate claims another name", impostor},
		{"peer port: a node that is no member calls", outsider},
		{"peer port: a call of 4 GiB, by a stolen certificate", oversize},
		{"peer port: handshakes that stand still", halfOpen},
		{"peer port: a burst of garbage", func(b *battlefield) (string, error) { return b.garbage(b.targetPeer) }},
		{"join with a certificate and no token", func(b *battlefield) (string, error) {
			return b.joinsWith("")
		}},
		{"join with a certificate and a forged token", func(b *battlefield) (string, error) {
			return b.joinsWith(b.secret("tnj-0123456789abcdef-" + strings.Repeat("f0", 32)))
		}},
		{"join without a certificate", func(b *battlefield) (string, error) { return b.join(nil) }},
		{"join with a certificate of another CA", func(b *battlefield) (string, error) {
			return b.join(shows(b.t, b.stranger.must(b.stranger.NewPeer("n9", hourly()))))
		}},
	}
}

// call makes a call of the peer protocol with a certificate, or over plain text.
func (b *battlefield) call(config *tls.Config, clusterID string, verb cluster.Verb, body string) error {
	of := raftnet.Config{Listen: "127.0.0.1:0"}
	if config != nil {
		of.ClientTLS, of.ServerTLS = config, &tls.Config{Certificates: []tls.Certificate{loaded(b.t, b.stolen(1))}} //nolint:gosec // nobody calls the attacker
	}
	from, err := raftnet.Listen(of)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // the attacker's
	from.SetClusterID(clusterID)
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	_, err = from.Call(ctx, b.targetPeer, verb, []byte(body))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return fmt.Errorf("left standing: %w", err)
	}
	return err
}

// refusedCall expects a refusal of the node, in words that say why.
func refusedCall(err error, why string) (string, error) {
	var refused *cluster.PeerError
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, why) {
		return "", fmt.Errorf("not refused: %w", err)
	}
	return refused.Message, nil
}

// impostor has a node's certificate and says that it is a third.
func impostor(b *battlefield) (string, error) {
	other := b.configs[(b.targetIndex+2)%3]
	body := fmt.Sprintf(`{"cluster_id": %q, "from": %q, "node": %q}`, b.clusterID, other.PeerListen, other.NodeID)
	return refusedCall(b.call(shows(b.t, b.stolen(1)), b.clusterID, cluster.VerbPledge, body), "may not speak for")
}

// outsider has a certificate of the nodes' CA, and is no member.
func outsider(b *battlefield) (string, error) {
	config := shows(b.t, b.peers.must(b.peers.NewPeer("n9", hourly())))
	return refusedCall(b.call(config, b.clusterID, cluster.VerbForward, "x"), "is not a member")
}

// oversize: a request whose header says that 4 GiB follow is refused before any of it is
// waited for.
func oversize(b *battlefield) (string, error) {
	conn, err := b.dial(b.targetPeer)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	over := tls.Client(conn, shows(b.t, b.stolen(1)))
	header := append([]byte(greeting(b.clusterID)), byte(cluster.VerbForward), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
	if _, err := over.Write(binary.BigEndian.AppendUint32(header, 1<<32-1)); err != nil {
		return "", err
	}
	said, err := io.ReadAll(over) // to the end: the node closes
	if leftStanding(err) || !strings.Contains(string(said), "over the limit") {
		return "", fmt.Errorf("%q, %w", said, err)
	}
	return "a call of 4294967295 bytes is over the limit; closed", nil
}

// halfOpen takes more handshakes than the port has places for, and leaves them.
func halfOpen(b *battlefield) (string, error) {
	const many = 300
	conns := make([]net.Conn, many)
	began := time.Now()
	for i := range conns {
		conn, err := b.dial(b.targetPeer)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, []string{"", "\x16", "\x16\x03\x01\x00\xff\x01"}[i%3]); err != nil {
			return "", err
		}
		conns[i] = conn
	}
	var ends sync.WaitGroup
	errs := make(chan error, many)
	for _, conn := range conns {
		ends.Go(func() {
			if _, err := io.ReadAll(conn); leftStanding(err) {
				errs <- err
			}
		})
	}
	ends.Wait()
	select {
	case err := <-errs:
		return "", fmt.Errorf("left standing: %w", err)
	default:
	}
	// A peer gets in again.
	saw, err := b.talks(b.targetPeer, shows(b.t, b.stolen(1)), greeting(b.clusterID))
	if err != nil || !strings.HasPrefix(saw, "TNRN\x02\x00") {
		return "", fmt.Errorf("a peer is not let in afterwards: %q, %w", saw, err)
	}
	return fmt.Sprintf("%d closed after %v; a peer gets in", many, time.Since(began).Round(100*time.Millisecond)), nil
}

// joiner answers the greeting of whom it asked to be taken in.
type joiner struct{ hello string }

// HandlePeer implements cluster.PeerHandler.
func (j joiner) HandlePeer(context.Context, cluster.Verb, []byte) ([]byte, error) {
	return []byte(j.hello), nil
}

// joinsWith asks to be taken in with a certificate of the nodes' CA, as a node does, and
// expects to be told that the token is at fault.
func (b *battlefield) joinsWith(token string) (string, error) {
	config := shows(b.t, b.peers.must(b.peers.NewPeer("n9", hourly())))
	own := loaded(b.t, b.peers.must(b.peers.NewPeer("n9", hourly())))
	from, err := raftnet.Listen(raftnet.Config{
		Listen: "127.0.0.1:0", ClientTLS: config, ServerTLS: &tls.Config{Certificates: []tls.Certificate{own}}, //nolint:gosec // the attacker takes everybody
	})
	if err != nil {
		return "", err
	}
	defer from.Close() //nolint:errcheck // the attacker's
	from.SetClusterID(b.clusterID)
	from.Serve(joiner{fmt.Sprintf(`{"node_id": "n9", "raft_id": "n9@0123abcd", "cluster_id": %q, "peer": %q, "level": 99}`, b.clusterID, from.Addr())})
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	said, err := from.Call(ctx, b.targetPeer, cluster.VerbJoin,
		fmt.Appendf(nil, `{"raft_id": "n9@0123abcd", "peer": %q, "nonvoter": false, "token": %q}`, from.Addr(), token))
	if err != nil || !strings.Contains(string(said), "join token") {
		return "", fmt.Errorf("%q, %w", said, err)
	}
	return string(said), nil
}

// join asks to be taken in over a connection that must not come about.
func (b *battlefield) join(config *tls.Config) (string, error) {
	err := b.call(config, "", cluster.VerbJoin, `{"raft_id": "n9@0123abcd", "peer": "127.0.0.1:1", "nonvoter": false}`)
	var none *cluster.CallError
	if !errors.As(err, &none) {
		return "", fmt.Errorf("an answer: %w", err)
	}
	text := none.Err.Error()
	if i := strings.LastIndex(text, "->"); i >= 0 {
		_, text, _ = strings.Cut(text[i:], ": ")
	}
	return text, nil
}
