package cli

import (
	"net/url"
	"os"

	"github.com/spf13/pflag"

	"github.com/treenode/treenode/cmd/treenode/internal/server"
	"github.com/treenode/treenode/fsm/candidates"
	"github.com/treenode/treenode/transport/policy"
)

// placementFlags are the flags of serve that are about the Placement API.
type placementFlags struct {
	policyMode, policyFile     string
	origins                    []string
	project, user              string
	order                      string
	random, metricsForAll      bool
	maxGenerated, compressFrom int
	searchesMax                int
}

func (p *placementFlags) add(f *pflag.FlagSet) {
	f.StringVar(&p.policyMode, "policy-mode", "secure", "who may do what in both APIs: secure, legacy or open")
	f.BoolVar(&p.metricsForAll, "metrics-for-all", false, "serve /metrics to everyone, without authentication")
	f.StringVar(&p.policyFile, "policy-file", "", "YAML file with rules in oslo.policy's language that override single rules of the mode")
	f.StringSliceVar(&p.origins, "cors-origin", nil, "origins whose scripts browsers let read answers, comma-separated")
	f.StringVar(&p.project, "incomplete-project", "", "project of what Placement microversions below 1.8 claim (default: the zero UUID)")
	f.StringVar(&p.user, "incomplete-user", "", "user of what Placement microversions below 1.8 claim (default: the zero UUID)")
	f.BoolVar(&p.random, "candidates-random", false, "choose allocation candidates at random before a request's limit cuts them")
	f.IntVar(&p.maxGenerated, "candidates-max", 0, "most allocation candidates to generate for a request; 0 for no bound")
	f.IntVar(&p.searchesMax, "searches-max", 0, "most searches for allocation candidates at a time; one more waits 2 s, then gets 503 (default: twice the processors)")
	f.StringVar(&p.order, "candidates-order", "depth-first", "depth-first: all candidates of a tree, then the next tree's; breadth-first: trees take turns")
	f.IntVar(&p.compressFrom, "compress-from", 0, "size in bytes from which Placement answers are compressed for clients that accept gzip; 0 for never")
}

// apply checks the flags and hands them on.
func (p *placementFlags) apply(c *server.Config) error {
	var file []byte
	if p.policyFile != "" {
		var err error
		if file, err = os.ReadFile(p.policyFile); err != nil {
			return usage("policy-file: %w", err)
		}
	}
	rules, err := policy.New(policy.Mode(p.policyMode), file)
	if err != nil {
		return usage("%w", err)
	}
	for _, origin := range p.origins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			return usage("cors-origin: %q is not scheme://host[:port]", origin)
		}
	}
	if p.searchesMax < 0 {
		return usage("searches-max: %d; it must not be negative", p.searchesMax)
	}
	c.SearchesMax = p.searchesMax
	if p.maxGenerated < 0 {
		return usage("candidates-max: %d; it must not be negative", p.maxGenerated)
	}
	if p.compressFrom < 0 {
		return usage("compress-from: %d; it must not be negative", p.compressFrom)
	}
	c.CompressFrom = p.compressFrom
	c.Candidates = candidates.Options{MaxGenerated: p.maxGenerated, Random: p.random}
	switch p.order {
	case "depth-first":
	case "breadth-first":
		c.Candidates.Order = candidates.BreadthFirst
	default:
		return usage("candidates-order: %q is not one of depth-first, breadth-first", p.order)
	}
	c.Policy, c.CORSOrigins, c.MetricsForAll = rules, p.origins, p.metricsForAll
	c.IncompleteProject, c.IncompleteUser = p.project, p.user
	return nil
}
