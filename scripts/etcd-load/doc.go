// Command etcd-load measures three members of etcd and three nodes of treenode
// in turn on this machine, and prints how many times better the second is.
// scripts/side-by-side-etcd builds what it needs and runs it.
//
// Both sides get the same numbers of clients, the same time, data in the same
// directory and their default durability. Each client asks again once it is
// answered. Clients are spread evenly over the members, as "treenode bench"
// spreads them over its nodes; with -leader-only all of both talk to the
// leader. Each round starts both afresh, one after the other, so that neither
// runs beside the other's idle nodes; figures are medians over the rounds.
//
// A row writes, as claims@N: etcd puts 256 bytes under a random key, treenode
// claims three classes of a random host. Or it reads, as reads@N: a linearizable
// range of one key, and the inventories of a random host.
//
// Known limits: the load runs on the same machine as the nodes and takes its
// share of the processors. etcd's is its official client, with a connection
// for about a hundred clients as etcd's own benchmark has; treenode's is a
// connection of HTTP/1.1 for each client, and it checks the JSON it gets.
//
// It is a module of its own, so that gRPC is no dependency of treenode.
package main
