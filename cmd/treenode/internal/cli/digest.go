package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

const (
	// digestRounds bounds how often members are asked anew because they
	// answered at different indexes, which happens while others write.
	digestRounds = 10
	// digestWait bounds the wait for one member.
	digestWait = 10 * time.Second
)

// memberDigest is the state that one member has.
type memberDigest struct {
	ID     string `json:"id"`
	API    string `json:"api,omitempty"`
	Index  uint64 `json:"index,omitempty"`
	Digest string `json:"digest,omitempty"`
	Error  string `json:"error,omitempty"`
}

func clusterDigest() *cobra.Command {
	return &cobra.Command{
		Use:   "digest",
		Short: "Compare the members' states at one index",
		Long: "Ask every member for the SHA-256 of its state at the same index, at least the newest one when asked, and\n" +
			"compare. The exit code is 1 when they differ, and 4 when not all could be compared.",
		Example: "  treenode cluster digest",
		Args:    cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			newest, err := s.Digest(client.WithConsistency(ctx, wire.Linearizable))
			if err != nil {
				return err
			}
			cluster, err := s.Members(ctx)
			if err != nil {
				return err
			}
			members := make([]memberDigest, len(cluster.Members))
			for i, m := range cluster.Members {
				members[i] = memberDigest{ID: m.ID, API: m.API}
				if m.API == "" {
					members[i].Error = "it can't be asked"
					if m.Error != "" {
						members[i].Error = m.Error
					}
				}
			}
			verdict := s.compare(ctx, newest.Index, members)
			err = s.show(struct {
				Equal   bool           `json:"equal"`
				Members []memberDigest `json:"members"`
			}{verdict == nil, members}, func(out io.Writer) error {
				var rows [][]string
				for _, m := range members {
					rows = append(rows, []string{m.ID, dash(m.API), number(m.Index), dash(m.Digest), m.Error})
				}
				return printTable(out, []string{"id", "api", "index", "digest", "error"}, rows)
			})
			return errors.Join(err, verdict)
		}),
	}
}

// compare asks the members until all that answer do so at one index, or two
// contradict each other. It returns nil when all members have the same state.
func (s *session) compare(ctx context.Context, index uint64, members []memberDigest) error {
	seen := map[uint64]string{} // digest by index
	for range digestRounds {
		var wait sync.WaitGroup
		for i := range members {
			if m := &members[i]; m.API != "" {
				wait.Go(func() { s.ask(ctx, index, m) })
			}
		}
		wait.Wait()
		silent, same := 0, true
		first := uint64(0)
		for _, m := range members {
			if m.Error != "" {
				silent++
				continue
			}
			if other, known := seen[m.Index]; known && other != m.Digest {
				return &codeError{exitFailure, fmt.Errorf("the members' states differ at index %d", m.Index)}
			}
			seen[m.Index] = m.Digest
			if first == 0 {
				first = m.Index
			}
			same = same && m.Index == first
			index = max(index, m.Index)
		}
		if same && silent > 0 {
			return &codeError{exitNotApplied, fmt.Errorf("%d of %d members did not answer; the others have the same state", silent, len(members))}
		}
		if same {
			return nil
		}
	}
	return &codeError{exitNotApplied, errors.New("the members never answered at one index, since others write all the time; try again")}
}

func (s *session) ask(ctx context.Context, index uint64, m *memberDigest) {
	ctx, cancel := context.WithTimeout(ctx, digestWait)
	defer cancel()
	ctx = client.WithMinIndex(client.WithConsistency(client.WithEndpoint(ctx, m.API), wire.Session), index)
	answer, err := s.Digest(ctx)
	m.Index, m.Digest, m.Error = answer.Index, answer.Digest, ""
	if err != nil {
		m.Error = err.Error()
	}
}
