package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/treenode/treenode/cmd/treenode/local"
)

// Things that the story makes: a host with a NUMA node that has FPGAs, a spare
// host, an aggregate, and consumers of a project.
const (
	host      = "11111111-1111-4111-8111-111111111111"
	numa      = "22222222-2222-4222-8222-222222222222"
	spare     = "33333333-3333-4333-8333-333333333333"
	aggregate = "44444444-4444-4444-8444-444444444444"
	server    = "55555555-5555-4555-8555-555555555555"
	volume    = "66666666-6666-4666-8666-666666666666"
	project   = "77777777-7777-4777-8777-777777777777"
	user      = "88888888-8888-4888-8888-888888888888"
)

// story is what the commands tell, in order.
type story struct {
	*cli
	nodes *local.Cluster
}

func playCLI(ctx context.Context, c commands, nodes *local.Cluster) (string, error) {
	cli := &cli{ctx: ctx, command: c.openstack, watched: term.IsTerminal(int(os.Stderr.Fd())), played: map[string]bool{}}
	plugin, err := cli.plugin()
	if err != nil {
		return "", err
	}
	s := &story{cli: cli, nodes: nodes}
	if err := s.play(); err != nil {
		return "", err
	}
	if missing := cli.notPlayed(plugin); len(missing) > 0 {
		return "", fmt.Errorf("commands of the plugin that were not played: %s", strings.Join(missing, ", "))
	}
	return fmt.Sprintf("%d commands, all %d of the plugin among them", cli.count, len(plugin)), nil
}

func (s *story) play() error {
	victim, survivor, err := roles(s.ctx, s.nodes)
	if err != nil {
		return err
	}
	s.version, s.endpoint = "1.39", "http://"+survivor.API+"/placement"
	s.vocabulary()
	s.providers()
	s.inventories()

	// The kill lands in a command or just before one; the commands go on.
	killed := make(chan error, 1)
	go func() { killed <- victim.Kill() }()
	s.traitsAndAggregates()
	s.searches()
	s.allocations()
	if err := errors.Join(s.err, <-killed); err != nil {
		return err
	}
	if victim.Running() {
		return fmt.Errorf("node %s runs, which was killed", victim.ID)
	}
	if err := victim.Start(); err != nil {
		return err
	}
	s.endpoint = "http://" + survivor.API
	s.old()
	now, err := leader(s.ctx, s.nodes)
	if err != nil {
		return err
	}
	s.endpoint = "http://" + now.API
	s.removes()
	return s.err
}

func (s *story) vocabulary() {
	s.do("resource class create", "CUSTOM_FPGA")
	s.refuse([]string{"CUSTOM_FPGA", "already exists", "409"}, "resource class create", "CUSTOM_FPGA")
	s.do("resource class set", "CUSTOM_FPGA")
	s.same("class", []row{s.show("resource class show", "CUSTOM_FPGA")}, []string{"name"}, []any{"CUSTOM_FPGA"})
	classes := s.list("resource class list")
	if s.err == nil && !slices.ContainsFunc(classes, func(r row) bool { return r["name"] == "CUSTOM_FPGA" }) {
		s.fail("CUSTOM_FPGA is not among %d classes", len(classes))
	}
	s.do("trait create", "CUSTOM_FAST")
	s.do("trait create", "CUSTOM_FAST")
	s.same("trait", []row{s.show("trait show", "CUSTOM_FAST")}, []string{"name"}, []any{"CUSTOM_FAST"})
	s.refuse([]string{"CUSTOM_SLOW", "404"}, "trait show", "CUSTOM_SLOW")
	s.same("custom traits", s.list("trait list", "--name", "startswith:CUSTOM_"), []string{"name"}, []any{"CUSTOM_FAST"})
}

func (s *story) providers() {
	place := []string{"uuid", "name", "root_provider_uuid", "parent_provider_uuid"}
	s.same("a root", []row{s.show("resource provider create", "host", "--uuid", host)}, place, []any{host, "host", host, nil})
	s.same("a child", []row{s.show("resource provider create", "numa", "--uuid", numa, "--parent-provider", host)},
		place, []any{numa, "numa", host, host})
	s.refuse([]string{"Conflicting resource provider name: host already exists", "409"}, "resource provider create", "host")
	s.show("resource provider create", "another", "--uuid", spare)
	s.same("renamed", []row{s.show("resource provider set", spare, "--name", "spare")}, place, []any{spare, "spare", spare, nil})
	s.same("shown", []row{s.show("resource provider show", numa, "--allocations")},
		append(place, "allocations"), []any{numa, "numa", host, host, map[string]any{}})
	s.refuse([]string{"No resource provider with uuid " + user, "404"}, "resource provider show", user)
	s.same("listed", s.list("resource provider list"), place,
		[]any{host, "host", host, nil}, []any{numa, "numa", host, host}, []any{spare, "spare", spare, nil})
	s.same("by name", s.list("resource provider list", "--name", "spare", "--uuid", spare), place, []any{spare, "spare", spare, nil})
}

func (s *story) inventories() {
	main := []string{"resource_class", "total", "reserved", "step_size", "allocation_ratio"}
	s.same("set", s.list("resource provider inventory set", host, "--resource", "VCPU=16", "--resource", "VCPU:allocation_ratio=2",
		"--resource", "MEMORY_MB=4096", "--resource", "MEMORY_MB:step_size=64", "--resource", "DISK_GB=100"),
		main, []any{"VCPU", 16, 0, 1, 2}, []any{"MEMORY_MB", 4096, 0, 64, 1}, []any{"DISK_GB", 100, 0, 1, 1})
	s.list("resource provider inventory set", numa, "--resource", "CUSTOM_FPGA=4")
	s.same("class set", []row{s.show("resource provider inventory class set", numa, "CUSTOM_FPGA", "--total", "4", "--max_unit", "2", "--reserved", "1")},
		[]string{"total", "max_unit", "reserved"}, []any{4, 2, 1})
	s.same("show", []row{s.show("resource provider inventory show", numa, "CUSTOM_FPGA")},
		[]string{"total", "max_unit", "reserved", "used"}, []any{4, 2, 1, 0})
	s.same("what an amendment would be", s.list("resource provider inventory set", host, "--amend", "--dry-run", "--resource", "DISK_GB:reserved=10"),
		main, []any{"VCPU", 16, 0, 1, 2}, []any{"MEMORY_MB", 4096, 0, 64, 1}, []any{"DISK_GB", 100, 10, 1, 1})
	s.refuse([]string{"No such resource class CUSTOM_GPU", "400"}, "resource provider inventory set", host, "--resource", "CUSTOM_GPU=1")
	s.do("resource provider inventory delete", host, "--resource-class", "DISK_GB")
	s.same("list", s.list("resource provider inventory list", host), append(main, "used"),
		[]any{"VCPU", 16, 0, 1, 2, 0}, []any{"MEMORY_MB", 4096, 0, 64, 1, 0})
}

func (s *story) traitsAndAggregates() {
	s.same("aggregates", s.list("resource provider aggregate set", host, "--aggregate", aggregate, "--generation", "2"), []string{"uuid"}, []any{aggregate})
	s.refuse([]string{"409"}, "resource provider aggregate set", host, "--aggregate", user, "--generation", "2")
	s.same("aggregates", s.list("resource provider aggregate list", host), []string{"uuid"}, []any{aggregate})
	s.same("inventories of an aggregate", s.list("resource provider inventory set", aggregate, "--aggregate", "--amend", "--resource", "VCPU:reserved=2"),
		[]string{"resource_provider", "resource_class", "reserved"}, []any{host, "VCPU", 2}, []any{host, "MEMORY_MB", 0})
	s.same("traits", s.list("resource provider trait set", numa, "--trait", "CUSTOM_FAST", "--trait", "HW_CPU_X86_AVX"),
		[]string{"name"}, []any{"CUSTOM_FAST"}, []any{"HW_CPU_X86_AVX"})
	s.same("traits", s.list("resource provider trait list", numa), []string{"name"}, []any{"CUSTOM_FAST"}, []any{"HW_CPU_X86_AVX"})
	s.same("traits in use", s.list("trait list", "--associated"), []string{"name"}, []any{"CUSTOM_FAST"}, []any{"HW_CPU_X86_AVX"})
}

func (s *story) searches() {
	s.same("providers with traits", s.list("resource provider list", "--in-tree", host, "--required", "CUSTOM_FAST,HW_CPU_X86_SSE",
		"--forbidden", "HW_CPU_X86_SSE"), []string{"uuid"}, []any{numa})
	s.same("providers with room", s.list("resource provider list", "--member-of", aggregate, "--resource", "VCPU=16"), []string{"uuid"}, []any{host})
	columns := []string{"#", "allocation", "resource provider", "traits"}
	s.same("candidates", s.list("allocation candidate list", "--resource", "VCPU=2", "--resource", "CUSTOM_FPGA=1", "--required", "CUSTOM_FAST", "--limit", "5"),
		columns, []any{1, "VCPU=2", host, ""}, []any{1, "CUSTOM_FPGA=1", numa, "HW_CPU_X86_AVX,CUSTOM_FAST"})
	s.same("candidates of groups", s.list("allocation candidate list", "--group", "1", "--resource", "VCPU=2", "--member-of", aggregate,
		"--group", "2", "--resource", "CUSTOM_FPGA=2", "--forbidden", "HW_CPU_X86_SSE", "--group-policy", "isolate"),
		columns[1:3], []any{"VCPU=2", host}, []any{"CUSTOM_FPGA=2", numa})
	s.same("no candidates", s.list("allocation candidate list", "--resource", "CUSTOM_FPGA=4"), columns)
}

func (s *story) allocations() {
	claim := []string{"--project-id", project, "--user-id", user, "--consumer-type", "INSTANCE"}
	columns := []string{"resource_provider", "resources", "project_id", "user_id", "consumer_type"}
	onHost := []any{host, map[string]any{"VCPU": 2, "MEMORY_MB": 256}, project, user, "INSTANCE"}
	onNUMA := []any{numa, map[string]any{"CUSTOM_FPGA": 1}, project, user, "INSTANCE"}
	s.same("claim", s.list("resource provider allocation set", append(claim, server,
		"--allocation", "rp="+host+",VCPU=2,MEMORY_MB=256", "--allocation", "rp="+numa+",CUSTOM_FPGA=1")...), columns, onHost, onNUMA)
	s.refuse([]string{"Unable to allocate inventory", "409"}, "resource provider allocation set", append(claim, volume,
		"--allocation", "rp="+host+",VCPU=27")...)
	s.same("what a refusal left", s.list("resource provider allocation show", volume), columns)
	s.list("resource provider allocation set", append(claim, volume, "--allocation", "rp="+host+",VCPU=1")...)
	s.same("shown", s.list("resource provider allocation show", server), columns, onHost, onNUMA)
	s.same("of the provider", []row{s.show("resource provider show", numa, "--allocations")}, []string{"allocations"},
		[]any{map[string]any{server: map[string]any{"resources": map[string]any{"CUSTOM_FPGA": 1}, "consumer_generation": 1}}})
	s.same("usage of the provider", s.list("resource provider usage show", host), []string{"resource_class", "usage"}, []any{"VCPU", 3}, []any{"MEMORY_MB", 256})
	s.refuse([]string{"Resource provider has allocations", "409"}, "resource provider delete", numa)
	s.refuse([]string{"in use", "409"}, "resource provider inventory delete", numa)
	s.same("unset", s.list("resource provider allocation unset", server, "--provider", numa), columns, onHost)
	s.same("unset", s.list("resource provider allocation unset", server, "--resource-class", "MEMORY_MB"), columns,
		[]any{host, map[string]any{"VCPU": 2}, project, user, "INSTANCE"})
}

// old does some of it as the oldest microversions do.
func (s *story) old() {
	s.version = "1.37"
	s.same("usage of the project", s.list("resource usage show", project, "--user-id", user), []string{"resource_class", "usage"}, []any{"VCPU", 3})
	s.version = "1.0"
	s.same("created at 1.0", []row{s.show("resource provider create", "old", "--uuid", aggregate)}, []string{"uuid", "name", "generation"}, []any{aggregate, "old", 0})
	s.same("shown at 1.0", s.list("resource provider allocation show", volume), []string{"resource_provider", "resources"}, []any{host, map[string]any{"VCPU": 1}})
	s.do("resource provider delete", aggregate)
	s.version = "1.39"
}

func (s *story) removes() {
	s.do("resource provider allocation delete", server)
	s.refuse([]string{"No allocations for consumer", "404"}, "resource provider allocation delete", server)
	s.do("resource provider allocation delete", volume)
	s.refuse([]string{"Unable to delete parent resource provider", "409"}, "resource provider delete", host)
	s.refuse([]string{"in use", "409"}, "trait delete", "CUSTOM_FAST")
	s.do("resource provider trait delete", numa)
	s.do("trait delete", "CUSTOM_FAST")
	s.do("resource provider inventory delete", numa)
	s.do("resource class delete", "CUSTOM_FPGA")
	for _, provider := range []string{numa, host, spare} {
		s.do("resource provider delete", provider)
	}
	s.same("what is left", s.list("resource provider list"), []string{"uuid"})
}
