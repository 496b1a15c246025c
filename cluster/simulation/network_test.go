package simulation

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/treenode/treenode/cluster"
)

// weather is what the network does to everything that passes.
type weather struct {
	delayMax        time.Duration
	loss, duplicate float64 // of calls: chances of each leg, and of the request
}

// network joins the endpoints of one history.
type network struct {
	mu        sync.Mutex
	random    *rand.Rand
	weather   weather
	cut       map[[2]string]bool       // from, to
	lag       map[string]time.Duration // more delay of what an address gets
	changed   chan struct{}            // closed when cut changes
	endpoints map[string]*endpoint
	counts    struct{ calls, lost, duplicated, reset int }
}

func newNetwork(seed uint64) *network {
	return &network{
		random: rand.New(rand.NewPCG(seed, 1)), cut: map[[2]string]bool{}, lag: map[string]time.Duration{}, //nolint:gosec // a simulation is repeatable
		changed: make(chan struct{}), endpoints: map[string]*endpoint{},
	}
}

// linked reports whether anything passes from one address to another.
func (n *network) linked(from, to string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.cut[[2]string{from, to}]
}

// relinked returns a channel that the next change of a link closes.
func (n *network) relinked() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

// relink cuts the links that broken names and mends all others.
func (n *network) relink(addresses []string, broken func(from, to string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = map[[2]string]bool{}
	for _, from := range addresses {
		for _, to := range addresses {
			if from != to && broken(from, to) {
				n.cut[[2]string{from, to}] = true
			}
		}
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *network) setWeather(w weather) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.weather = w
}

// setLag delays what an address gets beside the weather.
func (n *network) setLag(addr string, lag time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lag[addr] = lag
}

// delay draws how long something is under way to an address.
func (n *network) delay(to string) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.delayLocked(to)
}

func (n *network) delayLocked(to string) time.Duration {
	if n.weather.delayMax == 0 {
		return n.lag[to]
	}
	return n.lag[to] + time.Duration(n.random.Int64N(int64(n.weather.delayMax)))
}

func (n *network) at(addr string) *endpoint {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.endpoints[addr]
}

// resetStreams breaks the connections of an address.
func (n *network) resetStreams(addr string) {
	if e := n.at(addr); e != nil {
		for _, s := range e.takeStreams() {
			s.reset()
			n.mu.Lock()
			n.counts.reset++
			n.mu.Unlock()
		}
	}
}

// fate is what happens to one call.
type fate struct {
	there, back, again             time.Duration
	lostThere, lostBack, duplicate bool
	// detached calls go on at the other end when their caller gives up.
	detached bool
}

func (n *network) draw(from, to string) fate {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := fate{
		there: n.delayLocked(to), back: n.delayLocked(from), again: time.Duration(n.random.Int64N(int64(3 * time.Second))),
		lostThere: n.random.Float64() < n.weather.loss, lostBack: n.random.Float64() < n.weather.loss,
		duplicate: n.random.Float64() < n.weather.duplicate, detached: n.random.IntN(2) == 0,
	}
	n.counts.calls++
	if f.lostThere || f.lostBack {
		n.counts.lost++
	}
	if f.duplicate {
		n.counts.duplicated++
	}
	return f
}

const (
	// linkPatience is how long a call waits for a link that is cut.
	linkPatience = 2 * time.Second
	// handlerPatience bounds a call that its caller has given up.
	handlerPatience = 10 * time.Second
	acceptMax       = 128
)

var (
	errLink    = errors.New("the link is cut")
	errLost    = errors.New("a message was lost")
	errRefused = errors.New("nobody listens there")
)

// endpoint is a node's peer port, a cluster.Network.
type endpoint struct {
	network  *network
	addr     string
	closed   chan struct{}
	closing  sync.Once
	accepted chan *stream

	mu        sync.Mutex
	handler   cluster.PeerHandler
	clusterID string
	server    string
	streams   []*stream
}

var _ cluster.Network = (*endpoint)(nil)

func (n *network) listen(addr string) *endpoint {
	e := &endpoint{network: n, addr: addr, closed: make(chan struct{}), accepted: make(chan *stream, acceptMax)}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.endpoints[addr] != nil {
		panic("two endpoints at " + addr)
	}
	n.endpoints[addr] = e
	return e
}

func (e *endpoint) Addr() string { return e.addr }

func (e *endpoint) Serve(h cluster.PeerHandler) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.handler = h
}

func (e *endpoint) SetClusterID(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clusterID = id
}

func (e *endpoint) SetServer(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.server = id
}

func (e *endpoint) takeStreams() []*stream {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.streams
	e.streams = nil
	return all
}

func (e *endpoint) keep(s *stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.streams = append(e.streams, s)
}

func (e *endpoint) Close() error {
	e.closing.Do(func() {
		e.network.mu.Lock()
		delete(e.network.endpoints, e.addr)
		e.network.mu.Unlock()
		close(e.closed)
		for _, s := range e.takeStreams() {
			_ = s.Close()
		}
	})
	return nil
}

func (e *endpoint) isClosed() bool {
	select {
	case <-e.closed:
		return true
	default:
		return false
	}
}

// sleep waits for a time that something under way takes.
func (e *endpoint) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closed:
		return errRefused
	}
}

// awaitLinks waits until all the links are there.
func (e *endpoint) awaitLinks(ctx context.Context, links ...[2]string) error {
	ctx, cancel := context.WithTimeout(ctx, linkPatience)
	defer cancel()
	for {
		relinked := e.network.relinked()
		if !slices.ContainsFunc(links, func(l [2]string) bool { return !e.network.linked(l[0], l[1]) }) {
			return nil
		}
		select {
		case <-relinked:
		case <-ctx.Done():
			return errLink
		case <-e.closed:
			return errRefused
		}
	}
}

// Call implements cluster.Network.
func (e *endpoint) Call(ctx context.Context, addr string, verb cluster.Verb, body []byte) ([]byte, error) {
	f := e.network.draw(e.addr, addr)
	if err := errors.Join(e.awaitLinks(ctx, [2]string{e.addr, addr}), e.sleep(ctx, f.there)); err != nil {
		return nil, &cluster.CallError{Addr: addr, Err: err}
	}
	if f.lostThere {
		return nil, &cluster.CallError{Addr: addr, Sent: true, Err: errors.Join(errLost, e.sleep(ctx, linkPatience))}
	}
	target := e.network.at(addr)
	if target == nil || e.isClosed() {
		return nil, &cluster.CallError{Addr: addr, Err: errRefused}
	}
	if f.duplicate {
		go e.network.callAgain(e, addr, verb, body, f.again)
	}
	handling, cancel := context.WithTimeout(ctx, handlerPatience)
	if f.detached {
		cancel()
		handling, cancel = context.WithTimeout(context.WithoutCancel(ctx), handlerPatience)
	}
	type answer struct {
		body []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		defer cancel()
		b, err := target.handle(handling, e, verb, body)
		answers <- answer{b, err}
	}()
	unanswered := func(err error) error { return &cluster.CallError{Addr: addr, Sent: true, Err: err} }
	select {
	case a := <-answers:
		var refused *cluster.PeerError
		switch {
		case f.lostBack:
			return nil, unanswered(errors.Join(errLost, e.sleep(ctx, linkPatience)))
		case target.isClosed():
			return nil, unanswered(errRefused)
		case a.err != nil && !errors.As(a.err, &refused):
			a.err = &cluster.PeerError{Code: cluster.PeerInternal, Message: a.err.Error()}
		}
		if err := errors.Join(e.awaitLinks(ctx, [2]string{addr, e.addr}), e.sleep(ctx, f.back)); err != nil {
			return nil, unanswered(err)
		}
		return a.body, a.err
	case <-ctx.Done():
		return nil, unanswered(ctx.Err())
	case <-e.closed:
		return nil, unanswered(errRefused)
	case <-target.closed:
		return nil, unanswered(errRefused)
	}
}

// callAgain delivers a request a second time, to whoever is there by then.
func (n *network) callAgain(from *endpoint, addr string, verb cluster.Verb, body []byte, after time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), handlerPatience)
	defer cancel()
	t := time.NewTimer(after)
	defer t.Stop()
	<-t.C
	if target := n.at(addr); target != nil && n.linked(from.addr, addr) {
		_, _ = target.handle(ctx, from, verb, body) // nobody waits for it
	}
}

// handle answers a call from a peer, until the endpoint closes.
func (e *endpoint) handle(ctx context.Context, from *endpoint, verb cluster.Verb, body []byte) ([]byte, error) {
	from.mu.Lock()
	theirs := from.clusterID
	from.mu.Unlock()
	e.mu.Lock()
	h, ours := e.handler, e.clusterID
	e.mu.Unlock()
	early := verb == cluster.VerbHello || verb == cluster.VerbPledge || verb == cluster.VerbJoin
	switch {
	case h == nil || ours == "" && !early:
		return nil, &cluster.PeerError{Code: cluster.PeerNotReady, Message: "not ready"}
	case ours != "" && theirs != "" && ours != theirs:
		return nil, &cluster.PeerError{Code: cluster.PeerOtherCluster, Message: "another cluster"}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-e.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return h.HandlePeer(ctx, verb, slices.Clone(body))
}
