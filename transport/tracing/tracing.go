package tracing

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/treenode/treenode/cluster"
)

// Config describes a Tracing.
type Config struct {
	// Endpoint is the collector's URL; without a path it gets OTLP's.
	Endpoint string
	// Sample is the share of the requests without a traceparent that are drawn, from
	// 0 to 1.
	Sample float64
	// NodeID and Version are told with every span.
	NodeID, Version string
	// Logger is told of spans that can't be sent. Nil for nobody.
	Logger hclog.Logger
	// Processor is for tests: what spans go to instead of the collector.
	Processor sdktrace.SpanProcessor
}

// Tracing draws requests. All methods may be called concurrently.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	w3c      propagation.TraceContext
}

var _ cluster.Tracer = (*Tracing)(nil)

// New starts sending spans. It does not ask the collector whether it is there. The
// error names the field that is wrong.
func New(c Config) (*Tracing, error) {
	if !(c.Sample >= 0 && c.Sample <= 1) {
		return nil, fmt.Errorf("trace-sample: %v is not from 0 to 1", c.Sample)
	}
	processor := c.Processor
	if processor == nil {
		url, err := endpoint(c.Endpoint)
		if err != nil {
			return nil, fmt.Errorf("otlp-endpoint: %w", err)
		}
		processor = sdktrace.NewBatchSpanProcessor(otlptrace.NewUnstarted(newCollector(url)))
	}
	if c.Logger != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { c.Logger.Warn("spans are lost", "error", err) }))
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(processor),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.Sample))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "treenode"), attribute.String("service.version", c.Version),
			attribute.String("service.instance.id", c.NodeID),
		)),
	)
	return &Tracing{provider: provider, tracer: provider.Tracer("github.com/treenode/treenode")}, nil
}

// Close sends what waits, while the context allows.
func (t *Tracing) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// headerTraceparent is the header of W3C Trace Context; between nodes its value is
// what is carried.
const headerTraceparent = "traceparent"

// Begin implements cluster.Tracer: below the context's span, or the carried one.
// Nothing is drawn that belongs to no request.
func (t *Tracing) Begin(ctx context.Context, name string, carried []byte) cluster.Span {
	if len(carried) > 0 {
		ctx = t.w3c.Extract(ctx, propagation.MapCarrier{headerTraceparent: string(carried)})
	}
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return nil
	}
	ctx, s := t.tracer.Start(ctx, name)
	return &span{t, ctx, s}
}

// span is a cluster.Span.
type span struct {
	of   *Tracing
	ctx  context.Context //nolint:containedctx // the span is in it
	span trace.Span
}

// Carry implements cluster.Span.
func (s *span) Carry() []byte {
	carrier := propagation.MapCarrier{}
	s.of.w3c.Inject(s.ctx, carrier)
	return []byte(carrier[headerTraceparent])
}

// Part implements cluster.Span.
func (s *span) Part(name string, begin, end time.Time) {
	_, part := s.of.tracer.Start(s.ctx, name, trace.WithTimestamp(begin))
	part.End(trace.WithTimestamp(end))
}

// Set implements cluster.Span.
func (s *span) Set(name string, value uint64) {
	s.span.SetAttributes(attribute.Int64(name, int64(value))) //nolint:gosec // OTLP has no others; none is that large
}

// End implements cluster.Span.
func (s *span) End(err error) {
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End()
}
