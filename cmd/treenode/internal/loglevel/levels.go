package loglevel

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
)

// Names are the levels, from the one that says most.
var Names = []string{"trace", "debug", "info", "warn", "error"}

// Parse reads a level's name.
func Parse(name string) (hclog.Level, error) {
	for _, n := range Names {
		if n == name {
			return hclog.LevelFromString(name), nil
		}
	}
	return hclog.NoLevel, fmt.Errorf("%q is not one of trace, debug, info, warn, error", name)
}

// Levels are the levels of a logger and of its subsystems. All methods may be called
// concurrently.
type Levels struct {
	mu   sync.Mutex
	base *atomic.Int32
	by   map[string]*atomic.Int32 // by subsystem; names are in the program, so few
}

// New returns a logger and what changes its levels. What is at or above level is
// logged through the logger that make returns for the lowest level.
func New(level hclog.Level, inner func(lowest hclog.Level) hclog.Logger) (hclog.Logger, *Levels) {
	l := &Levels{base: &atomic.Int32{}, by: map[string]*atomic.Int32{}}
	l.base.Store(int32(level))
	return &logger{Logger: inner(hclog.Trace), levels: l, level: l.base}, l
}

// subsystem returns the level of a subsystem, which begins as the base's is.
func (l *Levels) subsystem(name string) *atomic.Int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	level, ok := l.by[name]
	if !ok {
		level = &atomic.Int32{}
		level.Store(l.base.Load())
		l.by[name] = level
	}
	return level
}

// Set changes the level of a subsystem or, where that is empty, of everything. The
// error says what is not known.
func (l *Levels) Set(subsystem, level string) error {
	parsed, err := Parse(level)
	if err != nil {
		return fmt.Errorf("level: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if subsystem != "" {
		one, ok := l.by[subsystem]
		if !ok {
			return fmt.Errorf("subsystem: there is no %q", subsystem)
		}
		one.Store(int32(parsed))
		return nil
	}
	l.base.Store(int32(parsed))
	for _, one := range l.by {
		one.Store(int32(parsed))
	}
	return nil
}

// All returns the level of what belongs to no subsystem, and those of the
// subsystems.
func (l *Levels) All() (base string, subsystems map[string]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	subsystems = make(map[string]string, len(l.by))
	for name, level := range maps.All(l.by) {
		subsystems[name] = hclog.Level(level.Load()).String()
	}
	return hclog.Level(l.base.Load()).String(), subsystems
}
