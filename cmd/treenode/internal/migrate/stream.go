package migrate

// The stream that export writes and import reads: a JSON value a line, each an
// object with one member that says what it is. docs/export-format.md describes
// it for people.

const (
	// formatName and formatVersion begin every stream. A change that an older
	// reader would misunderstand is a new version.
	formatName    = "treenode-export"
	formatVersion = 1

	// lineBytesMax bounds a line: a provider with very many named devices.
	lineBytesMax = 16 << 20
	// linesMax bounds a stream.
	linesMax = 50_000_000
)

// Header is the first line.
type Header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	At
}

// Footer is the last line.
type Footer struct {
	ResourceClasses int `json:"resource_classes"`
	Traits          int `json:"traits"`
	Providers       int `json:"providers"`
	Consumers       int `json:"consumers"`
	// SHA256 is that of all bytes before the footer's line, in hexadecimal.
	SHA256 string `json:"sha256"`
}

// line is any line: exactly one member is set.
type line struct {
	Header        *Header   `json:"header,omitempty"`
	ResourceClass *string   `json:"resource_class,omitempty"`
	Trait         *string   `json:"trait,omitempty"`
	Provider      *Provider `json:"provider,omitempty"`
	Consumer      *Consumer `json:"consumer,omitempty"`
	Footer        *Footer   `json:"footer,omitempty"`
}

// part is where in a stream a line belongs.
type part int

const (
	partHeader part = iota + 1
	partClass
	partTrait
	partProvider
	partConsumer
	partFooter
)

// part says what the line is; 0 unless it is exactly one thing.
func (l *line) part() part {
	found := part(0)
	for i, set := range []bool{
		l.Header != nil, l.ResourceClass != nil, l.Trait != nil, l.Provider != nil, l.Consumer != nil, l.Footer != nil,
	} {
		if set && found != 0 {
			return 0
		}
		if set {
			found = part(i + 1)
		}
	}
	return found
}
