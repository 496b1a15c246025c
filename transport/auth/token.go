package auth

import (
	"net/http"
	"strings"
)

// ServiceTokenHeader carries the token of the service that passes a request on.
const ServiceTokenHeader = "X-Service-Token"

// tokenBytesMax is far above what tokens have: longer ones are refused unread.
const tokenBytesMax = 8 << 10

// Token is what the request offers to prove who sends it: X-Auth-Token or, for
// clients that can't set that, a bearer token. Empty where there is none.
func Token(r *http.Request) string {
	if token := strings.TrimSpace(r.Header.Get(TokenHeader)); token != "" {
		return token
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// Plausible reports whether the text may be a token at all: not empty, of
// visible ASCII, no longer than any token is. Asking about others is a waste.
func Plausible(token string) bool {
	if token == "" || len(token) > tokenBytesMax {
		return false
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return false
		}
	}
	return true
}
