// Package tracing sends what a request goes through to a collector of
// OpenTelemetry, by OTLP over HTTP.
//
// A request's span is named after its route. Below it are those of package cluster
// (cluster.SpanPropose and so on), and of a command that was forwarded those of the
// leader too: nodes tell each other which span a command is a part of. What
// followers do to replicate an entry is not drawn; treenode.replicate is the time
// until a majority had it.
//
// A client may hand in a span of its own by the header traceparent (W3C Trace
// Context), and then decides whether its request is drawn. Of the others a share is,
// Config.Sample.
//
// # Known limits
//
// Spans wait in a bounded queue and are dropped where the collector does not keep
// up; a batch that it refuses is not sent again. A client can have each of its
// requests drawn. Where several tries were needed for a command, each has its parts
// below the same span.
package tracing
