package server

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/treenode/treenode/cluster/atrest"
)

// keyFileLook is how often the key file is read again.
const keyFileLook = 5 * time.Second

// keys are the keys that the node encrypts what it keeps with.
type keys struct {
	ring *atrest.Ring
	path string // of their file; empty where they came from elsewhere
	log  hclog.Logger

	mu     sync.Mutex
	failed string // why the file was not taken; empty if it was
	needed map[atrest.Ref]bool
}

// openKeys reads the key file. It returns nil where nothing is encrypted.
func openKeys(c Config) (*keys, error) {
	given := c.EncryptionKeys
	if c.EncryptionKeyFile != "" {
		var err error
		if given, err = atrest.ReadFile(c.EncryptionKeyFile); err != nil {
			return nil, err
		}
	}
	if given == nil {
		return nil, nil //nolint:nilnil // nothing is encrypted
	}
	return &keys{
		ring: atrest.NewRing(given), path: c.EncryptionKeyFile, log: c.Logger.Named("keys"), needed: map[atrest.Ref]bool{},
	}, nil
}

// ringOf is what the node gets; nil where nothing is encrypted.
func (k *keys) ringOf() *atrest.Ring {
	if k == nil {
		return nil
	}
	return k.ring
}

// watch reads the file now and then until stop closes. A file that a volume or a
// rename exchanges is noticed as well as one that is written.
func (k *keys) watch(stop <-chan struct{}) {
	tick := time.NewTicker(keyFileLook)
	defer tick.Stop()
	for {
		k.reload()
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

// reload takes the file as it is now. One that can't be read, or lacks a key in
// use, is told of once, and the keys stay those that there are.
func (k *keys) reload() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.path != "" {
		k.read()
	}
	k.tellUnneeded()
}

func (k *keys) read() {
	now := k.ring.Keys()
	next, err := atrest.ReadFile(k.path)
	same := err == nil && slices.Equal(next.Refs(), now.Refs()) && next.ActiveRef() == now.ActiveRef()
	if err == nil && !same {
		err = k.ring.Replace(next)
	}
	switch {
	case err == nil:
		k.failed = ""
		if !same {
			k.log.Info("the encryption keys were exchanged", "active", next.ActiveRef().String(), "keys", len(next.Refs()))
		}
	case err.Error() != k.failed:
		k.failed = err.Error()
		k.log.Error("the encryption keys stay those that they were: the file is not taken", "error", err)
	}
}

// tellUnneeded says when a key is no longer needed.
func (k *keys) tellUnneeded() {
	used, now := k.ring.InUse(), k.ring.Keys()
	for _, ref := range now.Refs() {
		is := slices.Contains(used, ref) || ref == now.ActiveRef()
		if k.needed[ref] && !is {
			k.log.Info("nothing needs this encryption key any more: it may be removed", "key", ref.String())
		}
		k.needed[ref] = is
	}
}

var (
	keyActive = prometheus.NewDesc("treenode_encryption_key_active",
		"Whether new entries and snapshots are encrypted with this key.", []string{"key", "fingerprint"}, nil)
	keyInUse = prometheus.NewDesc("treenode_encryption_key_in_use",
		"Whether something in the data directory needs this key; one that nothing needs and is not active may be removed.", []string{"key", "fingerprint"}, nil)
	plainInUse = prometheus.NewDesc("treenode_encryption_plain_in_use",
		"Whether something in the data directory is not encrypted, of a node that has keys.", nil, nil)
	keysRefused = prometheus.NewDesc("treenode_encryption_keys_refused",
		"Whether the key file as it is now was not taken.", nil, nil)
)

// Describe implements prometheus.Collector.
func (k *keys) Describe(d chan<- *prometheus.Desc) {
	d <- keyActive
	d <- keyInUse
	d <- plainInUse
	d <- keysRefused
}

// Collect implements prometheus.Collector.
func (k *keys) Collect(m chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, is bool, labels ...string) {
		v := 0.0
		if is {
			v = 1
		}
		m <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	k.mu.Lock()
	failed := k.failed != ""
	k.mu.Unlock()
	used, now := k.ring.InUse(), k.ring.Keys()
	for _, ref := range now.Refs() {
		gauge(keyActive, ref == now.ActiveRef(), ref.Name, ref.ID.String())
		gauge(keyInUse, slices.Contains(used, ref), ref.Name, ref.ID.String())
	}
	gauge(plainInUse, slices.Contains(used, atrest.Ref{}))
	gauge(keysRefused, failed)
}
