package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/cmd/treenode/internal/draw"
	"github.com/treenode/treenode/transport/wire"
)

const (
	healthTimeout  = 3 * time.Second
	healthBytesMax = 64 << 10
)

func newHealth() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Check that one node is ready",
		Long: "Ask one node, the first endpoint, whether it is ready: it knows a leader and has caught up. The exit code is\n" +
			"0 if so, and 4 with the reason if not. For health checks of containers.",
		Example: "  treenode health\n  treenode health --endpoint http://10.0.0.1:8778\n" +
			"  treenode health --endpoint https://10.0.0.1:8778 --cacert /etc/treenode/api-ca.crt",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			endpoints, err := endpointsOf(cmd)
			if err != nil {
				return err
			}
			if timeout <= 0 {
				return usage("timeout: %v is not above 0", timeout)
			}
			secure, err := clientTLS(cmd)
			if err != nil {
				return err
			}
			target := endpoints[0]
			if !strings.Contains(target, "://") {
				target = schemeOf(secure) + "://" + target
			}
			u, err := url.Parse(target)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return usage("endpoint: it is neither host:port nor a URL with http:// or https://")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			if err := ready(ctx, httpClient(secure), u.JoinPath("readyz").String()); err != nil {
				return &codeError{exitNotApplied, err}
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "ready")
			return err
		},
	}
	cmd.Flags().StringSlice("endpoint", []string{endpointDefault}, "host:port or URL of the node (also $"+endpointsVariable+")")
	clientTLSFlags(cmd)
	cmd.Flags().DurationVar(&timeout, "timeout", healthTimeout, "how long to wait for the answer")
	return cmd
}

// ready is nil when the node says that it is.
func ready(ctx context.Context, c *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := c.Do(r)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // all that is wanted of it was read
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	var said wire.Ready
	body, err := io.ReadAll(io.LimitReader(answer.Body, healthBytesMax))
	if err != nil || json.Unmarshal(body, &said) != nil || said.Reason == "" {
		return fmt.Errorf("not ready: status %d", answer.StatusCode)
	}
	return errors.New("not ready: " + draw.Printable(said.Reason))
}
