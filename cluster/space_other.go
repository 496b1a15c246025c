//go:build !linux

package cluster

import "errors"

// SpaceOf is not known here; a full disk is noticed by a write that fails.
func SpaceOf(string) (Space, error) { return Space{}, errors.ErrUnsupported }
