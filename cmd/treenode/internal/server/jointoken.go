package server

import (
	"fmt"
	"strings"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/auth"
)

// joinTokenBytesMax bounds the file of a join token: a token has 85 bytes.
const joinTokenBytesMax = 256

// readJoinToken reads the token of a node that is to join; nothing without a file.
func readJoinToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := auth.ReadPrivate(path, joinTokenBytesMax)
	if err != nil {
		return "", fmt.Errorf("join-token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if err := cluster.CheckJoinToken(token); err != nil {
		return "", fmt.Errorf("join-token-file: %s: %w", path, err)
	}
	return token, nil
}
