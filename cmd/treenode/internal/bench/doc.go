// Package bench measures services that speak the Placement API: it makes a
// world, sends a workload's requests from a number of clients for a time,
// checks every answer, and reports rates and latencies.
//
// # Guarantees
//
//   - Only answers that are right count as work. Another status than the
//     workload wants, a 409 among them, a short body, a wrong number of
//     candidates or a wrong amount is an error and counted as one.
//   - Nothing is repeated, but for a request on a kept connection that the
//     other side had closed before it sent a byte of an answer.
//   - Everything ends: a request has a time-out, a row of the table a budget, a
//     body a greatest length. What takes longer is reported as "longer than".
//   - Providers, classes, traits and aggregates have names that hold a random
//     word of their world, so that workloads do not see each other's. Those
//     that want flat hosts share them, and take back what they claimed of
//     them. All is removed at the end, unless told to keep it.
//   - Each client is one goroutine with one connection, so that the load costs
//     little of the processors that it shares with what it measures.
//
// # Known limits
//
//   - The clients run in one process on one machine. Where that is also the
//     service's machine, they take their part of it.
//   - A client asks again once it is answered. Rates are what so many clients
//     reach, and latencies are those of a service as busy as they make it; a
//     service that stalls gets fewer requests meanwhile.
//   - A run that is killed leaves its world behind, below names with "bench-".
package bench
