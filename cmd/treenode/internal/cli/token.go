package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/treenode/treenode/transport/auth/statictoken"
)

// newToken is about the tokens of serve --auth-tokens-file.
func newToken() *cobra.Command {
	return noun(&cobra.Command{
		Use:     "token",
		Short:   "Make tokens for serve --auth tokens",
		Example: "  treenode token new --user watch --system --roles reader",
	}, newTokenNew(), newTokenHash())
}

// bearer is who a token stands for, by flags.
type bearer struct {
	user, project string
	roles         []string
	system        bool
	lifetime      time.Duration
}

func (b *bearer) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&b.user, "user", "", "id of the user that the token stands for")
	f.StringVar(&b.project, "project", "", "id of the project that the roles are in")
	f.StringSliceVar(&b.roles, "roles", nil, "roles of the user, comma-separated: admin, service, reader or those of a policy file")
	f.BoolVar(&b.system, "system", false, "the roles are in the scope of the whole deployment, not of a project")
	f.DurationVar(&b.lifetime, "lifetime", 0, "how long the token is good; 0 for ever")
}

func (b *bearer) complete(e statictoken.Entry) (statictoken.Entry, error) {
	e.User, e.Project, e.Roles, e.System = b.user, b.project, b.roles, b.system
	if b.lifetime < 0 {
		return e, usage("lifetime: %v is negative", b.lifetime)
	}
	if b.lifetime > 0 {
		ends := time.Now().Add(b.lifetime).UTC().Truncate(time.Second)
		e.Expires = &ends
	}
	if err := e.Check(); err != nil {
		return e, usage("%w", err)
	}
	return e, nil
}

func newTokenNew() *cobra.Command {
	var b bearer
	var file string
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make a token, and the entry of it for the file",
		Long: "Make a token, and the entry of it for the file of serve --auth-tokens-file. The token is shown once: the\n" +
			"entry holds only its hash. With --file the entry is put at the end of that file, which is made if it is not\n" +
			"there; a running node takes it in within a second.",
		Example: "  treenode token new --user nova --project service --roles service --file tokens.yaml\n" +
			"  treenode token new --user watch --system --roles reader --lifetime 8760h",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, e := statictoken.New()
			e, err := b.complete(e)
			if err != nil {
				return err
			}
			if file != "" {
				if err := appendEntry(file, e); err != nil {
					return usage("file: %w", err)
				}
				fmt.Fprintln(cmd.OutOrStdout(), token)
				return nil
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "The token, which is shown this once: %s\nThe entry for the file:\n", token)
			return writeTokenEntry(cmd.OutOrStdout(), e)
		},
	}
	b.add(cmd)
	cmd.Flags().StringVar(&file, "file", "", "file to put the entry into; the output is then the token alone")
	return cmd
}

func newTokenHash() *cobra.Command {
	var b bearer
	cmd := &cobra.Command{
		Use:     "hash",
		Short:   "Make the entry of a token that comes on standard input",
		Example: "  treenode token hash --user nova --project service --roles service # the token on standard input",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), tokenFileMax))
			if err != nil {
				return err
			}
			e, err := statictoken.Of(strings.TrimSpace(string(text)))
			if err != nil {
				return usage("%w", err)
			}
			if e, err = b.complete(e); err != nil {
				return err
			}
			return writeTokenEntry(cmd.OutOrStdout(), e)
		},
	}
	b.add(cmd)
	return cmd
}

// writeTokenEntry writes an entry as a list of one, which is what a file consists of.
func writeTokenEntry(w io.Writer, e statictoken.Entry) error {
	text, err := yaml.Marshal([]statictoken.Entry{e})
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// appendEntry puts an entry at the end of a file.
func appendEntry(path string, e statictoken.Entry) (err error) {
	if _, err := statictoken.Open(path, nil, nil); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // it would stay wrong
	}
	var text bytes.Buffer
	if err := writeTokenEntry(&text, e); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(text.Bytes())
	return err
}
