package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Handler draws the requests that a handler serves; see Route.
func (t *Tracing) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := t.w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, s := t.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
		if !s.IsRecording() {
			next.ServeHTTP(w, r)
			return
		}
		s.SetAttributes(attribute.String("http.request.method", r.Method))
		defer s.End() // also where a handler panics
		out := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(out, r.WithContext(ctx))
		s.SetAttributes(attribute.Int("http.response.status_code", out.status))
		if out.status >= http.StatusInternalServerError {
			s.SetStatus(codes.Error, http.StatusText(out.status))
		}
	})
}

// Route names the span of a request after its route, such as "GET /v1/providers",
// and notes the API's id of the request. It does nothing for one that is not drawn.
func Route(ctx context.Context, route, requestID string) {
	s := trace.SpanFromContext(ctx)
	if !s.IsRecording() {
		return
	}
	s.SetName(route)
	s.SetAttributes(attribute.String("http.route", route))
	if requestID != "" {
		s.SetAttributes(attribute.String("treenode.request_id", requestID))
	}
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
