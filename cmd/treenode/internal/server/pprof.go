package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof" // registers on the default mux too, which is served nowhere
	"time"

	"github.com/hashicorp/go-hclog"
)

// pprofConnectionTimeout bounds the reading of a request for a profile. Writing
// has none: a profile takes as long as it was asked to.
const pprofConnectionTimeout = 10 * time.Second

// checkPprof refuses addresses that others can reach, without a way round:
// profiles tell what is in memory, and cost whoever is asked.
func checkPprof(addr string) error {
	if addr == "" {
		return nil
	}
	if local, err := isLocal("pprof", addr); err != nil || !local {
		return fmt.Errorf("pprof: %q is not host:port of loopback, and profiles are for this machine only", addr)
	}
	return nil
}

// servePprof serves Go's profiles at an address; see checkPprof.
func servePprof(addr string, logger hclog.Logger) (*http.Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("pprof: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	s := &http.Server{
		Handler: mux, ReadHeaderTimeout: pprofConnectionTimeout, ReadTimeout: pprofConnectionTimeout, MaxHeaderBytes: headerBytesMax,
		Addr: listener.Addr().String(),
	}
	go func() {
		if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("profiles are served no more", "error", err)
		}
	}()
	return s, nil
}
