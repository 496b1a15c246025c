package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/cmd/treenode/internal/migrate"
)

const (
	// noauthToken is who Placement's noauth2 takes for an administrator.
	noauthToken   = "admin"
	tokenBytesMax = 64 << 10
	caBytesMax    = 4 << 20
)

// importSource is where an import comes from: a service or a file.
type importSource struct {
	url, tokenFile, ca, file string
	noauth                   bool
	concurrency              int
}

func (o *importSource) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.url, "from", "", "URL of the Placement service to read (default: the one in Keystone's catalogue)")
	f.StringVar(&o.tokenFile, "from-token-file", "", "file that holds a token for the source")
	f.BoolVar(&o.noauth, "from-noauth", false, "the source has no Keystone: say that we are admin, as noauth2 takes it")
	f.StringVar(&o.ca, "from-cacert", "", "PEM file of who signs the certificates of the source and of Keystone (default: $OS_CACERT, or the system's)")
	f.IntVar(&o.concurrency, "from-concurrency", 8, "requests to the source that are under way at once, 64 at most")
	f.StringVar(&o.file, "file", "", "read what \"treenode export\" wrote instead of a service; - for standard input")
}

// check refuses choices that exclude each other. What authenticates comes
// from flags, else from the environment of OpenStack's client.
func (o *importSource) check() error {
	switch {
	case o.file != "" && (o.url != "" || o.tokenFile != "" || o.noauth):
		return usage("file: a file and a service are given: only one can be read")
	case o.file != "":
		return nil
	case o.noauth && o.tokenFile != "":
		return usage("from-noauth: with from-token-file one too many ways to authenticate")
	case o.url == "" && (o.noauth || o.tokenFile != "" || os.Getenv("OS_AUTH_URL") == ""):
		return usage("from: the URL of a Placement service is needed (or OS_AUTH_URL and its like, or --file)")
	case !o.noauth && o.tokenFile == "" && os.Getenv("OS_AUTH_URL") == "":
		return usage("from: how to authenticate? Set OS_AUTH_URL and its like, or give --from-token-file or --from-noauth")
	}
	return nil
}

// read reads everything, and says of which moment it is.
func (o *importSource) read(ctx context.Context, in io.Reader, progress func(string)) (migrate.Read, error) {
	if o.file != "" {
		c, err := o.readFile(in, progress)
		return migrate.Read{Contents: c, Passes: 1}, err
	}
	config := migrate.SourceConfig{URL: o.url, Concurrency: o.concurrency, Progress: progress}
	var err error
	if config.RootCAs, err = o.roots(); err != nil {
		return migrate.Read{}, err
	}
	if config.Auth, err = o.authenticator(); err != nil {
		return migrate.Read{}, err
	}
	s, err := migrate.OpenSource(ctx, config)
	if err != nil {
		return migrate.Read{}, fmt.Errorf("source: %w", err)
	}
	read, err := s.Read(ctx)
	if err != nil {
		return migrate.Read{}, fmt.Errorf("source: %w", err)
	}
	return read, nil
}

func (o *importSource) readFile(in io.Reader, progress func(string)) (*migrate.Contents, error) {
	name := o.file
	if name == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, usage("file: %w", err)
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	progress("reading " + name)
	c, _, err := migrate.ReadStream(in)
	if err != nil {
		return nil, usage("%s: %w", name, err)
	}
	return c, nil
}

func (o *importSource) authenticator() (migrate.Authenticator, error) {
	switch {
	case o.noauth:
		return migrate.StaticToken(noauthToken), nil
	case o.tokenFile != "":
		text, err := readSmall(o.tokenFile, tokenBytesMax)
		if err != nil {
			return nil, usage("from-token-file: %w", err)
		}
		token := strings.TrimSpace(string(text))
		if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, usage("from-token-file: %s does not hold one token", o.tokenFile)
		}
		return migrate.StaticToken(token), nil
	}
	k, err := migrate.KeystoneFromEnvironment(os.Getenv)
	if err != nil {
		return nil, usage("%w", err)
	}
	return k, nil
}

func (o *importSource) roots() (*x509.CertPool, error) {
	path := o.ca
	if path == "" {
		path = os.Getenv("OS_CACERT")
	}
	if path == "" {
		return nil, nil
	}
	pem, err := readSmall(path, caBytesMax)
	if err != nil {
		return nil, usage("from-cacert: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, usage("from-cacert: %s holds no PEM certificate", path)
	}
	return pool, nil
}

func readSmall(path string, most int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // what OS_CACERT names is the operator's choice
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = errors.New("it is larger than what it should hold")
	}
	return text, err
}
