package main

import (
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/treenode/treenode/scripts/faults/fleet"
)

// abilities says what can be injected here.
type abilities struct {
	network, wires, disk, trace string // why not; empty if it can
	inside                      string // the same of faults inside of the program
	previous                    string // the same of faults that need an earlier version
	help                        string // of "treenode serve"
}

func abilitiesOf(o options) abilities {
	a := abilities{network: fleet.NetworkUnable(), wires: fleet.WiresUnable(), disk: fleet.DisksUnable(), trace: fleet.TraceUnable()}
	if o.loopback {
		a.network = "plain processes were asked for"
		a.wires = a.network
	}
	if o.compose {
		a.network, a.wires = fleet.ContainersNetworkUnable(), fleet.ContainersPlainLinks
		a.disk, a.trace, a.inside = fleet.ContainersShareDisk, fleet.ContainersUntraced, "a program in a container reads no files of the driver"
	}
	help, err := exec.Command(o.treenode, "serve", "--help").Output() //nolint:gosec // the program that was asked for
	if err == nil {
		a.help = string(help)
	}
	help, err = exec.Command(o.previous, "serve", "--help").Output() //nolint:gosec // likewise
	a.previous = refusesPrevious(o, string(help))
	if o.previous != "" && err != nil {
		a.previous = fmt.Sprintf("the previous program does not run: %v", err)
	}
	return a
}

// refuses says why a fault can't be injected here; empty if it can.
func (a abilities) refuses(f fault) string {
	switch {
	case (f.needs == fleet.Network || f.cuts) && a.network != "":
		return a.network
	case f.needs == fleet.Wires && a.wires != "":
		return a.wires
	case f.needs == fleet.Disk && a.disk != "":
		return a.disk
	case f.needs == fleet.Trace && a.trace != "":
		return a.trace
	case f.inside && a.inside != "":
		return a.inside
	case f.older != nil && a.previous != "":
		return a.previous
	case f.flag != "" && !strings.Contains(a.help, "--"+f.flag+" "):
		return "treenode serve has no flag --" + f.flag
	}
	return ""
}

func (a abilities) list(out io.Writer) {
	for _, f := range faults() {
		fmt.Fprintf(out, "%-18s %s\n", f.name, f.summary)
		if most := f.bounds.orUsual(); most.wrote != usual.wrote || most.well != usual.well {
			fmt.Fprintf(out, "%-18s   a write within %v, all well within %v\n", "", most.wrote, most.well)
		}
		if f.bounds.p99 > 0 {
			fmt.Fprintf(out, "%-18s   a write within %v for half, %v for 99%% of %d and more\n", "", f.bounds.p50, f.bounds.p99, manyRecoveries)
		}
		if why := a.refuses(f); why != "" {
			fmt.Fprintf(out, "%-18s   not here: %s\n", "", why)
		}
	}
}
