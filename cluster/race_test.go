//go:build race

package cluster_test

// raceDetector tells that the race detector is on, and all takes ten times as long.
const raceDetector = true
