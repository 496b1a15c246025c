package tracing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	exportTimeout   = 10 * time.Second
	answerBytesMax  = 64 << 10
	tracesPath      = "/v1/traces"
	mediaProtobuf   = "application/x-protobuf"
	idleConnections = 2
)

// collector is an otlptrace.Client: OTLP over HTTP. The library's own,
// otlptracehttp, brings gRPC into the program; the request is one message, and one
// that has the same form without (opentelemetry-proto's TracesData).
type collector struct {
	url    string
	client *http.Client
}

// endpoint checks the URL of a collector. One without a path is given OTLP's.
func endpoint(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is not http://host:port or https://host:port", text)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = tracesPath
	}
	return u.String(), nil
}

func newCollector(url string) *collector {
	return &collector{url, &http.Client{
		Timeout:   exportTimeout,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: idleConnections, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // what is told to one is not for another
		},
	}}
}

// Start implements otlptrace.Client.
func (c *collector) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *collector) Stop(context.Context) error {
	c.client.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client.
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", mediaProtobuf)
	answer, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()                                                                     //nolint:errcheck // read, or not wanted
	if _, err := io.CopyN(io.Discard, answer.Body, answerBytesMax); err != nil && err != io.EOF { //nolint:errorlint // CopyN returns it as it is
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the collector at %s answers %s", c.url, answer.Status)
	}
	return nil
}
