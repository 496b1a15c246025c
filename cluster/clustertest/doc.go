// Package clustertest has what tests of clusters share.
//
// Guarantee: an address of FreeAddr stays free while its node is down. Known
// limit: where 127.0.0.0/8 is not all loopback, as it is on Linux, another
// process may take it.
package clustertest
