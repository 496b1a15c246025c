package placement

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/treenode/treenode/transport/placement/schema"
)

// microversion is the minor part of a version 1.x.
type microversion int

const (
	serviceType     = "placement"
	microversionMax = microversion(39)

	// OpenStack-API-Version and X-OpenStack-Request-ID in the form in which
	// net/http keeps headers: others cost memory to find.
	versionHeader   = "Openstack-Api-Version"
	requestIDHeader = "X-Openstack-Request-Id"
)

// onlyVersion is what answers to all but browsers vary by.
var onlyVersion = [...]string{"openstack-api-version"}

// asked and answers are the usual values of the header of every version.
var (
	asked   = map[string]microversion{}
	answers [microversionMax + 1][]string
)

func init() {
	for v := range microversionMax + 1 {
		text := serviceType + " " + v.String()
		asked[text], answers[v] = v, []string{text}
	}
}

// answered is the value of the header of answers. It must not be changed.
func (v microversion) answered() []string { return answers[v] }

func (v microversion) String() string { return fmt.Sprintf("1.%d", int(v)) }

// requestedVersion reads the header of every service; the last of ours wins.
func requestedVersion(h http.Header) (microversion, *failure) {
	if values := h[versionHeader]; len(values) == 0 {
		return 0, nil
	} else if v, ok := asked[values[0]]; ok && len(values) == 1 {
		return v, nil
	}
	text := ""
	for _, value := range strings.Split(strings.Join(h.Values(versionHeader), ","), ",") {
		service, version, ok := cutSpace(strings.TrimSpace(latin1(value)))
		if ok && strings.EqualFold(service, serviceType) {
			text = version
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

// cutSpace cuts at the first run of white space.
func cutSpace(text string) (before, after string, found bool) {
	i := strings.IndexAny(text, " \t")
	if i < 0 {
		return text, "", false
	}
	return text[:i], strings.TrimSpace(text[i:]), true
}

// latin1 is a header's value as text: HTTP says no more of other bytes than
// ASCII's.
func latin1(value string) string {
	var b strings.Builder
	for i := range len(value) {
		b.WriteRune(rune(value[i]))
	}
	return b.String()
}

// parseVersion reads X.Y; its errors read as clients know them.
func parseVersion(text string) (major, minor int, err error) {
	majorText, minorText, ok := strings.Cut(text, ".")
	if major, err = parseInt(majorText); err != nil {
		return 0, 0, err
	}
	if !ok {
		return 0, 0, fmt.Errorf("%s() missing 1 required positional argument: 'minor'", "Version.__new__")
	}
	minor, err = parseInt(minorText)
	return major, minor, err
}

var versionNumber = regexp.MustCompile(`^[+-]?[0-9]+(?:_[0-9]+)*$`)

// parseInt reads an integer with a sign and underscores between its digits, as
// clients may write it. One that is too large is still one.
func parseInt(text string) (int, error) {
	trimmed := strings.TrimSpace(text)
	if !versionNumber.MatchString(trimmed) {
		return 0, fmt.Errorf("invalid literal for int() with base 10: %s", schema.Quoted(text))
	}
	n, _ := strconv.ParseInt(strings.ReplaceAll(trimmed, "_", ""), 10, 32) // out of range: the nearest end
	return int(n), nil
}
