package placement

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/wire"
)

// Codes that errors carry from microversion 1.23 on.
const (
	codeUndefined          = "placement.undefined_code"
	codeConcurrentUpdate   = "placement.concurrent_update"
	codeDuplicateName      = "placement.duplicate_name"
	codeInventoryInUse     = "placement.inventory.inuse"
	codeProviderInUse      = "placement.resource_provider.inuse"
	codeCannotDeleteParent = "placement.resource_provider.cannot_delete_parent"
	codeProviderNotFound   = "placement.resource_provider.not_found"
	codeQueryDuplicateKey  = "placement.query.duplicate_key"
	codeQueryBadValue      = "placement.query.bad_value"
	codeQueryMissingValue  = "placement.query.missing_value"
)

// failure is an answer that refuses a request.
type failure struct {
	status  int
	message string
	code    string
	// allow lists the route's methods, for 405.
	allow string
	// versions adds the range of microversions.
	versions bool
	// challenge is the answer's WWW-Authenticate, and retryAfter its header of that
	// name, where it is above 0.
	challenge  string
	retryAfter time.Duration
	// about fills the stock sentence of 405 (the method) and 415 (the type).
	about string
}

// Error implements error.
func (f *failure) Error() string { return http.StatusText(f.status) + ": " + f.message }

func fail(status int, format string, args ...any) *failure {
	return &failure{status: status, message: fmt.Sprintf(format, args...), code: codeUndefined}
}

// metricCode is the code that a failure is counted by; the status says more than
// the code for most.
func (f *failure) metricCode() wire.Code {
	if f.code == codeUndefined {
		return wire.Code("placement.http_" + strconv.Itoa(f.status))
	}
	return wire.Code(f.code)
}

func (f *failure) as(code string) *failure { f.code = code; return f }

func badRequest(format string, args ...any) *failure {
	return fail(http.StatusBadRequest, format, args...)
}

func notFound(format string, args ...any) *failure {
	return fail(http.StatusNotFound, format, args...)
}

func conflict(format string, args ...any) *failure {
	return fail(http.StatusConflict, format, args...)
}

func notAcceptable(format string, args ...any) *failure {
	return fail(http.StatusNotAcceptable, format, args...)
}

// unavailable is a failure of the cluster: the request may be sent again, and the
// answer says when.
func unavailable(err error) *failure {
	var of *cluster.Error
	if errors.As(err, &of) {
		switch of.Code {
		case cluster.CodeTooLarge:
			return fail(http.StatusRequestEntityTooLarge, "%s", of.Message)
		case cluster.CodeForbidden:
			return fail(http.StatusForbidden, "%v", err)
		default:
		}
	}
	f := fail(http.StatusServiceUnavailable, "The cluster cannot answer now: %v", err)
	f.retryAfter = clusterRetryAfter
	return f
}

// clusterRetryAfter is when to come back after a failure of the cluster: an election
// takes about a second.
const clusterRetryAfter = time.Second

// unidentified is the answer to a request that nobody is known to send.
func unidentified(err error) *failure {
	var told *auth.Error
	if !errors.As(err, &told) {
		return fail(http.StatusInternalServerError, "internal error")
	}
	f := fail(told.Status, "%s", told.Message)
	if told.Status == http.StatusUnauthorized {
		f.message = "" // clients compare it
	}
	f.challenge, f.retryAfter = told.Challenge, told.RetryAfter
	return f
}

// stock is the sentence that a status's message follows, as markup, and
// whether room is left after the message. Wanted is what the client accepts.
func (f *failure) stock(wanted string) (string, bool) {
	switch f.status {
	case http.StatusBadRequest:
		return "The server could not comply with the request since it is either malformed or otherwise incorrect.", true
	case http.StatusUnauthorized:
		return "This server could not verify that you are authorized to access the document you requested. " +
			"Either you supplied the wrong credentials (e.g., bad password), or your browser does not understand " +
			"how to supply the credentials required.", true
	case http.StatusForbidden:
		return "Access was denied to this resource.", true
	case http.StatusNotFound:
		return "The resource could not be found.", true
	case http.StatusConflict:
		return "There was a conflict when trying to complete your request.", true
	case http.StatusMethodNotAllowed:
		return "The method " + f.about + " is not allowed for this resource. ", false
	case http.StatusNotAcceptable:
		return "The resource could not be generated that was acceptable to your browser\n(content of type " + wanted + ". ", false
	case http.StatusUnsupportedMediaType:
		return "The request media type " + f.about + " is not supported by this server.\n", false
	case http.StatusServiceUnavailable:
		return "The server is currently unavailable. Please try again at a later time.", true
	case http.StatusTooManyRequests:
		return "Too many requests came from you. Please try again later.", true
	case http.StatusRequestEntityTooLarge:
		return "The body of your request was too large for this server.", true
	}
	return "The server has either erred or is incapable of performing the requested operation.", true
}

func (f *failure) markup(wanted string, quote func(string) string) string {
	sentence, room := f.stock(quote(wanted))
	body := sentence + "<br /><br />\n" + quote(f.message)
	if room {
		body += "\n\n"
	}
	return body
}

var (
	breakTag = regexp.MustCompile(`(?is)<br.*?>`)
	anyTag   = regexp.MustCompile(`(?s)<.*?>`)
)

// stripped is markup as one paragraph of text.
func stripped(markup string) string {
	markup = strings.ReplaceAll(markup, "\n", " ")
	return anyTag.ReplaceAllString(breakTag.ReplaceAllString(markup, "\n"), "")
}

var htmlSpecial = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;")

// htmlQuote escapes as clients that compare pages know it: pages are ASCII.
func htmlQuote(s string) string {
	s = htmlSpecial.Replace(s)
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	return b.String()
}

func verbatim(s string) string { return s }

// refuse answers with the failure in the form that the client accepts.
func (c *call) refuse(f *failure) {
	h := c.w.Header()
	if f.allow != "" {
		h.Set("Allow", f.allow)
	}
	if f.challenge != "" {
		h.Set("Www-Authenticate", f.challenge)
	}
	if f.retryAfter > 0 {
		h.Set("Retry-After", auth.Seconds(f.retryAfter))
	}
	title := http.StatusText(f.status)
	status := strconv.Itoa(f.status) + " " + title
	wanted := acceptText(c.r.Header)
	if wanted == "" || wanted == "*/*" {
		wanted = mediaJSON
	}
	media := errorMedia(c.r.Header)
	if c.r.Method == http.MethodHead {
		media = mediaHTML // as clients are used to, and without a body anyway
	}
	var body string
	switch media {
	case mediaJSON:
		body = c.errorJSON(f, title, wanted)
	case mediaHTML:
		body = "<html>\n <head>\n  <title>" + status + "</title>\n </head>\n <body>\n  <h1>" + status + "</h1>\n  " +
			f.markup(wanted, htmlQuote) + "\n </body>\n</html>"
	default:
		body = status + "\n\n" + stripped(f.markup(wanted, verbatim))
	}
	if media != mediaJSON {
		media += "; charset=UTF-8"
	}
	c.send(f.status, media, []byte(body))
}

func (c *call) errorJSON(f *failure, title, wanted string) string {
	body := jsontext.NewObject()
	if f.status == http.StatusUnauthorized {
		body.Set("message", f.markup(wanted, verbatim)).
			Set("code", fmt.Sprint(f.status, " ", title)).Set("title", title)
	} else {
		e := jsontext.NewObject().Set("status", f.status).Set("title", title).
			Set("detail", stripped(f.markup(wanted, verbatim)))
		if c.version >= 23 {
			e.Set("code", f.code)
		}
		e.Set("request_id", c.requestID)
		if f.versions {
			e.Set("max_version", microversionMax.String()).Set("min_version", microversion(0).String())
		}
		body.Set("errors", []any{e})
	}
	text, err := jsontext.Marshal(body)
	if err != nil {
		return "{}" // strings and numbers only: it can't be
	}
	return string(text)
}
