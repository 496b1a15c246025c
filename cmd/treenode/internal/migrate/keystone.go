package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// tokenBytesMax bounds Keystone's answer, which has the catalogue.
const tokenBytesMax = 16 << 20

// Keystone logs in with Keystone v3, by a password or an application
// credential, and finds the Placement service in the catalogue.
type Keystone struct {
	url    string
	body   []byte // of the request: it has the secret
	region string
	face   string

	mu       sync.Mutex
	token    string
	endpoint string
	whyNone  string
}

// catalogueKind is the type of the Placement service in the catalogue.
const catalogueKind = "placement"

type keystoneName struct {
	ID     string        `json:"id,omitempty"`
	Name   string        `json:"name,omitempty"`
	Domain *keystoneName `json:"domain,omitempty"`
}

// KeystoneFromEnvironment takes what OpenStack's own client takes: OS_AUTH_URL
// with OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME and their domains, or with
// OS_APPLICATION_CREDENTIAL_ID and _SECRET; OS_REGION_NAME and OS_INTERFACE
// choose among endpoints. The error names the variable that is wrong.
func KeystoneFromEnvironment(get func(string) string) (*Keystone, error) {
	where := strings.TrimRight(get("OS_AUTH_URL"), "/")
	u, err := url.Parse(where)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, errors.New("OS_AUTH_URL is not a URL http(s)://host[:port][/path] without a user")
	}
	if !strings.HasSuffix(where, "/v3") {
		where += "/v3"
	}
	identity := map[string]any{}
	auth := map[string]any{"identity": identity}
	if id := get("OS_APPLICATION_CREDENTIAL_ID"); id != "" {
		secret := get("OS_APPLICATION_CREDENTIAL_SECRET")
		if secret == "" {
			return nil, errors.New("OS_APPLICATION_CREDENTIAL_SECRET is needed with OS_APPLICATION_CREDENTIAL_ID")
		}
		identity["methods"] = []string{"application_credential"}
		identity["application_credential"] = map[string]string{"id": id, "secret": secret}
	} else {
		user, scope, err := passwordLogin(get)
		if err != nil {
			return nil, err
		}
		identity["methods"] = []string{"password"}
		identity["password"] = map[string]any{"user": user}
		auth["scope"] = map[string]any{"project": scope}
	}
	body, err := json.Marshal(map[string]any{"auth": auth})
	if err != nil {
		return nil, err
	}
	k := &Keystone{url: where + "/auth/tokens", body: body, region: get("OS_REGION_NAME")}
	for _, name := range []string{"OS_INTERFACE", "OS_ENDPOINT_TYPE"} {
		if k.face == "" {
			k.face = strings.TrimSuffix(get(name), "URL") // "publicURL" is an older way to say it
		}
	}
	if k.face == "" {
		k.face = "public"
	}
	return k, nil
}

// passwordLogin is the user with the password, and the project to act in.
func passwordLogin(get func(string) string) (user any, project *keystoneName, err error) {
	name, err := named(get, "OS_USER_ID", "OS_USERNAME", "OS_USER_DOMAIN")
	if err != nil {
		return nil, nil, err
	}
	if project, err = named(get, "OS_PROJECT_ID", "OS_PROJECT_NAME", "OS_PROJECT_DOMAIN"); err != nil {
		return nil, nil, err
	}
	password := get("OS_PASSWORD")
	if password == "" {
		return nil, nil, errors.New("OS_PASSWORD is needed")
	}
	return struct {
		keystoneName
		Password string `json:"password"`
	}{*name, password}, project, nil
}

// named is a user or project by its id, or by its name and its domain's.
func named(get func(string) string, idVariable, nameVariable, domain string) (*keystoneName, error) {
	if id := get(idVariable); id != "" {
		return &keystoneName{ID: id}, nil
	}
	n := &keystoneName{Name: get(nameVariable), Domain: &keystoneName{}}
	if n.Name == "" {
		return nil, fmt.Errorf("%s or %s is needed", nameVariable, idVariable)
	}
	for _, prefix := range []string{domain, "OS_DEFAULT_DOMAIN"} {
		if *n.Domain != (keystoneName{}) {
			break
		}
		if n.Domain.ID = get(prefix + "_ID"); n.Domain.ID == "" {
			n.Domain.Name = get(prefix + "_NAME")
		}
	}
	if n.Domain.ID == "" {
		n.Domain.ID = get("OS_DEFAULT_DOMAIN")
	}
	if *n.Domain == (keystoneName{}) {
		n.Domain.ID = "default"
	}
	return n, nil
}

// Token implements Authenticator.
func (k *Keystone) Token(ctx context.Context, h *http.Client) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.token == "" {
		if err := k.login(ctx, h); err != nil {
			return "", err
		}
	}
	return k.token, nil
}

// Renew implements Authenticator.
func (k *Keystone) Renew() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.token = ""
	return true
}

// Endpoint implements Authenticator.
func (k *Keystone) Endpoint(ctx context.Context, h *http.Client) (string, error) {
	if _, err := k.Token(ctx, h); err != nil {
		return "", err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.endpoint == "" {
		return "", errors.New(k.whyNone)
	}
	return k.endpoint, nil
}

// login needs the lock. Its errors never hold the request's body.
func (k *Keystone) login(ctx context.Context, h *http.Client) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, k.url, bytes.NewReader(k.body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	resp, err := h.Do(r)
	if err != nil {
		return fmt.Errorf("keystone: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it is wanted
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("keystone: %w", &StatusError{http.MethodPost, k.url, resp.StatusCode, detailOf(resp.Body)})
	}
	var answer struct {
		Token struct {
			Catalog []struct {
				Type      string
				Endpoints []struct{ Interface, Region, URL string }
			}
		}
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, tokenBytesMax)).Decode(&answer); err != nil {
		return fmt.Errorf("keystone: POST %s: %w: %w", k.url, errAnswer, err)
	}
	if k.token = resp.Header.Get("X-Subject-Token"); k.token == "" {
		return fmt.Errorf("keystone: POST %s: %w: there is no X-Subject-Token", k.url, errAnswer)
	}
	k.whyNone = fmt.Sprintf("the catalogue of %s has no %s endpoint of type %s", k.url, k.face, catalogueKind)
	if k.region != "" {
		k.whyNone += " in region " + k.region
	}
	for _, service := range answer.Token.Catalog {
		if service.Type != catalogueKind {
			continue
		}
		for _, e := range service.Endpoints {
			if e.Interface == k.face && (k.region == "" || e.Region == k.region) && k.endpoint == "" {
				k.endpoint = e.URL
			}
		}
	}
	return nil
}
