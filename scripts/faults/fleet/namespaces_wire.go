package fleet

import (
	"fmt"
	"net/netip"
	"strings"
)

// WiresUnable says why packets can't be held up here; empty if they can.
func WiresUnable() string { return tunUnable() }

func (n *namespaces) canShape() error {
	if unable := tunUnable(); unable != "" {
		return &Unable{Wires, unable}
	}
	return nil
}

// shape routes packets between nodes through the wires, or back. The addresses
// stay, so connections do as well. What the driver says, and what nodes answer
// to it, never takes the wires.
func (n *namespaces) shape(w Wire) error {
	if n.wires == nil {
		if w.none() {
			return nil
		}
		if err := n.openWires(); err != nil {
			return err
		}
	}
	// Packets that go where they are not meant to for a moment are better off
	// on the bridge: so the schedule is the first to come and the last to go.
	if !w.none() {
		if err := n.wires.set(w); err != nil {
			return err
		}
	}
	for node := range n.nodes {
		var routes strings.Builder
		fmt.Fprintf(&routes, "route flush dev %s\n", tunName)
		for peer := range n.nodes {
			if peer != node && !w.none() && w.shapes(node, peer) {
				fmt.Fprintf(&routes, "route replace %s/32 dev %s src %s\n", n.host(peer), tunName, n.host(node))
			}
		}
		if err := run(routes.String(), "ip", "-n", n.space(node), "-batch", "-"); err != nil {
			return err
		}
	}
	if w.none() {
		return n.wires.set(w)
	}
	return nil
}

func (n *namespaces) openWires() error {
	if err := n.canShape(); err != nil {
		return err
	}
	var spaces []string
	at := map[[4]byte]int{}
	for node := range n.nodes {
		spaces = append(spaces, n.space(node))
		ip, err := netip.ParseAddr(n.host(node))
		if err != nil {
			return err
		}
		at[ip.As4()] = node
	}
	var err error
	n.wires, err = openWires(spaces, func(ip [4]byte) (int, bool) {
		node, ok := at[ip]
		return node, ok
	})
	return err
}

func (n *namespaces) traffic() Traffic {
	if n.wires == nil {
		return Traffic{}
	}
	return n.wires.traffic()
}
