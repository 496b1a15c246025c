package host

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Disk is a local disk.
type Disk struct {
	Name  string // the kernel's, such as "nvme0n1"
	Bytes int64
	Media Media
	Node  int // NUMA node, -1 where unknown
	// wwid is the disk's world wide name, by which it is known wherever the
	// kernel puts it; empty where it has none.
	wwid string
}

// Media is what a disk stores on.
type Media string

// The kinds of media.
const (
	SSD          Media = "ssd"
	HDD          Media = "hdd"
	UnknownMedia Media = ""
)

const (
	blockDir    = "/sys/block"
	disksMax    = 1024
	sectorBytes = 512 // of the size file, whatever the disk's own
	diskMaxGiB  = amountMax
)

var (
	// notDisks are block devices that are no disk of their own though they
	// sit on hardware: optical and floppy drives, and the boot and replay
	// protected areas of an MMC.
	notDisks = regexp.MustCompile(`^(sr|fd)\d+$|^mmcblk\d+(boot\d+|rpmb)$`)
	// remote is in the path of disks reached over iSCSI, Fibre Channel or USB.
	remote   = regexp.MustCompile(`/(session|rport-|usb)\d`)
	diskName = regexp.MustCompile(`^[A-Za-z0-9!._-]{1,32}$`)
	nvmeCtrl = regexp.MustCompile(`^nvme\d+$`)
)

func (r *reading) readDisks() {
	names, err := r.root.list(blockDir)
	if err != nil {
		if !missing(err) {
			r.note("%v: no disks", err)
		}
		return
	}
	if len(names) > disksMax {
		r.note("%s: only the first %d of %d block devices are looked at", blockDir, disksMax, len(names))
		names = names[:disksMax]
	}
	known := map[string]string{} // name by wwid
	for _, name := range names {
		if notDisks.MatchString(name) {
			continue
		}
		if !diskName.MatchString(name) {
			r.note("%s: %.60q is no disk name; left out", blockDir, name)
			continue
		}
		disk, ok := r.readDisk(name)
		if !ok {
			continue
		}
		if other, twice := known[disk.wwid]; twice && disk.wwid != "" {
			r.note("%s/%s: the same disk as %s by another path", blockDir, name, other)
			continue
		}
		known[disk.wwid] = name
		r.Disks = append(r.Disks, disk)
	}
}

// readDisk reads one block device; ok is false where it is no local disk.
func (r *reading) readDisk(name string) (disk Disk, ok bool) {
	dir := path.Join(blockDir, name)
	place, err := r.root.resolve(dir)
	if err != nil {
		r.note("%v: the disk is left out", err)
		return Disk{}, false
	}
	place, local := r.hardware(name, place)
	if !local {
		return Disk{}, false
	}
	if on, err := r.root.text(dir + "/hidden"); err == nil && on == "1" { // one path of a multipath disk
		return Disk{}, false
	}
	if on, err := r.root.text(dir + "/removable"); err == nil && on == "1" {
		return Disk{}, false
	}
	sectors, err := r.root.number(dir+"/size", 0, diskMaxGiB*(1<<30/sectorBytes))
	if err != nil {
		r.note("%v: the disk is left out", err)
		return Disk{}, false
	}
	if sectors == 0 {
		return Disk{}, false
	}
	disk = Disk{Name: name, Bytes: sectors * sectorBytes, Node: r.nodeKnown(dir, r.nodeAbove(place))}
	rotational, err := r.root.number(dir+"/queue/rotational", 0, 1)
	switch {
	case err != nil:
		r.note("%v: whether it is an SSD is unknown", err)
	case rotational == 1:
		disk.Media = HDD
	default:
		disk.Media = SSD
	}
	for _, file := range []string{"/wwid", "/device/wwid", "/device/cid"} { // NVMe, SCSI, MMC
		if text, err := r.root.text(dir + file); err == nil && text != "" {
			disk.wwid = text
			break
		}
	}
	return disk, true
}

// hardware tells whether the block device at place is a local disk, and where
// its hardware is. Loop, RAM, mapped and the like live among virtual devices,
// but so does an NVMe disk that has, or could have, several controllers.
func (r *reading) hardware(name, place string) (string, bool) {
	if subsystem, _ := path.Split(place); strings.HasPrefix(place, "/sys/devices/virtual/nvme-subsystem/") {
		entries, err := r.root.list(subsystem)
		if err != nil {
			r.note("%v: the disk %s is left out", err, name)
			return "", false
		}
		for _, entry := range entries {
			if !nvmeCtrl.MatchString(entry) {
				continue
			}
			if controller, err := r.root.resolve(subsystem + entry); err == nil && !strings.Contains(controller, "/virtual/") {
				return controller, true
			}
		}
		r.note("%s/%s: a disk over the network; left out", blockDir, name)
		return "", false
	}
	if strings.HasPrefix(place, "/sys/devices/virtual/nvme-fabrics/") || remote.MatchString(place) {
		r.note("%s/%s: a disk over the network or USB; left out", blockDir, name)
		return "", false
	}
	return place, !strings.HasPrefix(place, "/sys/devices/virtual/")
}

// nodeAbove finds the NUMA node of the nearest device, from place upwards,
// that knows one.
func (r *reading) nodeAbove(place string) int {
	for dir := place; strings.HasPrefix(dir, "/sys/devices/"); dir = path.Dir(dir) {
		if node := r.numaNode(dir); node != noNode {
			return node
		}
	}
	return noNode
}

// mediaTraits are the traits of the media known.
var mediaTraits = map[Media]string{
	SSD: "STORAGE_DISK_SSD",
	HDD: "STORAGE_DISK_HDD",
}

// gib is the disk's size in whole GiB, at least 1: an inventory has no zero.
func (d Disk) gib() int64 { return max(1, d.Bytes>>30) }

// key is what the disk is known by from run to run.
func (d Disk) key() string {
	if d.wwid != "" {
		return "disk:" + d.wwid
	}
	return "disk_" + d.Name
}

// plain replaces what may not stand well in a provider's name, such as the
// "!" for a "/" in "cciss!c0d0".
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if !slices.Contains([]rune("._-"), r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return '_'
		}
		return r
	}, name)
}
