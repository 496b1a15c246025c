// Package api is the native HTTP API: JSON over the routes under /v1, the
// description at /openapi.json, and what machines watch at /healthz, /readyz
// and /metrics. Its shapes and error codes are those of package wire.
//
// # Guarantees
//
//   - Every mutation is one command under one request id: the caller's, or one
//     made here. The same id and body always make the same command, so that a
//     caller may repeat a request until it knows the outcome.
//   - A request is read strictly, see decode. What is not understood is
//     refused with the path of the field; it is never dropped silently. That
//     holds for query parameters too.
//   - Every failure is a wire.ErrorBody whose code and kind say what became of
//     the request. A panic becomes one too, or cuts the connection if a part
//     of the answer is out, so that no half answer passes for a whole one.
//   - Every read says which log index it shows and takes a consistency.
//   - Lists and maps in answers are never null.
//
// # Limits
//
// A body has wire.BodyBytesMax bytes at most, a page wire.PageProvidersMax or
// wire.PageConsumersMax elements, a tree told whole 100 000 providers, a list
// of names 100 000, a transaction wire.OpsPerTxnMax operations. The cluster
// bounds an encoded command too, below what fits a body: a populate of many
// providers may have to be split. A request ends
// after Config.RequestTimeout, except for the writing of its answer: the
// owner's http.Server bounds that, and the header. An archive (GET /v1/backup) takes
// longer than that: each piece of it has 30 seconds to be written, and a node writes two
// at once.
//
// # Known limits
//
// Routes that remove something without a body (DELETE of a provider, of
// inventories, of a consumer) take no generation; a transaction does.
//
// The consumer's project, user and type show as "unknown", "unknown" and
// "INSTANCE" where nobody gave them.
package api
