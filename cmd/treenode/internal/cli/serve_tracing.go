package cli

import (
	"github.com/spf13/pflag"

	"github.com/treenode/treenode/cmd/treenode/internal/server"
	"github.com/treenode/treenode/transport/tracing"
)

// tracingFlags are the flags of serve that are about traces.
type tracingFlags struct {
	endpoint string
	sample   float64
}

func (t *tracingFlags) add(f *pflag.FlagSet) {
	f.StringVar(&t.endpoint, "otlp-endpoint", "", "URL of an OpenTelemetry collector for traces by OTLP over HTTP, such as http://127.0.0.1:4318 (default: none are sent)")
	f.Float64Var(&t.sample, "trace-sample", 0.01, "share of the requests that are traced, from 0 to 1; a request with a traceparent decides itself")
}

// apply checks the flags and starts the sending of traces. It needs the logger.
func (t *tracingFlags) apply(c *server.Config) error {
	if t.endpoint == "" {
		return nil
	}
	var err error
	c.Tracing, err = tracing.New(tracing.Config{
		Endpoint: t.endpoint, Sample: t.sample, NodeID: c.NodeID, Version: version, Logger: c.Logger.Named("tracing"),
	})
	if err != nil {
		return usage("%w", err)
	}
	return nil
}
