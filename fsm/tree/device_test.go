package tree

import (
	"strings"
	"testing"
)

func devices(mode ChangeMode, provider string, list ...Device) ChangeResources {
	return ChangeResources{mode, ByName(provider), list}
}

var deviceRefusals = []refusal{
	{"set for nobody", []Op{devices(Set, "nobody")}, CodeProviderNotFound, "provider", 0},
	{"unknown class", []Op{devices(Set, "nic", Device{"CUSTOM_X", "a", ""})}, CodeClassNotFound, "resources.CUSTOM_X", 0},
	{"no identifier", []Op{devices(Add, "nic", Device{"VGPU", "", ""})}, CodeInvalid, "resources.VGPU.identifier", 0},
	{"long identifier", []Op{devices(Set, "nic", Device{"VGPU", strings.Repeat("x", deviceIdentifierLenMax+1), ""})}, CodeInvalid, "resources.VGPU.identifier", 0},
	{"long metadata", []Op{devices(Set, "nic", Device{"VGPU", "a", strings.Repeat("x", deviceMetadataLenMax+1)})}, CodeInvalid, "resources.VGPU.metadata", 0},
	{"bad UTF-8", []Op{devices(Set, "nic", Device{"VGPU", "a", "\xff"})}, CodeInvalid, "resources.VGPU", 0},
	{"given twice", []Op{devices(Set, "nic", Device{"VGPU", "a", "1"}, Device{"VGPU", "b", ""}, Device{"VGPU", "a", "2"})}, CodeInvalid, "resources.VGPU", 0},
}

func TestChangeResources(t *testing.T) {
	s := sample(t) // nic has p0 (east) and p1
	p0, p1 := Device{"CUSTOM_PORT", "p0", "east"}, Device{"CUSTOM_PORT", "p1", ""}
	west, vgpu := Device{"CUSTOM_PORT", "p0", "west"}, Device{"VGPU", "p0", ""}
	for _, c := range []struct {
		name  string
		mode  ChangeMode
		given []Device
		want  []Device
		gain  uint64
	}{
		{"set others", Set, []Device{vgpu}, []Device{vgpu}, 1},
		{"set the same in another order", Set, []Device{p1, p0}, []Device{p0, p1}, 0},
		{"set other metadata", Set, []Device{p1, west}, []Device{west, p1}, 1},
		{"set none", Set, nil, nil, 1},
		{"add another class with the same identifier", Add, []Device{vgpu}, []Device{vgpu, p0, p1}, 1},
		{"add what is there", Add, []Device{p1}, []Device{p0, p1}, 0},
		{"add with other metadata", Add, []Device{west}, []Device{west, p1}, 1},
		{"remove", Remove, []Device{p1}, []Device{p0}, 1},
		{"remove whatever its metadata", Remove, []Device{west}, []Device{p1}, 1},
		{"remove what is not there", Remove, []Device{vgpu}, []Device{p0, p1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, effect := apply(t, s, ChangeResources{c.mode, ByName("nic"), c.given})
			gained(t, s, next, []string{"nic", "host"}, c.gain, 0)
			p := provide(t, next, "nic")
			equal(t, "devices", p.Devices(), c.want)
			equal(t, "written records", len(effect.Providers), int(c.gain))
			for class, want := range map[string]bool{
				"CUSTOM_PORT":  len(c.want) > 0 && c.want[len(c.want)-1].Class == "CUSTOM_PORT",
				"VGPU":         len(c.want) > 0 && c.want[0].Class == "VGPU",
				"SRIOV_NET_VF": true,
			} {
				found := false
				for range next.ProvidersWithClass(class, 0) {
					found = true
				}
				equal(t, class+" is indexed", found, want)
			}
		})
	}
}

func TestDeviceLimits(t *testing.T) {
	most := Device{"VGPU", strings.Repeat("i", deviceIdentifierLenMax), strings.Repeat("m", deviceMetadataLenMax)}
	s := grow(t, sample(t), devices(Set, "nic", most))
	equal(t, "devices", provide(t, s, "nic").Devices(), []Device{most})
}
