// Package loglevel is a logger whose level can be changed while the program runs,
// for all of it or for one of its subsystems: the loggers that hclog's Named makes
// (raft, transport, snapshot, api, placement, http).
//
// Changes last until the process ends.
package loglevel
