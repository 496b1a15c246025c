package fsm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Halt is the end of a machine: an entry that it could not read or that broke
// an invariant. A node that may differ from the others must not go on.
type Halt struct {
	// Index is the entry's log index.
	Index uint64
	// Hash is the SHA-256 of the entry, in hexadecimal. It is empty where no
	// entry is at fault.
	Hash string
	// Cause says what happened; Stack is where, for a panic.
	Cause string
	Stack string
	// Err is the cause of a Machine.Stop.
	Err error
}

// Error implements error.
func (h *Halt) Error() string {
	if h.Hash == "" {
		return fmt.Sprintf("state machine halted at index %d: %s", h.Index, h.Cause)
	}
	return fmt.Sprintf("state machine halted at index %d (entry sha256 %s): %s", h.Index, h.Hash, h.Cause)
}

// Unwrap returns the cause of a Machine.Stop.
func (h *Halt) Unwrap() error { return h.Err }

func haltAt(index uint64, entry []byte, cause, stack string) *Halt {
	sum := sha256.Sum256(entry)
	return &Halt{Index: index, Hash: hex.EncodeToString(sum[:]), Cause: cause, Stack: stack}
}
