package loglevel

import (
	"io"
	"log"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
)

// logger asks its level before it hands on.
type logger struct {
	hclog.Logger
	levels *Levels
	level  *atomic.Int32
}

var _ hclog.Logger = (*logger)(nil)

func (l *logger) logs(level hclog.Level) bool { return int32(level) >= l.level.Load() }

// Log implements hclog.Logger.
func (l *logger) Log(level hclog.Level, msg string, args ...any) {
	if l.logs(level) {
		l.Logger.Log(level, msg, args...)
	}
}

// Trace implements hclog.Logger.
func (l *logger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }

// Debug implements hclog.Logger.
func (l *logger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }

// Info implements hclog.Logger.
func (l *logger) Info(msg string, args ...any) { l.Log(hclog.Info, msg, args...) }

// Warn implements hclog.Logger.
func (l *logger) Warn(msg string, args ...any) { l.Log(hclog.Warn, msg, args...) }

// Error implements hclog.Logger.
func (l *logger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

// IsTrace implements hclog.Logger.
func (l *logger) IsTrace() bool { return l.logs(hclog.Trace) }

// IsDebug implements hclog.Logger.
func (l *logger) IsDebug() bool { return l.logs(hclog.Debug) }

// IsInfo implements hclog.Logger.
func (l *logger) IsInfo() bool { return l.logs(hclog.Info) }

// IsWarn implements hclog.Logger.
func (l *logger) IsWarn() bool { return l.logs(hclog.Warn) }

// IsError implements hclog.Logger.
func (l *logger) IsError() bool { return l.logs(hclog.Error) }

// With implements hclog.Logger: the same subsystem.
func (l *logger) With(args ...any) hclog.Logger {
	return &logger{l.Logger.With(args...), l.levels, l.level}
}

// Named implements hclog.Logger: a subsystem, or a part of the one that this is.
func (l *logger) Named(name string) hclog.Logger {
	level := l.level
	if level == l.levels.base {
		level = l.levels.subsystem(name)
	}
	return &logger{l.Logger.Named(name), l.levels, level}
}

// ResetNamed implements hclog.Logger.
func (l *logger) ResetNamed(name string) hclog.Logger {
	return &logger{l.Logger.ResetNamed(name), l.levels, l.levels.subsystem(name)}
}

// SetLevel implements hclog.Logger, for the subsystem.
func (l *logger) SetLevel(level hclog.Level) { l.level.Store(int32(level)) }

// GetLevel implements hclog.Logger.
func (l *logger) GetLevel() hclog.Level { return hclog.Level(l.level.Load()) }

// StandardLogger implements hclog.Logger.
func (l *logger) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(o), "", 0)
}

// StandardWriter implements hclog.Logger. What is written is of level info, or of
// the one that the options force.
func (l *logger) StandardWriter(o *hclog.StandardLoggerOptions) io.Writer {
	level := hclog.Info
	if o != nil && o.ForceLevel != hclog.NoLevel {
		level = o.ForceLevel
	}
	return lines{l, level}
}

// lines logs what is written to it, line by line.
type lines struct {
	to    hclog.Logger
	level hclog.Level
}

func (w lines) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		w.to.Log(w.level, strings.TrimRight(line, "\r\n"))
	}
	return len(b), nil
}
