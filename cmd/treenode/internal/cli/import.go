package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/migrate"
	"github.com/treenode/treenode/transport/wire"
)

// importer is one run of import.
type importer struct {
	importSource
	migrate.PlanOptions
	verify, dryRun, live bool

	s     *session
	doing atomic.Pointer[string] // what the progress line shows
}

func newImport() *cobra.Command {
	var o importer
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Copy everything of a Placement service, or of an export, into the cluster",
		Long: "Read everything that a service with the Placement API holds (resource classes, traits, providers with their\n" +
			"UUIDs, inventories, aggregates, consumers and what they hold), or a file that \"treenode export\" wrote, and write\n" +
			"it into the cluster, which should be empty. Then compare both.\n\n" +
			"Stop the source's clients first: the source is gone through until a pass finds nothing new, and with clients\n" +
			"that go on writing that may never be. With --live what was read is taken as it is: to copy most of it ahead,\n" +
			"and the rest with --prune when the clients have stopped.\n\n" +
			"An import that was interrupted is begun again with --resume: what is equal is left alone.\n\n" +
			"To authenticate with Keystone, set OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME and their like, as for\n" +
			"the openstack command; the source is then found in the catalogue.\n\n" +
			"Generations come along, or are higher: what clients remember of the source stays true or is a conflict. That\n" +
			"takes the role admin, and a cluster whose nodes all know how; --ignore-generations has them counted anew.\n" +
			"--verify writes nothing and lists what differs; the exit code is 1 if anything does.",
		Example: "  treenode import --from http://10.0.0.9:8778 --from-token-file token\n" +
			"  treenode import --verify -o json       # the source is in Keystone's catalogue: OS_AUTH_URL etc. are set\n" +
			"  treenode import --from http://10.0.0.9:8778 --from-noauth --resume\n" +
			"  treenode import --file export.jsonl",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.Resume, "resume", false, "go on with an import that was interrupted; refuses if the cluster has what the source does not")
	f.BoolVar(&o.Merge, "merge", false, "add to a cluster that is not empty; what the source does not have stays")
	f.BoolVar(&o.Prune, "prune", false, "make a cluster that is not empty equal: what the source does not have is removed")
	f.BoolVar(&o.live, "live", false, "take what was read even if the source did not come to rest")
	f.BoolVar(&o.verify, "verify", false, "only compare, and list what differs")
	f.BoolVar(&o.NoGenerations, "ignore-generations", false, "neither carry over nor compare generations, for a source that is written to meanwhile; restart the clients then")
	f.BoolVar(&o.dryRun, "dry-run", false, "only say what would be done")
	return clientFlags(cmd)
}

func (o *importer) run(cmd *cobra.Command) error {
	if err := o.check(); err != nil {
		return err
	}
	chosen := 0
	for _, b := range []bool{o.Resume, o.Merge, o.Prune} {
		if b {
			chosen++
		}
	}
	switch {
	case chosen > 1:
		return usage("resume, merge and prune exclude each other")
	case o.verify && (o.Resume || o.Prune || o.dryRun):
		return usage("verify: it only compares; of the others, only --merge goes with it (what the cluster has more is fine then)")
	case o.concurrency < 1 || o.concurrency > 64:
		return usage("from-concurrency: %d is not from 1 to 64", o.concurrency)
	}
	s, err := connect(cmd)
	if err != nil {
		return err
	}
	defer s.Close()
	o.s = s
	o.says("reading")
	s.quiet = progressOf(cmd.ErrOrStderr(), func() string { return *o.doing.Load() })
	defer s.quiet()
	ctx := client.WithConsistency(cmd.Context(), wire.Linearizable)
	began := time.Now()
	target, known, _, err := migrate.ReadCluster(ctx, s.Client, o.says)
	if err != nil {
		return s.explain(err)
	}
	if err := o.PlanOptions.Refuse(target); err != nil && !o.verify { // before the long way through the source
		return &codeError{exitRejected, err}
	}
	read, err := o.read(ctx, cmd.InOrStdin(), o.says)
	if err != nil {
		return err
	}
	if read.Unsettled != "" && !o.live {
		return fmt.Errorf("the source does not come to rest: in pass %d there were new or changed: %s; stop its clients, or take it as it is with --live",
			read.Passes, read.Unsettled)
	}
	if o.verify {
		return o.compare(read, target)
	}
	plan, err := migrate.NewPlan(read.Contents, target, known, o.PlanOptions)
	if err != nil {
		return &codeError{exitRejected, err}
	}
	return o.write(ctx, read, plan, began)
}

func (o *importer) says(what string) { o.doing.Store(&what) }

// imported is what import prints.
type imported struct {
	migrate.Summary
	DryRun    bool    `json:"dry_run,omitempty"`
	Unsettled string  `json:"unsettled,omitempty"`
	Index     uint64  `json:"index,omitempty"`
	Seconds   float64 `json:"seconds"`
}

func (o *importer) write(ctx context.Context, read migrate.Read, plan *migrate.Plan, began time.Time) error {
	result := imported{Summary: plan.Summary, DryRun: o.dryRun, Unsettled: read.Unsettled}
	if !o.dryRun {
		if err := plan.Apply(ctx, o.s.Client, o.says); err != nil {
			o.s.quiet()
			return &toldError{err.Error() + "\nWhat was written stays. The same command with --resume goes on from there.", err}
		}
		written, _, at, err := migrate.ReadCluster(ctx, o.s.Client, o.says)
		if err != nil {
			return o.s.explain(err)
		}
		if found := migrate.Compare(read.Contents, written, o.compareOptions()); len(found) > 0 {
			if err := o.printDifferences(found, read, written); err != nil {
				return err
			}
			return fmt.Errorf("all was written, but %d things differ: somebody else may have written too", len(found))
		}
		result.Index = at.Index
	}
	result.Seconds = time.Since(began).Seconds()
	return o.s.show(result, func(out io.Writer) error { return printImported(out, result) })
}

func printImported(out io.Writer, r imported) error {
	rows := [][]string{
		{"providers", number(r.ProvidersCreated), number(r.ProvidersChanged), number(r.ProvidersRemoved), number(r.ProvidersEqual)},
		{"consumers", number(r.ConsumersCreated), number(r.ConsumersChanged), number(r.ConsumersRemoved), number(r.ConsumersEqual)},
		{"resource classes, traits", number(r.ResourceClassesCreated + r.TraitsCreated), "-", number(r.NamesRemoved), "-"},
	}
	if err := printTable(out, []string{"", "created", "changed", "removed", "equal"}, rows); err != nil {
		return err
	}
	raised := fmt.Sprintf("generations raised: %d\n", r.GenerationsRaised)
	text := raised + fmt.Sprintf("done (transactions: %d), and compared: nothing differs at index %d\n", r.Transactions, r.Index)
	if r.DryRun {
		text = raised + fmt.Sprintf("nothing was written (transactions: %d)\n", r.Transactions)
	}
	if r.Unsettled != "" {
		text += "the source had not come to rest (" + r.Unsettled + "): import again with --prune once its clients have stopped\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

func (o *importer) compareOptions() migrate.CompareOptions {
	return migrate.CompareOptions{Extra: o.Merge, Usages: o.file == "" && !o.Merge && !o.live, Resources: o.file != "", Behind: !o.NoGenerations}
}

// compared is what import --verify prints.
type compared struct {
	Source      string               `json:"source"`
	Target      string               `json:"target"`
	Differences []migrate.Difference `json:"differences"`
}

func (o *importer) compare(read migrate.Read, target *migrate.Contents) error {
	found := migrate.Compare(read.Contents, target, o.compareOptions())
	if err := o.printDifferences(found, read, target); err != nil {
		return err
	}
	if len(found) > 0 {
		return errors.New("the cluster does not hold what the source holds")
	}
	return nil
}

func (o *importer) printDifferences(found []migrate.Difference, read migrate.Read, target *migrate.Contents) error {
	if found == nil {
		found = []migrate.Difference{}
	}
	shown := compared{read.Contents.Counts(), target.Counts(), found}
	return o.s.show(shown, func(out io.Writer) error {
		if len(found) == 0 {
			_, err := fmt.Fprintf(out, "nothing differs: %s\n", shown.Source)
			return err
		}
		rows := make([][]string, len(found))
		for i, d := range found {
			what := d.ID
			if d.Name != "" {
				what = d.Name + " " + d.ID
			}
			rows[i] = []string{d.Kind, what, dash(d.Field), dash(d.Source), dash(d.Target)}
		}
		if err := printTable(out, []string{"kind", "which", "field", "source", "cluster"}, rows); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "\n%d differences\n  source:  %s\n  cluster: %s\n", len(found), shown.Source, shown.Target)
		return err
	})
}
