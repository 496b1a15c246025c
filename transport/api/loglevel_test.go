package api

import (
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

type levels struct{ base string }

func (l *levels) Set(subsystem, level string) error {
	if level == "loud" {
		return errors.New(`level: "loud" is not known`)
	}
	l.base = subsystem + level
	return nil
}

func (l *levels) All() (string, map[string]string) {
	return l.base, map[string]string{"raft": "info"}
}

func TestLogLevel(t *testing.T) {
	h := New(newFakeNode(), Config{LogLevels: &levels{"info"}})
	for _, c := range []struct {
		method, body string
		status       int
		want         string
	}{
		{"GET", "", 200, `{"level":"info","subsystems":{"raft":"info"}}`},
		{"PUT", `{"level":"debug"}`, 200, `{"level":"debug","subsystems":{"raft":"info"}}`},
		{"PUT", `{"subsystem":"raft","level":"debug"}`, 200, `"level":"raftdebug"`},
		{"PUT", `{"level":"loud"}`, 400, `level: \"loud\" is not known`},
		{"PUT", `{"levels":"debug"}`, 400, `levels`},
		{"GET", "", 200, `"level":"raftdebug"`},
	} {
		r := httptest.NewRequest(c.method, "/v1/node/log-level", strings.NewReader(c.body))
		if c.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		b, err := io.ReadAll(w.Body)
		if err != nil || w.Code != c.status || !strings.Contains(string(b), c.want) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.body, w.Code, b, c.status, c.want)
		}
	}
}
