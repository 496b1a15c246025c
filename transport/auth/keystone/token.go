package keystone

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/treenode/treenode/transport/auth"
)

// token is what Keystone says of a token. It is immutable.
type token struct {
	identity auth.Identity
	expires  time.Time
	// restricted: only what rules allow.
	restricted bool
	rules      []accessRule
}

// answered is the part of Keystone's answer that is looked at.
type answered struct {
	Token *struct {
		Expires string          `json:"expires_at"`
		User    *of             `json:"user"`
		Project *of             `json:"project"`
		Domain  *of             `json:"domain"`
		System  map[string]bool `json:"system"`
		Roles   []struct {
			Name string `json:"name"`
		} `json:"roles"`
		ApplicationCredential *struct {
			AccessRules *[]struct {
				Service string `json:"service"`
				Method  string `json:"method"`
				Path    string `json:"path"`
			} `json:"access_rules"`
		} `json:"application_credential"`
	} `json:"token"`
}

type of struct {
	ID     string `json:"id"`
	Domain *of    `json:"domain"`
}

func (o *of) id() string {
	if o == nil {
		return ""
	}
	return o.ID
}

func (o *of) domain() string {
	if o == nil {
		return ""
	}
	return o.Domain.id()
}

// decodeToken reads Keystone's answer about a token.
func decodeToken(body []byte) (*token, error) {
	var a answered
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, errors.New("it is not the JSON expected")
	}
	if a.Token == nil || a.Token.User.id() == "" {
		return nil, errors.New("it names no user")
	}
	expires, err := time.Parse(time.RFC3339, a.Token.Expires)
	if err != nil {
		return nil, errors.New("it does not say when the token expires")
	}
	t := &token{expires: expires, identity: auth.Identity{
		User: a.Token.User.id(), UserDomain: a.Token.User.domain(),
		Project: a.Token.Project.id(), ProjectDomain: a.Token.Project.domain(),
		Domain: a.Token.Domain.id(), System: a.Token.System["all"], Method: "keystone",
	}}
	for _, r := range a.Token.Roles {
		t.identity.Roles = append(t.identity.Roles, r.Name)
	}
	credential := a.Token.ApplicationCredential
	if credential == nil || credential.AccessRules == nil {
		return t, nil
	}
	t.restricted = true
	if len(*credential.AccessRules) > accessRulesMax {
		return nil, errors.New("it has too many access rules")
	}
	for _, r := range *credential.AccessRules {
		if len(r.Path) > accessPathBytesMax {
			return nil, errors.New("an access rule's path is too long")
		}
		path, err := pathPattern(r.Path)
		if err != nil {
			return nil, errors.New("an access rule's path can't be read")
		}
		t.rules = append(t.rules, accessRule{r.Service, r.Method, path})
	}
	return t, nil
}

func (t *token) hasOneOf(roles []string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(t.identity.Roles, role) })
}

func (t *token) permits(r *http.Request, service string) bool {
	return !t.restricted || slices.ContainsFunc(t.rules, func(a accessRule) bool { return a.permits(r, service) })
}
