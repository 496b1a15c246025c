package cli

import (
	"os"

	"github.com/spf13/pflag"

	"github.com/treenode/treenode/cluster/atrest"
)

// keysVariable holds encryption keys themselves. There is no flag for them: the
// command line is for everybody to read.
const keysVariable = envPrefix + "ENCRYPTION_KEYS"

const keyFileFlag = "encryption-key-file"

func addKeyFile(f *pflag.FlagSet, path *string) {
	f.StringVar(path, keyFileFlag, "", "file of mode 0600 with the keys that the data directory is encrypted with, a line name:base64 for each, "+
		"the active one first; "+keysVariable+" may hold the same instead (default: nothing is encrypted)")
}

// keysFromEnvironment are the keys in the environment, nil for none. What is
// started from here does not inherit them.
func keysFromEnvironment(path string) (*atrest.Keys, error) {
	text := os.Getenv(keysVariable)
	if text == "" {
		return nil, nil //nolint:nilnil // none
	}
	if path != "" {
		return nil, usage("%s: the keys are either in a file or in %s", keyFileFlag, keysVariable)
	}
	if err := os.Unsetenv(keysVariable); err != nil {
		return nil, err
	}
	keys, err := atrest.Parse([]byte(text))
	if err != nil {
		return nil, usage("%s: %w", keysVariable, err)
	}
	return keys, nil
}

// keysAt are the keys of a command that looks into a directory.
func keysAt(path string) (*atrest.Keys, error) {
	keys, err := keysFromEnvironment(path)
	if err == nil && path != "" {
		if keys, err = atrest.ReadFile(path); err != nil {
			err = usage("%s: %w", keyFileFlag, err)
		}
	}
	return keys, err
}
