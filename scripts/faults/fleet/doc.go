// Package fleet runs the nodes of a cluster and lets things happen to them:
// real processes of the real program, each in a network namespace of its own
// where that is possible, with its data on a file system of its own where that
// is asked for; or containers of the project's docker-compose.yml.
//
// Packets between nodes can be delayed, reordered, doubled, lost and held to a
// rate without help of the kernel's: they are routed to TUN devices and come out
// of a schedule in this program (wire.go says what, wire_schedule.go when).
//
// Guarantees: what a fleet can't do here it refuses with an *Unable that says
// why; nothing is left out silently. Close ends every process and removes
// every namespace, mount, loop device, container and volume that the fleet made;
// Sweep and SweepContainers remove what a driver that was killed has left.
//
// # Known limits
//
// A container gets its network when it starts, and the packet filter a moment
// later: a node that starts while it is cut off is heard for that moment.
package fleet
