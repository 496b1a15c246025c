package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/treenode/treenode/transport/auth/authtest"
	"github.com/treenode/treenode/transport/certs"
)

const (
	onProviders = "/v1/providers"
	oneProvider = `{"name": "mallory's"}`
	tokenIs     = "X-Auth-Token"
)

// tokenAttacks are about who sends a request.
func tokenAttacks() []attack {
	denied := func(name string, status int, header func(b *battlefield) []string) attack {
		return attack{name, func(b *battlefield) (string, error) {
			for _, path := range []string{onProviders, "/resource_providers", "/placement/resource_providers"} {
				if _, err := b.wants(status, http.MethodPost, path, oneProvider, header(b)...); err != nil {
					return "", err
				}
			}
			return fmt.Sprint(status, ", by both APIs"), nil
		}}
	}
	as := func(grant authtest.Grant, foreign bool) func(b *battlefield) []string {
		return func(b *battlefield) []string {
			k := b.keystone
			if foreign {
				k = b.foreign
			}
			return []string{tokenIs, b.issue(k, grant)}
		}
	}
	admin := authtest.Grant{User: "root", Project: "p", Roles: []string{"admin"}}
	ended := admin
	ended.Expires = time.Now().Add(-time.Minute)
	believe := []string{
		"X-Roles", "admin", "X-User-Id", "root", "X-Project-Id", "service", "X-Identity-Status", "Confirmed",
		"X-Is-Admin-Project", "True", "OpenStack-System-Scope", "all",
	}
	return []attack{
		denied("no token", 401, func(*battlefield) []string { return nil }),
		denied("an expired token", 401, as(ended, false)),
		denied("a token of another Keystone", 401, as(admin, true)),
		denied("a forged token", 401, func(b *battlefield) []string {
			return []string{tokenIs, b.secret("gAAAA-f0rged-" + fmt.Sprint(len(b.secrets)))}
		}),
		denied("a token of 30 KiB", 401, func(b *battlefield) []string { return []string{tokenIs, b.secret(strings.Repeat("h-u-g-e-", 4<<10))} }),
		denied("the token admin, as noauth2 has it", 401, func(*battlefield) []string { return []string{tokenIs, "admin"} }),
		denied("identity by header, without a token", 401, func(*battlefield) []string { return believe }),
		denied("identity by header, beside a reader's token", 403, func(b *battlefield) []string { return append([]string{tokenIs, b.reader}, believe...) }),
		{"a token that was revoked, again", revoked},
		{"guesses, from the address of a client", guesses},
		{"a reader at every route that changes something", everyRoute},
		{"more requests than a principal may send", greedy},
	}
}

// revoked: a token counts no longer than the cache has it.
func revoked(b *battlefield) (string, error) {
	token := b.issue(b.keystone, authtest.Grant{User: "leaver", Project: "p", Roles: []string{"admin"}})
	if _, err := b.wants(200, http.MethodGet, "/v1/cluster", "", tokenIs, token); err != nil {
		return "", err
	}
	b.keystone.Revoke(token)
	began := time.Now()
	for {
		_, err := b.wants(401, http.MethodGet, "/v1/cluster", "", tokenIs, token)
		if err == nil {
			return fmt.Sprintf("401, %v after it was revoked (cached for 1s)", time.Since(began).Round(100*time.Millisecond)), nil
		}
		if time.Since(began) > patience {
			return "", err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// guesses go on for longer than tokens are cached: clients that share the address of
// whoever guesses have to get through, and new guesses not.
func guesses(b *battlefield) (string, error) {
	told := map[int]int{}
	for began := time.Now(); time.Since(began) < 1500*time.Millisecond; {
		r, err := http.NewRequest(http.MethodGet, b.target.URL()+"/v1/cluster", nil)
		if err != nil {
			return "", err
		}
		r.Header.Set(tokenIs, b.secret(fmt.Sprintf("gAAAA-guess-%d", len(b.secrets))))
		answer, err := b.client(b.t).Do(r) // from where the clients are
		if err != nil {
			return "", err
		}
		answer.Body.Close()
		told[answer.StatusCode]++
	}
	if told[401] == 0 || told[429] == 0 || len(told) > 2 || told[401] > 40 {
		return "", fmt.Errorf("statuses %v", told)
	}
	return fmt.Sprintf("401 for %d, then 429 for %d", told[401], told[429]), nil
}

// everyRoute tries what the OpenAPI document has.
func everyRoute(b *battlefield) (string, error) {
	_, _, text, err := b.ask(http.MethodGet, "/openapi.json", nil, "", tokenIs, b.service)
	if err != nil {
		return "", err
	}
	var described struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal([]byte(text), &described); err != nil {
		return "", err
	}
	tried := 0
	for path, methods := range described.Paths {
		if strings.HasSuffix(path, "/changed") { // it reads
			continue
		}
		fill := strings.NewReplacer("{p}", "load-0-0", "{uuid}", "5a5a5a5a-0000-4000-8000-000000000001", "{name}", "CUSTOM_X", "{class}", "VCPU", "{id}", "n3")
		for method := range methods {
			if method == "get" || method == "parameters" {
				continue
			}
			tried++
			// So many requests as a principal may not send: each has a reader of its own.
			token := b.issue(b.keystone, authtest.Grant{User: fmt.Sprint("reader-", tried), Project: "p", Roles: []string{"reader", "member"}})
			if _, err := b.wants(403, strings.ToUpper(method), fill.Replace(path), "", tokenIs, token); err != nil {
				return "", err
			}
		}
	}
	if tried < 20 {
		return "", fmt.Errorf("only %d routes are described", tried)
	}
	return fmt.Sprintf("403, by each of %d", tried), nil
}

func greedy(b *battlefield) (string, error) {
	token := b.issue(b.keystone, authtest.Grant{User: "greedy", Project: "p", Roles: []string{"service"}})
	client := b.client(b.t)
	transport := client.Transport.(*http.Transport)
	transport.DisableKeepAlives = false
	transport.DialContext = func(_ context.Context, _, addr string) (net.Conn, error) { return b.dial(addr) }
	told, after := map[int]int{}, ""
	for range 4 * burstOf {
		r, err := http.NewRequest(http.MethodGet, b.target.URL()+"/v1/cluster", nil)
		if err != nil {
			return "", err
		}
		r.Header.Set(tokenIs, token)
		answer, err := client.Do(r)
		if err != nil {
			return "", err
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if told[answer.StatusCode]++; answer.StatusCode == http.StatusTooManyRequests {
			if after = answer.Header.Get("Retry-After"); after != "1" {
				return "", fmt.Errorf("Retry-After %q", after)
			}
		}
	}
	if told[200] == 0 || told[429] == 0 || len(told) > 2 {
		return "", fmt.Errorf("statuses %v", told)
	}
	return fmt.Sprintf("200 for %d, 429 with Retry-After: %s for %d", told[200], after, told[429]), nil
}

// apiAttacks are about what reaches the API's port.
func apiAttacks() []attack {
	const request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	refused := func(name string, config func(b *battlefield) *tls.Config) attack {
		return attack{"API: " + name, func(b *battlefield) (string, error) { return b.refusedTLS(b.apiAddr(), config(b), request) }}
	}
	shown := func(pair func(b *battlefield) certs.Pair) func(*battlefield) *tls.Config {
		return func(b *battlefield) *tls.Config { return shows(b.t, pair(b)) }
	}
	return []attack{
		refused("another CA's client certificate", shown(func(b *battlefield) certs.Pair { return b.stranger.must(b.stranger.NewClient("ops", nil, hourly())) })),
		refused("an expired client certificate", shown(func(b *battlefield) certs.Pair {
			return b.api.must(b.api.NewClient("ops", nil, time.Now().Add(-time.Hour)))
		})),
		refused("a node's certificate and key, stolen", shown(func(b *battlefield) certs.Pair { return b.stolen(1) })),
		refused("a node's certificate of the API's own CA", shown(func(b *battlefield) certs.Pair { return b.api.must(b.api.NewPeer("n1", hourly())) })),
		refused("TLS 1.1", func(*battlefield) *tls.Config {
			return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		}),
		{"API: plain text", func(b *battlefield) (string, error) {
			saw, err := b.talks(b.apiAddr(), nil, request)
			if err != nil || saw != sayHTTPS {
				return "", fmt.Errorf("%q, %w", saw, err)
			}
			return "400, This port speaks HTTPS", nil
		}},
		{"API: slow headers and bodies", slowRequests},
		{"API: 1 MiB of headers", func(b *battlefield) (string, error) {
			return b.answered(b.posts(onProviders, strings.Repeat("X-Bomb: "+strings.Repeat("x", 1000)+"\r\n", 1<<10)+"\r\n"), 431)
		}},
		{"API: a body over the limit, native", func(b *battlefield) (string, error) { return b.bomb(onProviders, 2<<20) }},
		{"API: a body over the limit, Placement", func(b *battlefield) (string, error) { return b.bomb("/resource_providers", 9<<20) }},
		{"API: a chunked body without end, native", func(b *battlefield) (string, error) { return b.bomb(onProviders, 1<<40) }},
		{"API: a chunked body without end, Placement", func(b *battlefield) (string, error) { return b.bomb("/resource_providers", 1<<40) }},
		{"API: 4 MiB in a gzip of 4 KiB", gzipBomb},
		{"API: idle connections", idle},
		{"API: a burst of garbage", func(b *battlefield) (string, error) { return b.garbage(b.apiAddr()) }},
	}
}

// posts is the beginning of a request that would be allowed.
func (b *battlefield) posts(path, more string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Auth-Token: " + b.service + "\r\n" + more
}

// refusedTLS expects a server to end a connection before it says anything over it.
func (b *battlefield) refusedTLS(addr string, config *tls.Config, in string) (string, error) {
	saw, err := b.talks(addr, config, in)
	if err == nil || saw != "" {
		return "", fmt.Errorf("let in: %q", saw)
	}
	if leftStanding(err) {
		return "", fmt.Errorf("left standing: %w", err)
	}
	text := err.Error()
	if i := strings.LastIndex(text, "->"); i >= 0 { // addresses
		_, text, _ = strings.Cut(text[i:], ": ")
	}
	return text, nil
}

// talks sends something and returns what comes back first.
func (b *battlefield) talks(addr string, config *tls.Config, in string) (string, error) {
	conn, err := b.dial(addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if config != nil {
		conn = tls.Client(conn, config)
	}
	if _, err := io.WriteString(conn, in); err != nil {
		return "", err
	}
	got := make([]byte, 4096)
	n, err := conn.Read(got)
	if n > 0 {
		err = nil
	}
	return string(got[:n]), err
}

// answered sends a request, whether all of it is taken or not, and expects a status.
func (b *battlefield) answered(in string, status int) (string, error) {
	conn, err := b.dial(b.apiAddr())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	over := tls.Client(conn, shows(b.t, certs.Pair{}))
	if err := over.Handshake(); err != nil {
		return "", err
	}
	go io.WriteString(over, in) //nolint:errcheck // it is cut off
	got := make([]byte, 4096)
	n, err := over.Read(got)
	if !strings.HasPrefix(string(got[:n]), fmt.Sprintf("HTTP/1.1 %d ", status)) {
		return "", fmt.Errorf("%q, %w", got[:n], err)
	}
	return fmt.Sprint(status), nil
}

// endless is a body of zeros that counts what is taken of it.
type endless struct{ left, taken atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	n := min(int64(len(p)), e.left.Load())
	if n == 0 {
		return 0, io.EOF
	}
	e.left.Add(-n)
	e.taken.Add(n)
	clear(p[:n])
	return int(n), nil
}

// takenMax is far above what is read of a body that is too large.
const takenMax = 64 << 20

func (b *battlefield) bomb(path string, size int64) (string, error) {
	body := &endless{}
	body.left.Store(size)
	got, _, text, err := b.ask(http.MethodPost, path, body, "application/json", tokenIs, b.service)
	taken := body.taken.Load()
	switch {
	case taken > takenMax:
		return "", fmt.Errorf("%d bytes were taken", taken)
	case err != nil:
		return fmt.Sprintf("closed, %d MiB were taken", taken>>20), nil
	case got != http.StatusRequestEntityTooLarge:
		return "", fmt.Errorf("status %d: %.300s", got, text)
	}
	return fmt.Sprintf("%d, %d MiB were taken", got, taken>>20), nil
}

func gzipBomb(b *battlefield) (string, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(`{"name": "` + strings.Repeat("x", 4<<20) + `"}`)); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	saw := ""
	for _, path := range []string{onProviders, "/resource_providers"} {
		got, _, text, err := b.ask(http.MethodPost, path, bytes.NewReader(packed.Bytes()), "application/json", tokenIs, b.service, "Content-Encoding", "gzip")
		if err != nil || got != 400 && got != 415 {
			return "", fmt.Errorf("status %d, %w: %.300s", got, err, text)
		}
		saw = fmt.Sprintf("%d, by both APIs", got)
	}
	return saw, nil
}
