package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// Kind says what a line is.
type Kind string

// The kinds of lines. The first three are the same on every node.
const (
	// Change is a command that was applied.
	Change Kind = "change"
	// Members is a change of the cluster's members: Targets are all of them then.
	Members Kind = "members"
	// JoinToken is a change of a token with which nodes join: Ops says what became of
	// it.
	JoinToken Kind = "join_token"
	// Begin is the first line of a file.
	Begin Kind = "begin"
	// Gap says that entries were not applied here one by one.
	Gap Kind = "gap"
	// Through says that nothing is missing up to Index.
	Through Kind = "through"
	// Torn says that the end of a line was lost, and its beginning cut off.
	Torn Kind = "torn"
	// Rewound says that the log goes on after Index in another way than before: it
	// was restored or recovered.
	Rewound Kind = "rewound"
)

// Applied is the outcome of a command that was not refused; other outcomes are the
// codes of refusals.
const Applied = "applied"

// Record is one line, without its place in the chain.
type Record struct {
	Kind Kind `json:"kind"`
	// Index and Term are those of the log's entry; for lines without one, up to
	// where the audit is.
	Index uint64 `json:"index"`
	Term  uint64 `json:"term,omitempty"`
	// Command is the command's place in its entry, from 0 on; in a Begin or Torn, how
	// many commands of an entry are there that may have more.
	Command int `json:"command,omitempty"`
	// Time is the log's, as the leader stamped the entry.
	Time time.Time `json:"time,omitzero"`
	// Where the change comes from; empty if the log does not say.
	User       string `json:"user,omitempty"`
	Project    string `json:"project,omitempty"`
	System     bool   `json:"system,omitempty"`
	Action     string `json:"action,omitempty"`
	APIRequest string `json:"api_request,omitempty"`
	// RequestID is the command's.
	RequestID string `json:"request_id,omitempty"`
	// Ops are the kinds of operations in it, each once.
	Ops []string `json:"ops,omitempty"`
	// Targets are what it is about, as kind:name, the first few of them; More
	// is how many others there are.
	Targets []string `json:"targets,omitempty"`
	More    int      `json:"more_targets,omitempty"`
	// Outcome is Applied or the code of the refusal. Replayed says that it had been
	// executed before, at index First, and nothing happened again.
	Outcome  string `json:"outcome,omitempty"`
	Replayed bool   `json:"replayed,omitempty"`
	First    uint64 `json:"first_index,omitempty"`
	// Gap is the first and the last index of a gap.
	Gap *[2]uint64 `json:"gap,omitempty"`
	// TornBytes is what was cut off.
	TornBytes int64 `json:"torn_bytes,omitempty"`
	// Of a Begin: the form of the lines, the file's name, that of the file before,
	// and whose audit it is.
	Format    int    `json:"format,omitempty"`
	File      string `json:"file,omitempty"`
	Continues string `json:"continues,omitempty"`
	Node      string `json:"node,omitempty"`
	Cluster   string `json:"cluster,omitempty"`
}

// A line is the record's JSON with the chain around it:
//
//	{"prev":"SHA-256 of the line before", … ,"sum":"SHA-256 of this line up to here"}
//
// Prev shows a line that was taken out, put in or moved; sum shows which line was
// changed, also where it is the last one.

const (
	format = 1
	// lineMax bounds a line, in bytes.
	lineMax = 64 << 10

	linePrefix = `{"prev":"`
	lineMiddle = `",`
	lineSum    = `,"sum":"`
	lineSuffix = `"}`
	hexLen     = 2 * sha256.Size
	headLen    = len(linePrefix) + hexLen + len(lineMiddle)
	tailLen    = len(lineSum) + hexLen + len(lineSuffix)
)

// link is the SHA-256 of a line, without its end.
type link [sha256.Size]byte

// appendLine writes a record's line, with its end, after the line of which prev is.
func appendLine(b []byte, prev link, r *Record) ([]byte, link, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return b, prev, err
	}
	begin := len(b)
	b = append(b, linePrefix...)
	b = hex.AppendEncode(b, prev[:])
	b = append(b, lineMiddle...)
	b = append(b, text[1:len(text)-1]...)
	sum := sha256.Sum256(b[begin:])
	b = append(b, lineSum...)
	b = hex.AppendEncode(b, sum[:])
	b = append(b, lineSuffix...)
	next := link(sha256.Sum256(b[begin:]))
	return append(b, '\n'), next, nil
}

// The reasons why a line is not what was written.
var (
	errForm = errors.New("it is not a line of an audit")
	errSum  = errors.New("it was changed: it does not have its own checksum")
	errPrev = errors.New("it does not follow the line before: a line was changed, taken out, put in or moved")
)

// parseLine reads a line without its end. Content is what nodes have alike.
func parseLine(b []byte) (r Record, prev link, content []byte, err error) {
	end := len(b) - tailLen
	if end < headLen || !bytes.HasPrefix(b, []byte(linePrefix)) || string(b[headLen-len(lineMiddle):headLen]) != lineMiddle ||
		string(b[end:end+len(lineSum)]) != lineSum || !bytes.HasSuffix(b, []byte(lineSuffix)) {
		return Record{}, link{}, nil, errForm
	}
	sum := sha256.Sum256(b[:end])
	if string(b[end+len(lineSum):end+len(lineSum)+hexLen]) != hex.EncodeToString(sum[:]) {
		return Record{}, link{}, nil, errSum
	}
	if _, err := hex.Decode(prev[:], b[len(linePrefix):len(linePrefix)+hexLen]); err != nil {
		return Record{}, link{}, nil, errForm
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return Record{}, link{}, nil, errors.Join(errForm, err)
	}
	return r, prev, b[headLen:end], nil
}

// position is up to where an audit is.
type position struct {
	index, term uint64
	// commands is how many of the commands at index are written; whole is whether
	// that is all of them.
	commands int
	whole    bool
}

// position is what the record as the last one says.
func (r *Record) position() position {
	p := position{index: r.Index, term: r.Term, commands: r.Command}
	switch r.Kind {
	case Change:
		p.commands++
	case Begin, Torn:
		p.whole = r.Command == 0
	case Members, JoinToken, Gap, Through, Rewound:
		p.whole = true
	}
	return p
}

// note makes a record say what the position is.
func (p position) note(r *Record) *Record {
	r.Index, r.Term = p.index, p.term
	if !p.whole {
		r.Command = p.commands
	}
	return r
}

// missing is the first index that is not all there.
func (p position) missing() uint64 {
	if p.whole || p.index == 0 {
		return p.index + 1
	}
	return p.index
}

// sumOf is what the line after has as prev.
func sumOf(line []byte) link { return sha256.Sum256(line) }
