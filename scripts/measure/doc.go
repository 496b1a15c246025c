// Command measure runs the workloads of docs/performance.md against clusters of
// real processes on this machine, and prints what it saw.
//
//	go run ./scripts/measure claims      claims per second and latency, by number of clients
//	go run ./scripts/measure failover    kill -9 of the leader to the next acknowledged write
//	go run ./scripts/measure scale       restart time and memory with many providers
//	go run ./scripts/measure -providers 1000000 large
//	                                     trees of ten with two consumers a provider: memory, claims, a search,
//	                                     what snapshots cost, a node that joins, a restart; minutes
//
// It builds the binary first. A figure from one machine says little by itself;
// the machine is printed with it.
//
// Known limits: the load runs on the same machine as the nodes and takes its
// share of the processors.
package main
