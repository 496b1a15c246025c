package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	valueBytes = 256
	// keys is how many there are to choose from.
	keys = 100_000
	// readKey is the one that is read.
	readKey = "read"
	// clientsPerConnection is how many share one of gRPC, about.
	clientsPerConnection = 100
	// answerTimeout bounds what is still unanswered at the end of a row.
	answerTimeout = 30 * time.Second
	dialTimeout   = 10 * time.Second
)

// measureEtcd starts members, runs the rows, and stops the members.
func measureEtcd(ctx context.Context, o options) (rows []row, version string, err error) {
	dir := filepath.Join(o.Dir, "etcd")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, "", err
	}
	m, err := startMembers(o.etcd, dir)
	defer func() { err = errors.Join(err, m.stop(), os.RemoveAll(dir)) }()
	if err != nil {
		return nil, "", err
	}
	var value [valueBytes]byte
	if _, err := rand.Read(value[:]); err != nil {
		return nil, "", err
	}
	l := &load{options: o, value: string(value[:]), endpoints: m.endpoints}
	if err := m.wait(ctx, l.prepare); err != nil {
		return nil, "", err
	}
	for _, n := range o.Writers {
		rows, err = l.row(ctx, rows, "claims", n, l.put)
		if err != nil {
			return nil, "", err
		}
	}
	for _, n := range o.Readers {
		rows, err = l.row(ctx, rows, "reads", n, l.read)
		if err != nil {
			return nil, "", err
		}
	}
	return rows, l.version, nil
}

// load is what all rows of one etcd share.
type load struct {
	options
	value     string
	endpoints []string // of the members that are talked to
	version   string
}

func connect(ctx context.Context, endpoint string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Context: ctx, Endpoints: []string{endpoint}, DialTimeout: dialTimeout, Logger: zap.NewNop(),
	})
}

// prepare writes the key that is read, and sees that each member answers reads.
// With LeaderOnly the leader is the only endpoint left.
func (l *load) prepare(ctx context.Context) error {
	var leader []string
	for _, endpoint := range l.endpoints {
		err := func() (err error) {
			c, err := connect(ctx, endpoint)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, c.Close()) }()
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			if _, err := c.Put(ctx, readKey, l.value); err != nil {
				return err
			}
			if err := l.read(ctx, c, nil); err != nil {
				return err
			}
			status, err := c.Status(ctx, endpoint)
			if err != nil {
				return err
			}
			l.version = status.Version
			if status.Leader == status.Header.MemberId {
				leader = append(leader, endpoint)
			}
			return nil
		}()
		if err != nil {
			return err
		}
	}
	if l.LeaderOnly {
		if len(leader) != 1 {
			return fmt.Errorf("%d members say that they lead", len(leader))
		}
		l.endpoints = leader
	}
	return nil
}

func (l *load) put(ctx context.Context, c *clientv3.Client, random *mathrand.Rand) error {
	_, err := c.Put(ctx, fmt.Sprintf("key-%012d", random.IntN(keys)), l.value)
	return err
}

// read ranges over one key; a range is linearizable unless something else is
// asked for.
func (l *load) read(ctx context.Context, c *clientv3.Client, _ *mathrand.Rand) error {
	r, err := c.Get(ctx, readKey)
	if err != nil {
		return err
	}
	if len(r.Kvs) != 1 || string(r.Kvs[0].Value) != l.value {
		return errors.New("the answer is not the value that was written")
	}
	return nil
}

// connections is how many a number of clients share. Each member that is talked
// to has the same number of clients, but for one.
func connections(clients, members int) int {
	perMember := (clients + members - 1) / members
	return min(clients, members*((perMember+clientsPerConnection-1)/clientsPerConnection))
}

// row runs so many clients, first to warm up, then for the duration.
func (l *load) row(ctx context.Context, rows []row, name string, clients int, do func(context.Context, *clientv3.Client, *mathrand.Rand) error) (_ []row, err error) {
	open := make([]*clientv3.Client, connections(clients, len(l.endpoints)))
	for i := range open {
		c, err := connect(ctx, l.endpoints[i%len(l.endpoints)])
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		open[i] = c
	}
	r := row{Row: fmt.Sprintf("%s@%d", name, clients), Clients: clients}
	for _, d := range []time.Duration{l.WarmUp, l.Duration} {
		began := time.Now()
		all := make([]callerSaw, clients)
		end := began.Add(d)
		ctx, cancel := context.WithDeadline(ctx, end.Add(answerTimeout))
		var wait sync.WaitGroup
		for i := range all {
			wait.Go(func() {
				random := mathrand.New(mathrand.NewPCG(1, uint64(i))) //nolint:gosec // which key is next needs no secrecy
				all[i].loop(end, func() error { return do(ctx, open[i%len(open)], random) })
			})
		}
		wait.Wait()
		took := time.Since(began)
		cancel()
		r.fill(all, took)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return append(rows, r), nil
}

// callerSaw is what one client did.
type callerSaw struct {
	latencies []time.Duration // of what succeeded
	errors    int
	text      string // of one error
}

// loop calls do until the end; what has begun by then is finished and counts.
func (s *callerSaw) loop(end time.Time, do func() error) {
	for began := time.Now(); began.Before(end); began = time.Now() {
		if err := do(); err != nil {
			s.errors++
			s.text = err.Error()
			continue
		}
		s.latencies = append(s.latencies, time.Since(began))
	}
}

// fill sets the row's figures, and adds the errors to those it has.
func (r *row) fill(all []callerSaw, took time.Duration) {
	var latencies []time.Duration
	for _, s := range all {
		latencies = append(latencies, s.latencies...)
		r.Errors += s.errors
		if s.text != "" && !slices.Contains(r.ErrorTexts, s.text) && len(r.ErrorTexts) < errorTextsMax {
			r.ErrorTexts = append(r.ErrorTexts, s.text)
		}
	}
	slices.Sort(latencies)
	r.PerSecond = float64(len(latencies)) / took.Seconds()
	if len(latencies) > 0 {
		r.P50Millis, r.P99Millis = quantile(latencies, 0.5), quantile(latencies, 0.99)
	}
}

// quantile of sorted values, in milliseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	return float64(sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Microseconds()) / 1000
}
