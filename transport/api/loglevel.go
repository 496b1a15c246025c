package api

import (
	"errors"
	"maps"

	"github.com/treenode/treenode/transport/wire"
)

// LogLevels are the levels of the node's log. All methods may be called concurrently.
type LogLevels interface {
	// Set changes the level of a subsystem, of everything where that is empty. The
	// error says what is not known.
	Set(subsystem, level string) error
	// All returns the level of what belongs to no subsystem, and those of the
	// subsystems.
	All() (base string, subsystems map[string]string)
}

// fixed are the levels of a node whose log has none that can be changed.
type fixed struct{}

func (fixed) Set(string, string) error { return errors.New("level: it can't be changed here") }

func (fixed) All() (string, map[string]string) { return "info", map[string]string{} }

func nodeRoutes() []route {
	return []route{
		{method: "GET", path: "/v1/node/log-level", answer: wire.LogLevels{}, serve: (*call).logLevels},
		{method: "PUT", path: "/v1/node/log-level", body: wire.SetLogLevel{}, answer: wire.LogLevels{}, serve: (*call).setLogLevel},
	}
}

func (c *call) logLevels() (answer, error) {
	base, subsystems := c.s.levels.All()
	told := wire.LogLevels{Level: base, Subsystems: map[string]string{}}
	maps.Copy(told.Subsystems, subsystems)
	return answer{body: told}, nil
}

func (c *call) setLogLevel() (answer, error) {
	var body wire.SetLogLevel
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	if err := c.s.levels.Set(body.Subsystem, body.Level); err != nil {
		return answer{}, reject(wire.CodeInvalid, "", "%v", err)
	}
	// At error, so that it shows at every level that it may have been set to.
	c.s.log.Error("the log level was changed", "subsystem", body.Subsystem, "level", body.Level)
	return c.logLevels()
}
