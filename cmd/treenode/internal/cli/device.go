package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

const deviceSyntax = "Each device is CLASS:IDENTIFIER or CLASS:IDENTIFIER=METADATA. An identifier with an equals sign needs txn."

func newDevice() *cobra.Command {
	return clientFlags(noun(&cobra.Command{
		Use:     "device",
		Short:   "List and change the named devices of providers",
		Long:    "List and change the named devices of providers.\n\n" + deviceSyntax,
		Example: "  treenode device list node1\n  treenode device add node1 PCI_DEVICE:0000:3b:00.0=slot1",
	}, deviceListing(),
		deviceChange("set", "Replace all named devices of a provider; without any, it has none then", (*client.Client).SetResources),
		deviceChange("add", "Add named devices to a provider, or replace their metadata", (*client.Client).AddResources),
		deviceChange("remove", "Remove named devices from a provider, whatever their metadata", (*client.Client).RemoveResources)))
}

func deviceText(class string, d wire.Device) string {
	text := class + ":" + d.Identifier
	if d.Metadata != "" {
		text += "=" + d.Metadata
	}
	return text
}

func deviceListing() *cobra.Command {
	return &cobra.Command{
		Use:               "list PROVIDER",
		Short:             "List the named devices of a provider",
		Example:           "  treenode device list node1",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: oneProvider,
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			p, err := s.Provider(ctx, args[0])
			if err != nil {
				return err
			}
			shown := struct {
				Generation uint64                   `json:"generation"`
				Resources  map[string][]wire.Device `json:"resources"`
			}{p.Generation, p.Resources}
			if shown.Resources == nil {
				shown.Resources = map[string][]wire.Device{}
			}
			return s.show(shown, func(out io.Writer) error {
				var rows [][]string
				for _, class := range slices.Sorted(maps.Keys(p.Resources)) {
					for _, d := range p.Resources[class] {
						rows = append(rows, []string{class, d.Identifier, d.Metadata})
					}
				}
				return printTable(out, []string{"class", "identifier", "metadata"}, rows)
			})
		}),
	}
}

func deviceChange(verb, short string, change func(*client.Client, context.Context, string, map[string][]wire.Device, ...client.WriteOption) (wire.Result, error)) *cobra.Command {
	use, least := verb+" PROVIDER CLASS:IDENTIFIER[=METADATA]...", 2
	if verb == "set" {
		use, least = verb+" PROVIDER [CLASS:IDENTIFIER[=METADATA]...]", 1
	}
	var generation uint64
	cmd := &cobra.Command{
		Use:               use,
		Short:             short,
		Long:              short + ".\n\n" + deviceSyntax,
		Example:           "  treenode device " + verb + " node1 PCI_DEVICE:0000:3b:00.0",
		Args:              cobra.MinimumNArgs(least),
		ValidArgsFunction: oneProvider,
	}
	cmd.RunE = talk(func(ctx context.Context, s *session, args []string) error {
		devices := map[string][]wire.Device{}
		for _, arg := range args[1:] {
			class, rest, ok := strings.Cut(arg, ":")
			identifier, metadata, _ := strings.Cut(rest, "=")
			if !ok || class == "" || identifier == "" {
				return usage("%q is not of the form CLASS:IDENTIFIER[=METADATA]", arg)
			}
			devices[class] = append(devices[class], wire.Device{Identifier: identifier, Metadata: metadata})
		}
		return s.done(change(s.Client, ctx, args[0], devices, ifGeneration(cmd, generation)...))
	})
	generationFlag(cmd, &generation)
	return mutation(cmd)
}
