package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/scripts/faults/check"
	"github.com/treenode/treenode/transport/wire"
)

// Times of a client. They are short, so that there are many tries during a
// fault, but for the patient ones, who wait for a paused node to go on.
const (
	callTimeout    = 4 * time.Second
	attemptTimeout = 1200 * time.Millisecond
	pinnedTimeout  = 1000 * time.Millisecond
	patience       = 12 * time.Second
	// avoidFor is how long a node that did not answer a call that was meant
	// for it alone gets no more of them from the same client.
	avoidFor = 5 * time.Second
	// stuffInterval is between two big writes.
	stuffInterval = 40 * time.Millisecond
)

// Config describes the load.
type Config struct {
	Endpoints []string
	Clients   int
	// Rate is operations a second, of all clients together.
	Rate int
	Seed uint64
	// Stuff adds a client that writes several megabytes a second.
	Stuff bool
	// Since is the index at which the history begins. All session reads ask
	// for it, or for more.
	Since    uint64
	Recorder *Recorder
	// Running tells whether the node at an endpoint runs, as far as the driver
	// knows. Clients seldom wait for one that does not.
	Running func(endpoint int) bool
}

// Prepare makes the world, and returns it as the state that a history begins
// with, and its index.
func Prepare(ctx context.Context, endpoints []string) (s check.State, since uint64, err error) {
	c, err := client.New(endpoints)
	if err != nil {
		return s, 0, err
	}
	defer c.Close()
	var t wire.Txn
	add := func(p int, parent int8, total int32) {
		uuid := check.ProviderUUID(p)
		t.Ops = append(t.Ops, wire.Op{CreateProvider: &wire.CreateProvider{UUID: uuid, Name: check.ProviderName(p), Parent: parentOf(parent)}})
		if total > 0 {
			t.Ops = append(t.Ops, wire.Op{SetInventories: &wire.ChangeInventories{Provider: uuid, Inventories: inventory(total)}})
		}
	}
	for p := range check.Providers {
		switch {
		case check.IsHost(p):
			add(p, check.RackA, check.FixedTotal)
		case check.IsHalf(p):
			add(p, check.PairRoot, 1)
		default:
			add(p, check.NoParent, 0)
		}
	}
	if _, err := c.Txn(ctx, t); err != nil {
		return s, 0, fmt.Errorf("make the world: %w", err)
	}
	o := &check.Op{Kind: check.ReadProviders, Level: check.Linearizable}
	if err := ask(ctx, c, o); err != nil {
		return s, 0, fmt.Errorf("read the world: %w", err)
	}
	s.Revision, s.Providers = o.Revision, *o.Providers
	return s, o.Index, nil
}

// Run lets the clients work until the context ends, and returns when each has
// its last answer or has given up.
func Run(ctx context.Context, c Config) error {
	var wait sync.WaitGroup
	clients := make([]*worker, c.Clients)
	for i := range clients {
		w, err := newWorker(i, c)
		if err != nil {
			return err
		}
		clients[i] = w
	}
	for _, w := range clients {
		wait.Go(func() { w.work(ctx, w.once) })
	}
	if c.Stuff {
		w, err := newWorker(c.Clients, c)
		if err != nil {
			return err
		}
		w.interval = stuffInterval
		wait.Go(func() { w.work(ctx, w.stuff) })
	}
	wait.Wait()
	return nil
}

// worker is one client.
type worker struct {
	number   int
	config   Config
	client   *client.Client
	r        *rand.Rand
	choose   chooser
	patient  bool
	avoid    map[string]time.Time
	interval time.Duration
	answered []answered // in the order of their return
}

// patientEvery makes one client in so many patient.
const patientEvery = 7

func newWorker(i int, c Config) (*worker, error) {
	w := &worker{
		number: i, config: c, avoid: map[string]time.Time{},
		r:        rand.New(rand.NewPCG(c.Seed, uint64(i))), //nolint:gosec // repeatable, not secret
		patient:  i%patientEvery == patientEvery-1,
		interval: time.Duration(c.Clients) * time.Second / time.Duration(c.Rate),
	}
	w.choose = chooser{r: w.r, pair: int32(1000 + i), pairStep: int32(c.Clients)} //nolint:gosec // small
	// Each begins at another node.
	endpoints := append(append([]string{}, c.Endpoints[i%len(c.Endpoints):]...), c.Endpoints[:i%len(c.Endpoints)]...)
	attempt := attemptTimeout
	if w.patient {
		attempt = patience
	}
	var err error
	w.client, err = client.New(endpoints, client.WithTimeout(callTimeout), client.WithAttemptTimeout(attempt),
		client.WithBackoff(20*time.Millisecond, 250*time.Millisecond))
	return w, err
}

func (w *worker) work(ctx context.Context, once func()) {
	defer w.client.Close()
	next := time.Now()
	for {
		wait := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		// No catching up: a client that waited does not hurry.
		next = time.Now().Add(w.interval/2 + time.Duration(w.r.Int64N(int64(w.interval))))
		once()
	}
}

// stuff makes one big write.
func (w *worker) stuff() {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	Record(ctx, w.client, w.config.Recorder, &check.Op{Client: w.number, Kind: check.WriteStuff})
}

// once makes one call. It has its own bound, not the run's: a call that is cut
// off tells nothing.
func (w *worker) once() {
	if !w.patient && w.r.IntN(100) < againPercent && w.again() {
		return
	}
	o := w.choose.write()
	if w.patient || w.r.IntN(100) < 45 {
		o = w.choose.read()
	}
	o.Client = w.number
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	if w.patient {
		ctx, cancel = context.WithTimeout(context.Background(), patience)
	}
	defer cancel()
	if node, ok := w.pin(o); ok {
		o.Node = node
		ctx = client.WithEndpoint(ctx, node)
		if !w.patient {
			ctx, cancel = context.WithTimeout(ctx, pinnedTimeout)
			defer cancel()
		}
	}
	ctx = client.WithMinIndex(ctx, w.config.Since)
	o.MinIndex = w.config.Since
	id, err := client.NewRequestID()
	if err == nil && !o.Kind.Reads() {
		ctx = client.WithRequestID(ctx, id)
	}
	Record(ctx, w.client, w.config.Recorder, o)
	if err == nil && !o.Kind.Reads() {
		w.remember(o, id)
	}
	w.choose.see(o)
	if o.Node != "" && o.Outcome != check.OK && o.Outcome != check.Rejected {
		w.avoid[o.Node] = time.Now().Add(avoidFor)
	}
}

// pin chooses a node to ask, if it is to be a certain one: all calls of the
// patient, most stale reads, and some of the rest.
func (w *worker) pin(o *check.Op) (string, bool) {
	at := w.r.IntN(len(w.config.Endpoints))
	node := w.config.Endpoints[at]
	if w.r.IntN(10) > 0 && !w.config.Running(at) {
		return "", false
	}
	chance := 25
	if o.Level == check.Stale || w.patient {
		chance = 90
	}
	return node, w.r.IntN(100) < chance && time.Now().After(w.avoid[node])
}

// Record makes one call and records what became of it. A session read asks for
// the operation's MinIndex at least.
func Record(ctx context.Context, c *client.Client, r *Recorder, o *check.Op) {
	o.MinIndex = max(o.MinIndex, c.Index())
	o.Call = r.Now()
	err := ask(ctx, c, o)
	o.Return = r.Now()
	var strange *Strange
	switch {
	case err == nil:
		o.Outcome = check.OK
	case o.Level == check.Stale && client.CodeOf(err) == wire.CodeProviderNotFound:
		// A node that was started just now knows nothing yet, not even the
		// roots, and a stale read may show that.
		r.skip()
		return
	case errors.As(err, &strange), o.Kind.Reads() && o.Kind != check.ReadConsumer && client.IsRejected(err):
		r.keep(&r.strange, fmt.Sprintf("%s: %v", o, err))
		return
	case client.IsRejected(err):
		o.Outcome, o.Code = check.Rejected, string(client.CodeOf(err))
	case client.IsNotApplied(err), o.Kind.Reads():
		r.skip()
	default:
		o.Outcome = check.Unknown
	}
	if client.IsInternal(err) {
		r.keep(&r.internal, fmt.Sprintf("%s: %v", o, err))
	}
	if o.Outcome != "" {
		r.add(o)
	}
}
