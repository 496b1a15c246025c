package cli

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/transport/certs"
)

// Names of the files that cert writes.
const (
	peerCAFile  = "peer-ca"
	apiCAFile   = "api-ca"
	peerFile    = "peer"
	apiFile     = "api"
	peerCRLFile = "peer-ca.crl"

	caDaysDefault   = 3650
	leafDaysDefault = 365
	daysMax         = 36500
)

func newCert() *cobra.Command {
	cmd := noun(&cobra.Command{
		Use:   "cert",
		Short: "Make and show certificates",
		Long: "Make the certificates of a first cluster: a CA for the peer ports and one for the API, what each node needs,\n" +
			"and certificates of clients. Keys are ECDSA P-256, in files that only their owner reads; no file is ever\n" +
			"overwritten. The keys of the CAs stay in the directory: keep it off the nodes.",
		Example: "  treenode cert ca --dir certs\n" +
			"  treenode cert node n1 --dir certs --host 10.0.0.1\n" +
			"  treenode cert client ops --dir certs\n" +
			"  treenode cert show certs/n1/peer.crt",
	}, newCertCA(), newCertNode(), newCertClient(), newCertRevoke(), newCertShow())
	for _, below := range cmd.Commands() {
		strictArgs(below)
	}
	return cmd
}

// certFlags gives a command the flags of those that make something.
func certFlags(cmd *cobra.Command, dir *string, days *int, daysDefault int) {
	cmd.Flags().StringVar(dir, "dir", "certs", "directory of the CAs, below which the others go")
	cmd.Flags().IntVar(days, "days", daysDefault, "how long it is good for; never longer than its CA")
}

func untilDays(days int) (time.Time, error) {
	if days < 1 || days > daysMax {
		return time.Time{}, usage("days: %d; it must be from 1 to %d", days, daysMax)
	}
	return time.Now().Add(time.Duration(days) * 24 * time.Hour), nil
}

func newCertCA() *cobra.Command {
	var dir, name string
	var days int
	cmd := &cobra.Command{
		Use:     "ca",
		Short:   "Make a CA for the peer ports and one for the API",
		Long:    "Make peer-ca.crt and api-ca.crt with their keys. They are two, so that no certificate of the API counts between nodes.",
		Example: "  treenode cert ca --dir certs",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			until, err := untilDays(days)
			if err != nil {
				return err
			}
			peers, err := certs.NewAuthority(name+" peers", until)
			if err != nil {
				return err
			}
			api, err := certs.NewAuthority(name+" API", until)
			if err != nil {
				return err
			}
			files := append(pairFiles(filepath.Join(dir, peerCAFile), peers), pairFiles(filepath.Join(dir, apiCAFile), api)...)
			return writeFiles(cmd.OutOrStdout(), files)
		},
	}
	certFlags(cmd, &dir, &days, caDaysDefault)
	cmd.Flags().StringVar(&name, "name", "treenode", "first word of the CAs' names")
	return cmd
}

func newCertNode() *cobra.Command {
	var dir, out string
	var hosts []string
	var days int
	cmd := &cobra.Command{
		Use:   "node ID",
		Short: "Make a node's certificates, of its peer port and of its API",
		Long: "Make a directory with all that the node needs: peer.crt, which names the node id, api.crt, which is good for the\n" +
			"hosts and for this machine's own names (localhost, 127.0.0.1, ::1), their keys, and the certificates of both CAs.",
		Example: "  treenode cert node n1 --dir certs --host 10.0.0.1,n1.example.org",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			until, err := untilDays(days)
			if err != nil {
				return err
			}
			if len(hosts) == 0 {
				return usage("host: at least one is needed, by which clients reach the node")
			}
			peers, peersPEM, err := loadAuthority(dir, peerCAFile)
			if err != nil {
				return err
			}
			api, apiPEM, err := loadAuthority(dir, apiCAFile)
			if err != nil {
				return err
			}
			peer, err := peers.NewPeer(args[0], until)
			if err != nil {
				return usage("%w", err)
			}
			all := slices.Clone(hosts)
			for _, own := range []string{"localhost", "127.0.0.1", "::1"} {
				if !slices.Contains(all, own) {
					all = append(all, own)
				}
			}
			server, err := api.NewServer(args[0], all, until)
			if err != nil {
				return usage("host: %w", err)
			}
			if out == "" {
				out = filepath.Join(dir, args[0])
			}
			files := append(pairFiles(filepath.Join(out, peerFile), peer), pairFiles(filepath.Join(out, apiFile), server)...)
			files = append(files, certFile{filepath.Join(out, peerCAFile+".crt"), peersPEM}, certFile{filepath.Join(out, apiCAFile+".crt"), apiPEM})
			return writeFiles(cmd.OutOrStdout(), files)
		},
	}
	certFlags(cmd, &dir, &days, leafDaysDefault)
	cmd.Flags().StringSliceVar(&hosts, "host", nil, "host name or address by which clients reach the node's API, comma-separated")
	cmd.Flags().StringVar(&out, "out", "", "directory for the node's files (default: the node's id below --dir)")
	return cmd
}

func newCertClient() *cobra.Command {
	var dir, out string
	var organizations []string
	var days int
	cmd := &cobra.Command{
		Use:     "client NAME",
		Short:   "Make a certificate of a client of the API",
		Long:    "Make NAME.crt and NAME.key. NAME is the certificate's common name, and says who the client is.",
		Example: "  treenode cert client ops --dir certs",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			until, err := untilDays(days)
			if err != nil {
				return err
			}
			if strings.ContainsAny(args[0], `/\`) || strings.HasPrefix(args[0], ".") {
				return usage("name: %q can't be the name of a file", args[0])
			}
			api, apiPEM, err := loadAuthority(dir, apiCAFile)
			if err != nil {
				return err
			}
			pair, err := api.NewClient(args[0], organizations, until)
			if err != nil {
				return usage("%w", err)
			}
			if out == "" {
				out = filepath.Join(dir, "client-"+args[0])
			}
			files := append(pairFiles(filepath.Join(out, args[0]), pair), certFile{filepath.Join(out, apiCAFile+".crt"), apiPEM})
			return writeFiles(cmd.OutOrStdout(), files)
		},
	}
	certFlags(cmd, &dir, &days, leafDaysDefault)
	cmd.Flags().StringSliceVar(&organizations, "organization", nil, "organizations in the certificate's subject, comma-separated")
	cmd.Flags().StringVar(&out, "out", "", "directory for the client's files (default: client-NAME below --dir)")
	return cmd
}

func newCertRevoke() *cobra.Command {
	var dir string
	var days int
	cmd := &cobra.Command{
		Use:   "revoke CERTIFICATE...",
		Short: "Put nodes' certificates on the revocation list",
		Long: "Add certificates to peer-ca.crl, the list for \"serve --peer-crl\"; the file is replaced in one step. Nodes that are\n" +
			"given the new list close the connections of who is on it. The list counts past its end, too.",
		Example: "  treenode cert revoke certs/n2/peer.crt --dir certs",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			until, err := untilDays(days)
			if err != nil {
				return err
			}
			peers, _, err := loadAuthority(dir, peerCAFile)
			if err != nil {
				return err
			}
			path := filepath.Join(dir, peerCRLFile)
			old, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return usage("dir: %w", err)
			}
			var revoked []*x509.Certificate
			for _, name := range args {
				c, err := readCertificate(name)
				if err != nil {
					return usage("%s: %w", name, err)
				}
				revoked = append(revoked, c)
			}
			list, err := peers.Revoke(old, revoked, until)
			if err != nil {
				return usage("%w", err)
			}
			if err := replaceCertFile(certFile{path, list}); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
	certFlags(cmd, &dir, &days, leafDaysDefault)
	return cmd
}

func newCertShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show FILE...",
		Short:   "Show what is in files with certificates",
		Long:    "Show the certificates, revocation lists and keys of PEM files: of a key only that it is one.",
		Example: "  treenode cert show certs/n1/peer.crt\n  treenode cert show /etc/treenode/api.crt -o json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := oneOf(cmd, "output", formats)
			if err != nil {
				return err
			}
			all := []shownCert{}
			for _, name := range args {
				b, err := os.ReadFile(name)
				if err != nil {
					return usage("%w", err)
				}
				found, err := certs.Describe(b)
				if err != nil {
					return usage("%s: %w", name, err)
				}
				for _, d := range found {
					all = append(all, shownCert{name, d})
				}
			}
			s := session{cmd: cmd, format: format, quiet: func() {}}
			return s.show(all, func(out io.Writer) error { return printCerts(out, all) })
		},
	}
	cmd.Flags().StringP("output", "o", formats[0], strings.Join(formats, ", "))
	completeFlag(cmd, "output", formats...)
	return cmd
}

// shownCert is one block of a file.
type shownCert struct {
	File string `json:"file"`
	certs.Description
}

func printCerts(out io.Writer, all []shownCert) error {
	for i, c := range all {
		if i > 0 {
			if _, err := fmt.Fprintln(out); err != nil {
				return err
			}
		}
		var pairs [][]string
		add := func(name, value string) {
			if value != "" {
				pairs = append(pairs, []string{name, value})
			}
		}
		add("file", c.File)
		add("kind", c.Kind)
		add("node", c.Node)
		add("subject", c.Subject)
		add("issuer", c.Issuer)
		add("names", strings.Join(c.Names, ", "))
		add("serial", c.Serial)
		if !c.Ends.IsZero() {
			add("begins", c.Begins.UTC().Format(time.RFC3339))
			add("ends", c.Ends.UTC().Format(time.RFC3339)+remaining(c.Ends))
		}
		add("key", c.Algorithm)
		add("sha-256", c.Fingerprint)
		add("revoked", strings.Join(c.Revoked, ", "))
		add("problem", c.Problem)
		if err := printPairs(out, pairs); err != nil {
			return err
		}
	}
	return nil
}

func remaining(end time.Time) string {
	left := time.Until(end)
	if left < 0 {
		return " (has ended)"
	}
	return fmt.Sprintf(" (in %d days)", int(left.Hours()/24))
}

// certFile is a file to write.
type certFile struct {
	path    string
	content []byte
}

// pairFiles are a certificate's and its key's.
func pairFiles(base string, p certs.Pair) []certFile {
	return []certFile{{base + ".crt", p.Cert}, {base + ".key", p.Key}}
}

// writeFiles writes files that only their owner reads, all or, where one is there
// already, none.
func writeFiles(out io.Writer, files []certFile) error {
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			return usage("%s is there already; nothing was written", f.path)
		}
	}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
			return err
		}
		if err := writeNew(f); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, f.path); err != nil {
			return err
		}
	}
	return nil
}

func writeNew(f certFile) error {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(f.content)
	return errors.Join(err, file.Close())
}

// replaceCertFile writes a file that may be there, in one step.
func replaceCertFile(f certFile) error {
	next := certFile{f.path + ".new", f.content}
	if err := os.Remove(next.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(next); err != nil {
		return err
	}
	return os.Rename(next.path, f.path)
}

// loadAuthority reads a CA of the directory, and its certificate as it is there.
func loadAuthority(dir, name string) (*certs.Authority, []byte, error) {
	base := filepath.Join(dir, name)
	cert, err := os.ReadFile(base + ".crt")
	if err != nil {
		return nil, nil, usage("dir: %w; \"treenode cert ca\" makes the CAs", err)
	}
	key, err := os.ReadFile(base + ".key")
	if err != nil {
		return nil, nil, usage("dir: %w", err)
	}
	a, err := certs.LoadAuthority(certs.Pair{Cert: cert, Key: key})
	if err != nil {
		return nil, nil, usage("%s.crt, %s.key: %w", base, base, err)
	}
	return a, cert, nil
}

// readCertificate reads the first certificate of a file.
func readCertificate(path string) (*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("it holds no certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}
