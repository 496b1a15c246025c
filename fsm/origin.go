package fsm

import (
	"errors"
	"fmt"

	"github.com/treenode/treenode/fsm/tree"
)

// Origin is where a command comes from. A proposer bounds it; see
// Origin.Check.
type Origin struct {
	// User and Project are the ids of who asked. A request in the scope of the
	// whole deployment has System and no project.
	User, Project string
	System        bool
	// Action is the policy's rule by which it was allowed.
	Action string
	// Request is the API's id of the request.
	Request string
}

// Bounds of an origin's fields, in bytes.
const (
	originIDMax      = 255
	originActionMax  = 128
	originRequestMax = 128
)

// Check returns an error that names the field that is over its bound.
func (o *Origin) Check() error {
	for _, f := range []struct {
		name, value string
		limit       int
	}{
		{"user", o.User, originIDMax}, {"project", o.Project, originIDMax},
		{"action", o.Action, originActionMax}, {"request", o.Request, originRequestMax},
	} {
		if len(f.value) > f.limit {
			return fmt.Errorf("%s has %d bytes, the limit is %d", f.name, len(f.value), f.limit)
		}
	}
	return nil
}

// Size is about how many bytes it takes in the log, at most.
func (o *Origin) Size() int {
	return len(o.User) + len(o.Project) + len(o.Action) + len(o.Request) + 16
}

// An entry of KindOrigins has, after its commands, everyone who asked, each once,
// and then for each command its asker's number from 1 on, or 0 for none, and the
// id of the request. Requests that wait together are often of few.
//
// Who asked is bytes to the machine. They begin with the number of their form: one
// that a program does not know is an origin that it can't tell, and nothing else.

// originForm is the number of the form of an asker.
const originForm = 1

type originOf struct {
	asker   uint64
	request []byte
}

func (c *codec) origins(e *Entry) {
	list(c, &e.askers, (*codec).bytes)
	list(c, &e.origins, func(c *codec, o *originOf) {
		c.uint64(&o.asker)
		c.bytes(&o.request)
		if o.asker > uint64(len(e.askers)) {
			c.fail(fmt.Errorf("there is no asker %d", o.asker))
		}
	})
	if len(e.origins) != len(e.Commands) {
		c.fail(fmt.Errorf("%d origins of %d commands", len(e.origins), len(e.Commands)))
	}
}

// EncodeOrigins makes a log entry like EncodeBatch whose commands say where they
// come from. There is one origin for each command; nil for a node's own.
func EncodeOrigins(at tree.Time, commands [][]byte, origins []*Origin) []byte {
	e := Entry{Kind: KindOrigins, At: at, Commands: commands, origins: make([]originOf, len(commands))}
	size := 16
	known := map[Origin]uint64{}
	for i, o := range origins {
		size += len(commands[i]) + 8
		if o == nil {
			continue
		}
		asker := *o
		asker.Request = ""
		number, ok := known[asker]
		if !ok {
			c := &codec{}
			c.asker(&asker)
			e.askers = append(e.askers, c.buf)
			size += len(c.buf) + 4
			number = uint64(len(e.askers))
			known[asker] = number
		}
		e.origins[i] = originOf{number, []byte(o.Request)}
		size += len(o.Request)
	}
	c := &codec{buf: make([]byte, 0, size)}
	c.entry(&e)
	return c.buf
}

// Origin returns where a command of the entry comes from; false if it does not say.
// The error says that it does in a form that this program does not know.
func (e *Entry) Origin(command int) (Origin, bool, error) {
	if command >= len(e.origins) || e.origins[command].asker == 0 {
		return Origin{}, false, nil
	}
	from := e.origins[command]
	c := &codec{buf: e.askers[from.asker-1], decoding: true}
	var o Origin
	c.asker(&o)
	if err := c.end(); err != nil {
		return Origin{}, false, err
	}
	o.Request = string(from.request)
	return o, true, nil
}

var errOriginForm = errors.New("the origin has a form that this program does not know")

// asker walks all but the request.
func (c *codec) asker(o *Origin) {
	form := uint8(originForm)
	c.uint8(&form)
	if c.err == nil && form != originForm {
		c.fail(errOriginForm)
		return
	}
	c.string(&o.User)
	c.string(&o.Project)
	c.bool(&o.System)
	c.string(&o.Action)
}

// Encode returns the origin's bytes, as nodes pass them on to each other.
func (o *Origin) Encode() []byte {
	c := &codec{buf: make([]byte, 0, o.Size())}
	c.asker(o)
	c.string(&o.Request)
	return c.buf
}

// DecodeOrigin reads what Encode wrote. The error also names a field that is over
// its bound.
func DecodeOrigin(b []byte) (Origin, error) {
	c := &codec{buf: b, decoding: true}
	var o Origin
	c.asker(&o)
	c.string(&o.Request)
	err := c.end()
	if err == nil {
		err = o.Check()
	}
	if err != nil {
		return Origin{}, err
	}
	return o, nil
}
