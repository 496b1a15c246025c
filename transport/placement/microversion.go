package placement

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// microversion is the minor part of a version 1.x.
type microversion int

const (
	serviceType     = "placement"
	versionHeader   = "OpenStack-API-Version"
	microversionMax = microversion(39)
)

func (v microversion) String() string { return fmt.Sprintf("1.%d", int(v)) }

// requestedVersion reads the header of every service; the last of ours wins.
func requestedVersion(h http.Header) (microversion, *failure) {
	text := ""
	for _, values := range h.Values(versionHeader) {
		for _, value := range strings.Split(values, ",") {
			service, version, ok := strings.Cut(strings.TrimSpace(value), " ")
			if ok && strings.EqualFold(service, serviceType) {
				text = strings.TrimSpace(version)
			}
		}
	}
	switch text {
	case "":
		return 0, nil
	case "latest":
		return microversionMax, nil
	}
	major, minor, err := parseVersion(text)
	if err != nil {
		return 0, badRequest("Invalid microversion: invalid version string: %s; %v", text, err)
	}
	if major != 1 || minor < 0 || minor > int(microversionMax) {
		f := notAcceptable("Invalid microversion: Unacceptable version header: %s", text)
		f.versions = true
		return 0, f
	}
	return microversion(minor), nil
}

// parseVersion reads X.Y; its errors read as clients know them.
func parseVersion(text string) (major, minor int, err error) {
	majorText, minorText, ok := strings.Cut(text, ".")
	if major, err = parseInt(majorText); err != nil {
		return 0, 0, err
	}
	if !ok {
		return 0, 0, errors.New("a version needs a minor part")
	}
	minor, err = parseInt(minorText)
	return major, minor, err
}

func parseInt(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("invalid literal for int() with base 10: '%s'", text)
	}
	return n, nil
}
