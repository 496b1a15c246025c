package raftnet

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// errNameless is a peer whose certificate is of no node.
var errNameless = errors.New("the certificate is not a peer's")

// secured makes a link talk TLS, once the handshake is over. Where peers have to
// prove who they are, it notes who it is, and refuses another than the one wanted.
func (n *Net) secured(l *link, conn *tls.Conn, want string) error {
	var peer string
	var chain []*x509.Certificate
	if n.config.PeerName != nil {
		if chain = conn.ConnectionState().PeerCertificates; len(chain) == 0 {
			return errNameless
		}
		ok := false
		if peer, ok = n.config.PeerName(chain[0]); !ok || peer == "" {
			return errNameless
		}
		if want != "" && peer != want {
			return fmt.Errorf("node %q answers there, not %q", peer, want)
		}
	}
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.Conn, l.peer, l.chain = conn, peer, chain
	return nil
}

// Recheck closes the connections of peers that are not trusted any more, by the
// certificates that they were let in with.
func (n *Net) Recheck(trusted func(chain []*x509.Certificate) error) {
	n.closeLinks(func(l *link) bool { return l.chain != nil && trusted(l.chain) != nil })
}

// oneLine makes the text of an error, in which there may be a stranger's words, fit
// for a line of the log.
func oneLine(text string) string {
	return shorten(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, printable([]byte(text))))
}
