// Package load runs clients on the small world of package check and records
// everything that they ask and are told.
//
// Guarantees: an operation is recorded as unknown unless the client library
// said what became of it; one that the library calls certainly not applied is
// left out of the history, so that it shows as a change by nobody if it
// happened after all. What clients ask is drawn from the seed; when they ask
// depends on the machine.
package load
