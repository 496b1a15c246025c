package loglevel

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

func start(t *testing.T) (hclog.Logger, *Levels, func() string) {
	t.Helper()
	var out bytes.Buffer
	log, levels := New(hclog.Info, func(lowest hclog.Level) hclog.Logger {
		return hclog.New(&hclog.LoggerOptions{Name: "treenode", Level: lowest, Output: &out, DisableTime: true})
	})
	return log, levels, func() string {
		defer out.Reset()
		return out.String()
	}
}

// A subsystem's level is its own, and reaches what was made of it before.
func TestSubsystems(t *testing.T) {
	log, levels, said := start(t)
	raft, part := log.Named("raft"), log.With("node", "n1").Named("raft").Named("snapshot")
	api := log.Named("api")
	all := func() {
		for _, l := range []hclog.Logger{log, raft, part, api} {
			l.Debug("d", "k", 1)
			l.Warn("w")
		}
	}
	all()
	if s := said(); strings.Contains(s, "DEBUG") || strings.Count(s, "WARN") != 4 {
		t.Errorf("at info: %s", s)
	}
	if err := levels.Set("raft", "debug"); err != nil {
		t.Fatal(err)
	}
	all()
	if s := said(); strings.Count(s, "DEBUG") != 2 || strings.Count(s, "treenode.raft") != 4 || strings.Count(s, "WARN") != 4 {
		t.Errorf("with raft at debug: %s", s)
	}
	if base, subs := levels.All(); base != "info" || !maps.Equal(subs, map[string]string{"raft": "debug", "api": "info"}) {
		t.Errorf("levels %s, %v", base, subs)
	}
	if !raft.IsDebug() || api.IsDebug() || raft.GetLevel() != hclog.Debug {
		t.Error("a logger does not know its level")
	}
	if err := levels.Set("", "error"); err != nil {
		t.Fatal(err)
	}
	all()
	if s := said(); s != "" {
		t.Errorf("at error: %s", s)
	}
	if late := log.Named("http"); late.GetLevel() != hclog.Error {
		t.Error("a subsystem that comes later does not begin as all are")
	}
}

func TestSetRefuses(t *testing.T) {
	log, levels, _ := start(t)
	log.Named("raft")
	for _, c := range []struct{ subsystem, level, want string }{
		{"", "loud", `level: "loud"`}, {"", "off", `level: "off"`}, {"", "", `level: ""`}, {"paper", "debug", `subsystem: there is no "paper"`},
	} {
		if err := levels.Set(c.subsystem, c.level); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %q: %v, want %s", c.subsystem, c.level, err, c.want)
		}
	}
	if base, subs := levels.All(); base != "info" || subs["raft"] != "info" {
		t.Error("a refused change has changed something")
	}
}

func TestStandardLogger(t *testing.T) {
	log, levels, said := start(t)
	standard := log.Named("http").StandardLogger(&hclog.StandardLoggerOptions{InferLevels: true})
	standard.Print("accept failed")
	if s := said(); !strings.Contains(s, "[INFO]") || !strings.Contains(s, "accept failed") {
		t.Errorf("said %q", s)
	}
	if err := levels.Set("http", "warn"); err != nil {
		t.Fatal(err)
	}
	standard.Print("accept failed")
	if s := said(); s != "" {
		t.Errorf("at warn it said %q", s)
	}
}
