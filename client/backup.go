package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// errTooLate is why a call ends whose time was over.
var errTooLate = errors.New("the call took too long")

// Backup writes an archive of the whole state, at one index and while writes go on,
// as the node asked has it; see WithConsistency and WithEndpoint. It asks other
// endpoints until one begins to answer, which the client's timeout bounds; then it
// takes as long as it takes, while bytes come.
//
// An error after the first byte means that what was written is not whole. Without
// one, all that the node sent was written: that it is whole, the archive says
// itself, to whoever reads it to its end. An error of the writer is inside the
// one that Backup returns.
func (c *Client) Backup(ctx context.Context, to io.Writer) error {
	r := request{method: http.MethodGet, path: path("backup")}
	if err := c.atLevel(ctx, &r); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begun := func() bool { return true }
	if c.timeout > 0 {
		begun = time.AfterFunc(c.timeout, func() { cancel(errTooLate) }).Stop
		defer begun()
	}
	r.stream = func(body io.Reader) error {
		begun()
		_, err := io.Copy(to, body)
		return err
	}
	return c.sendUntil(ctx, r, nil)
}
