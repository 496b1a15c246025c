package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const envPrefix = "TREENODE_"

// fromEnvironment sets the flags that the command line left alone from
// TREENODE_ variables.
func fromEnvironment(cmd *cobra.Command) error {
	k := koanf.New(".")
	if err := k.Load(env.Provider(".", env.Opt{
		Prefix: envPrefix,
		TransformFunc: func(key, value string) (string, any) {
			return keyOf(strings.TrimPrefix(key, envPrefix)), value
		},
	}), nil); err != nil {
		return err
	}
	return setFlags(cmd, k, func(flag string) string {
		return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	})
}

// fromFile sets the flags that neither the command line nor the environment
// set from a YAML file. An unknown key is an error.
func fromFile(cmd *cobra.Command, path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return usage("config: %w", err)
	}
	k := koanf.New(".")
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		return usage("config: %s: %w", path, err)
	}
	for _, key := range k.Keys() {
		if f := cmd.Flags().Lookup(strings.ReplaceAll(key, "_", "-")); f == nil || strings.Contains(key, "-") {
			return usage("config: %s: unknown key %q", path, key)
		}
	}
	return setFlags(cmd, k, func(flag string) string { return path + ": " + keyOf(flag) })
}

func keyOf(name string) string { return strings.ToLower(strings.ReplaceAll(name, "-", "_")) }

func setFlags(cmd *cobra.Command, k *koanf.Koanf, origin func(flag string) string) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		key := keyOf(f.Name)
		if f.Changed || !k.Exists(key) || f.Name == "help" || failed != nil {
			return
		}
		value := fmt.Sprint(k.Get(key))
		if list, ok := k.Get(key).([]any); ok {
			words := make([]string, len(list))
			for i, v := range list {
				words[i] = fmt.Sprint(v)
			}
			value = strings.Join(words, ",")
		}
		if value == "" && !slices.Contains([]string{"string", "stringSlice"}, f.Value.Type()) {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			failed = usage("%s: %w", origin(f.Name), err)
		}
	})
	return failed
}
