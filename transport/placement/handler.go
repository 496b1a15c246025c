package placement

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/fsm/candidates"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/health"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
	"github.com/treenode/treenode/transport/policy"
	"github.com/treenode/treenode/transport/tracing"
)

// Config describes the API. The zero value serves with the defaults.
type Config struct {
	// RequestTimeout bounds a request. 0 means 10 seconds.
	RequestTimeout time.Duration
	// Auth tells who calls. Nil means auth.NoAuth.
	Auth auth.Authenticator
	// Policy decides who may do what. Nil means that of mode secure.
	Policy *policy.Policy
	// Origins are those whose scripts browsers let read answers.
	Origins []string
	// Prefix is where the API is mounted besides the root, such as
	// "/placement"; answers to requests below it carry it in links and
	// locations.
	Prefix string
	// IncompleteProject and IncompleteUser own the consumers that old
	// microversions write. Empty means the zero UUID.
	IncompleteProject, IncompleteUser string
	// Candidates are the operator's choices for every search. MaxSteps 0 means
	// a bound that no sensible request meets.
	Candidates candidates.Options
	// SearchesMax is how many searches for candidates run at a time. One more waits
	// for searchWaitMax, and is then refused as 503. 0 means twice the processors.
	SearchesMax int
	// CompressFrom is the size in bytes from which an answer is compressed for
	// clients that accept gzip. 0 means that none is.
	CompressFrom int
	// Metrics counts requests. Nil means that nobody does.
	Metrics *health.Metrics
	// Logger gets internal errors. Nil means none.
	Logger hclog.Logger

	searches chan struct{} // has an element for each search that runs
}

const (
	requestTimeoutDefault = 10 * time.Second
	bodyBytesMax          = 8 << 20
	// bodyBytesTrusted is up to which length a body gets its memory before it
	// has come.
	bodyBytesTrusted = 128 << 10
	// searchStepsMax bounds a search for candidates: some seconds of one core.
	searchStepsMax = 20_000_000
)

// New returns the handler of the API. Its owner bounds the listener: header
// bytes, header and write time. The error names what Config gets wrong.
func New(node Node, c Config) (http.Handler, error) {
	if c.RequestTimeout <= 0 {
		c.RequestTimeout = requestTimeoutDefault
	}
	if c.Auth == nil {
		c.Auth = auth.NoAuth{}
	}
	if c.SearchesMax <= 0 {
		c.SearchesMax = 2 * runtime.GOMAXPROCS(0)
	}
	c.searches = make(chan struct{}, c.SearchesMax)
	if c.Policy == nil {
		p, err := policy.New(policy.Secure, nil)
		if err != nil {
			return nil, err
		}
		c.Policy = p
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Candidates.MaxSteps == 0 {
		c.Candidates.MaxSteps = searchStepsMax
	}
	zero := tree.UUID{}.String()
	if c.IncompleteProject == "" {
		c.IncompleteProject = zero
	}
	if c.IncompleteUser == "" {
		c.IncompleteUser = zero
	}
	return &handler{node: node, config: c, cors: crossOrigin{c.Origins}, now: time.Now}, nil
}

type handler struct {
	node   Node
	config Config
	cors   crossOrigin
	now    func() time.Time
}

// call is one request on its way.
type call struct {
	*handler
	w         http.ResponseWriter
	r         *http.Request
	ctx       context.Context // the request's, with its time bounded
	requestID string
	answerID  [1]string // the same as a header's values
	version   microversion
	identity  auth.Identity
	variables variables
	prefix    string // the mount point that the client used
	route     string // the pattern, once it is known
	action    string // the policy's rule about it
	vary      []string
	status    int // of the answer, once it has begun
	begun     bool
	text      []byte   // the request's body, once it was read
	unread    *failure // why it could not be
	attempt   attempt
}

// ServeHTTP implements http.Handler. No panic of a handler gets past it.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), h.config.RequestTimeout)
	defer cancel()
	c := &call{handler: h, w: w, r: r, ctx: ctx, requestID: newRequestID(), route: "unmatched"}
	c.answerID[0] = c.requestID
	w.Header()[requestIDHeader] = c.answerID[:]
	began := h.now()
	defer func() {
		caught := recover()
		defer c.measure(began)
		if caught == nil {
			return
		}
		if caught == http.ErrAbortHandler || c.begun { //nolint:errorlint // a panic's value, never wrapped
			panic(http.ErrAbortHandler)
		}
		h.config.Logger.Error("panic in a handler", "request_id", c.requestID, "panic", caught, "stack", string(debug.Stack()))
		c.refuse(fail(http.StatusInternalServerError, "internal error"))
	}()
	if h.cors.preflight(c) {
		return
	}
	h.cors.decorate(c)
	if f := c.serve(); f != nil {
		if f.status >= 500 {
			h.config.Logger.Error("request failed", "request_id", c.requestID, "error", f)
		}
		if c.config.Metrics != nil {
			c.config.Metrics.Error(f.metricCode())
		}
		c.refuse(f)
	}
}

func newRequestID() string {
	const prefix = "req-"
	var b [len(prefix) + 36]byte
	return string(tree.UUID(uuid.New()).Append(append(b[:0], prefix...)))
}

// measure counts the request, by the route's pattern.
func (c *call) measure(began time.Time) {
	tracing.Route(c.ctx, c.route, c.requestID)
	if c.config.Metrics != nil && c.begun {
		c.config.Metrics.Request(c.route, c.status, c.now().Sub(began))
	}
}

// serve makes the checks in the order that clients can observe, then runs the
// route.
func (c *call) serve() *failure {
	path := c.path()
	if path != "/" {
		id, err := c.config.Auth.Authenticate(c.r)
		if err != nil {
			return unidentified(err)
		}
		c.identity = id
	}
	version, f := requestedVersion(c.r.Header)
	if f != nil {
		return f
	}
	c.version = version
	c.w.Header()[versionHeader] = version.answered()
	c.vary = append(onlyVersion[:1:1], c.vary...)
	if !integerLength(c.r.Header) {
		return badRequest("content-length header must be an integer")
	}
	if c.r.ContentLength > 0 && c.r.Header.Get("Content-Type") == "" {
		return badRequest("content-type header required when content-length > 0")
	}
	r, variables, f := find(c.r.Method, path)
	if f != nil {
		return f
	}
	c.variables, c.route, c.action = variables, r.name, r.policy
	media := c.mediaTypes(r)
	switch {
	case r.mediaFirst && media != nil:
		return media
	case c.version < r.since && r.lateMethod:
		return methodNotAllowed(c.r.Method)
	case c.version < r.since:
		return notFound("")
	case media != nil:
		return media
	case r.policy != "" && !c.allowed(r.policy):
		return fail(http.StatusForbidden, "Policy does not allow %s to be performed.", r.policy)
	}
	return c.run(r)
}

func (c *call) allowed(action string) bool {
	project := ""
	if action == policy.PlacementUsages { // the only one that is about a project of the query's
		project = c.r.URL.Query().Get("project_id")
	}
	return c.config.Policy.Allows(action, c.identity, project)
}

// integerLength reports whether the length of the body, where it is given, is
// a number. A server that refuses such requests itself, as net/http does, has
// to hand them on without a body; see package bareanswer.
func integerLength(h http.Header) bool {
	for _, text := range h.Values("Content-Length") {
		if _, err := strconv.ParseUint(text, 10, 63); err != nil {
			return false
		}
	}
	return true
}

// path is the request's path below the prefix, which is remembered where the
// client used it; "/" for none.
func (c *call) path() string {
	path := c.r.URL.Path
	if below, ok := strings.CutPrefix(path, c.config.Prefix); ok && (below == "" || below[0] == '/') {
		path, c.prefix = below, c.config.Prefix
	}
	if path == "" {
		return "/"
	}
	return path
}

func (c *call) mediaTypes(r *route) *failure {
	if r.body != nil && r.body(c.version) {
		given := strings.Join(c.r.Header.Values("Content-Type"), ", ")
		media, _, _ := strings.Cut(given, ";")
		if media = strings.TrimSpace(media); !strings.EqualFold(media, mediaJSON) {
			if given == "" {
				given = "None"
			}
			if media == "" {
				media = "None"
			}
			f := fail(http.StatusUnsupportedMediaType, "The media type %s is not supported, use application/json", media)
			f.about = given
			return f
		}
	}
	if r.json && !acceptsJSON(c.r.Header) {
		return notAcceptable("Only application/json is provided")
	}
	return nil
}

// read reads the request's body, once: a second attempt finds what came of the
// first.
func (c *call) read() *failure {
	if c.text == nil && c.unread == nil {
		c.unread = c.readOnce()
	}
	return c.unread
}

func (c *call) readOnce() *failure {
	var err error
	if n := c.r.ContentLength; n > 0 && n <= bodyBytesTrusted {
		c.text = make([]byte, n)
		_, err = io.ReadFull(c.r.Body, c.text)
	} else {
		c.text, err = io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, bodyBytesMax))
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fail(http.StatusRequestEntityTooLarge, "A body has at most %d bytes.", large.Limit)
	case err != nil:
		return badRequest("The body broke off: %v", err)
	}
	return nil
}

// body reads the request's body and compares it with a schema.
func (c *call) body(s *schema.Schema) (*jsontext.Object, *failure) {
	if f := c.read(); f != nil {
		return nil, f
	}
	value, err := jsontext.Parse(c.text)
	if err != nil {
		return nil, badRequest("Malformed JSON: %v", err)
	}
	if !s.Accepts(value) {
		if refusal := s.Check(jsontext.Plain(value)); refusal != "" {
			return nil, badRequest("JSON does not validate: %s", refusal)
		}
	}
	object, ok := value.(*jsontext.Object)
	if !ok { // aggregates below 1.19
		object = jsontext.NewObject().Set("", value)
	}
	return object, nil
}

func (c *call) send(status int, media string, body []byte) {
	if c.attempt == early {
		return // no answer yet
	}
	h := c.w.Header()
	if media != "" {
		h.Set("Content-Type", media)
	} else {
		h["Content-Type"] = nil // none, instead of a guess
	}
	if status == http.StatusOK {
		body = c.compressed(body)
	}
	switch len(c.vary) {
	case 0:
	case 1:
		h["Vary"] = c.vary
	default:
		h["Vary"] = []string{strings.Join(c.vary, ",")}
	}
	if status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	c.begun, c.status = true, status
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return
	}
	_, _ = c.w.Write(body) // a client that has gone can't be told
}

// reply sends a JSON body.
func (c *call) reply(status int, body any) *failure {
	text, err := jsontext.Marshal(body)
	if err != nil {
		return fail(http.StatusInternalServerError, "the answer can't be written: %v", err)
	}
	c.send(status, mediaJSON, text)
	return nil
}

// done sends an answer without a body.
func (c *call) done(status int) *failure {
	c.send(status, "", nil)
	return nil
}
