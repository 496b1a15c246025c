package tree

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// device is a Device in a record.
type device struct {
	class      uint32
	identifier string
	metadata   string
}

func compareDevice(a, b device) int {
	if c := cmp.Compare(a.class, b.class); c != 0 {
		return c
	}
	return cmp.Compare(a.identifier, b.identifier)
}

// containsDevice reports whether the sorted list has the device, whatever its
// metadata: class and identifier are what it is.
func containsDevice(sorted []device, x device) bool {
	_, ok := slices.BinarySearchFunc(sorted, x, compareDevice)
	return ok
}

func hasDeviceOf(sorted []device, class uint32) bool {
	_, ok := slices.BinarySearchFunc(sorted, class, func(d device, c uint32) int { return cmp.Compare(d.class, c) })
	return ok
}

// devicesFrom checks devices as an operation gives them and sorts them.
func (t *tables) devicesFrom(prefix string, given []Device) ([]device, *Error) {
	found := make([]device, 0, len(given))
	for _, g := range given {
		path := prefix + g.Class
		class, ok := t.classes.number(g.Class)
		if !ok {
			return nil, classNotFound(path, g.Class)
		}
		switch {
		case g.Identifier == "" || len(g.Identifier) > deviceIdentifierLenMax:
			return nil, invalid(path+".identifier", "identifier must have 1 to %d bytes", deviceIdentifierLenMax)
		case len(g.Metadata) > deviceMetadataLenMax:
			return nil, invalid(path+".metadata", "metadata is longer than %d bytes", deviceMetadataLenMax)
		case !utf8.ValidString(g.Identifier) || !utf8.ValidString(g.Metadata):
			return nil, invalid(path, "identifier and metadata must be valid UTF-8")
		}
		found = append(found, device{class, g.Identifier, g.Metadata})
	}
	slices.SortFunc(found, compareDevice)
	for i := 1; i < len(found); i++ {
		if compareDevice(found[i-1], found[i]) == 0 {
			return nil, invalid(prefix+t.classes.name(found[i].class), "device %q is given twice", found[i].identifier)
		}
	}
	return found, nil
}

func (o ChangeResources) apply(d *draft) error {
	p, err := d.need("provider", o.Provider)
	if err != nil {
		return err
	}
	given, err := d.devicesFrom("resources.", o.Devices)
	if err != nil {
		return err
	}
	have := p.devices
	if o.Mode == Add { // what is given again replaces its metadata
		have = combine(Remove, have, given, containsDevice)
	}
	return d.setDevices(p, combine(o.Mode, have, given, containsDevice))
}

// setDevices replaces a provider's devices; unchanged ones count no generation.
func (d *draft) setDevices(p *provider, devices []device) error {
	slices.SortFunc(devices, compareDevice)
	if slices.Equal(p.devices, devices) {
		return nil
	}
	next := d.edit(p)
	next.generation++
	if err := d.replaceDevices(p, next, devices); err != nil {
		return err
	}
	return d.putProvider("put resources", next)
}

// replaceDevices gives next the devices and keeps the class index.
func (d *draft) replaceDevices(old, next *provider, devices []device) error {
	for _, gone := range old.devices {
		if _, indexed := d.byClass.get(pairOf(gone.class, old.number)); indexed &&
			!hasDeviceOf(devices, gone.class) && !containsClass(next.inventories, gone.class) {
			if err := d.unindex("class", &d.byClass, gone.class, old.number); err != nil {
				return err
			}
		}
	}
	for _, device := range devices {
		if _, had := d.byClass.get(pairOf(device.class, old.number)); !had {
			if err := d.index("class", &d.byClass, device.class, old.number); err != nil {
				return err
			}
		}
	}
	next.devices = devices
	return nil
}
