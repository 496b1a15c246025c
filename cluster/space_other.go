//go:build !linux

package cluster

import "errors"

// spaceOf is not known here; a full disk is noticed by a write that fails.
func spaceOf(string) (Space, error) { return Space{}, errors.ErrUnsupported }
