// Command openstack plays clients of OpenStack to a cluster of three processes,
// checks what they make of the answers, and kills the leader with -9 in the
// middle:
//
//   - cli: every command of the openstack CLI's placement plugin. It fails when
//     the plugin that is installed has one that was not played.
//   - nova: the report client, which is the code of Nova that talks to
//     Placement: reports, aggregates, candidates, claims, a reshape, moves.
//
// Run it so, with one of them or with both:
//
//	apt-get install -y --no-install-recommends python3-openstackclient python3-osc-placement python3-nova
//	go run ./scripts/openstack cli nova
//
// At the end the nodes' digests must be equal. Exit codes: 1 when a check
// failed, 2 for a wrong call, 3 when a client is not installed.
//
// Known limits: the CLI takes one or two seconds a command, so that cli takes
// about two minutes. The cluster's policy is legacy: Nova's token says nothing
// of the role service, which may reshape in mode secure.
package main
