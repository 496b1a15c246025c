package keystone

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/treenode/treenode/transport/auth"
)

// Config says where Keystone is and how this node logs in there. Its keys are
// those of the section keystone_authtoken that services of OpenStack have.
type Config struct {
	// AuthURL is Keystone's; "/v3" is added where it is missing.
	AuthURL string `yaml:"auth_url"`
	// WWWAuthenticateURI is where clients are sent for a token: AuthURL where
	// it is empty.
	WWWAuthenticateURI string `yaml:"www_authenticate_uri"`
	// AuthType is password (the default) or v3applicationcredential.
	AuthType string `yaml:"auth_type"`

	Username          string `yaml:"username"`
	UserID            string `yaml:"user_id"`
	UserDomainName    string `yaml:"user_domain_name"`
	UserDomainID      string `yaml:"user_domain_id"`
	ProjectName       string `yaml:"project_name"`
	ProjectID         string `yaml:"project_id"`
	ProjectDomainName string `yaml:"project_domain_name"`
	ProjectDomainID   string `yaml:"project_domain_id"`
	// SystemScope is "all" or empty; with it there is no project.
	SystemScope string `yaml:"system_scope"`
	Password    Secret `yaml:"password"`
	// PasswordFile names a file that holds the password, or the secret of the
	// application credential, and a newline at most.
	PasswordFile string `yaml:"password_file"`

	ApplicationCredentialID     string `yaml:"application_credential_id"`
	ApplicationCredentialSecret Secret `yaml:"application_credential_secret"`

	// CAFile holds the authorities (PEM) that may vouch for Keystone, in place of
	// the system's; CertFile and KeyFile are shown to it.
	CAFile   string `yaml:"cafile"`
	CertFile string `yaml:"certfile"`
	KeyFile  string `yaml:"keyfile"`

	// ServiceType is what access rules call this service.
	ServiceType string `yaml:"service_type"`
	// ServiceTokenRoles are those of services that may pass on expired tokens.
	ServiceTokenRoles []string `yaml:"service_token_roles"`
	// ServiceTokenRolesRequired refuses valid service tokens without such a role.
	ServiceTokenRolesRequired bool `yaml:"service_token_roles_required"`

	// HTTPConnectTimeout and Timeout are in seconds: to connect, and for a whole
	// request to Keystone.
	HTTPConnectTimeout float64 `yaml:"http_connect_timeout"`
	Timeout            float64 `yaml:"timeout"`
	// TokenCacheTime is in seconds; 0 means the default, 300, below 0 no cache.
	TokenCacheTime int `yaml:"token_cache_time"`
}

// Secret is a text that shows itself to nobody by mistake.
type Secret string

// String implements fmt.Stringer.
func (Secret) String() string { return "(secret)" }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return "(secret)" }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

// PasswordVariable is the environment variable that stands in for the password.
const PasswordVariable = "TREENODE_KEYSTONE_PASSWORD" //nolint:gosec // a name

const (
	cacheTimeDefault      = 300
	connectTimeoutDefault = 5
	timeoutDefault        = 10
	serviceTypeDefault    = "placement"
	serviceRoleDefault    = "service"
	configBytesMax        = 1 << 20
)

// elsewhere are keys that such sections have and this one does not, and why.
var elsewhere = map[string]string{ //nolint:gosec // names of keys
	"memcached_servers":           "the cache is in this process; memcached is not supported",
	"memcache_security_strategy":  "the cache is in this process; memcached is not supported",
	"memcache_secret_key":         "the cache is in this process; memcached is not supported",
	"cache":                       "the cache is in this process",
	"insecure":                    "Keystone's certificate is always checked; name its authority with cafile",
	"delay_auth_decision":         "requests without a valid token are always refused",
	"include_service_catalog":     "the catalog is never asked for",
	"enforce_token_bind":          "token binding is not supported",
	"region_name":                 "auth_url says which Keystone is asked",
	"interface":                   "auth_url says which Keystone is asked",
	"auth_version":                "version 3 is spoken",
	"auth_section":                "the keys are in this file",
	"http_request_max_retries":    "a client is told to come back; see Retry-After",
	"auth_uri":                    "it is called www_authenticate_uri",
	"identity_uri":                "it is called auth_url",
	"application_credential_name": "name it by application_credential_id",
}

// Load reads a configuration file. It may hold a password, so that nobody but its
// owner may read it. The error names the key that is wrong, never a value that
// could be secret.
func Load(path string) (Config, error) {
	var c Config
	text, err := auth.ReadPrivate(path, configBytesMax)
	if err != nil {
		return c, err
	}
	if c, err = parse(text); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if c.PasswordFile != "" {
		if c.Password != "" || c.ApplicationCredentialSecret != "" {
			return c, fmt.Errorf("%s: password_file: there is a password or secret besides", path)
		}
		secret, err := auth.ReadPrivate(c.PasswordFile, configBytesMax)
		if err != nil {
			return c, fmt.Errorf("%s: password_file: %w", path, err)
		}
		c.setSecret(strings.TrimRight(string(secret), "\r\n"))
	} else if secret := os.Getenv(PasswordVariable); secret != "" && c.Password == "" && c.ApplicationCredentialSecret == "" {
		c.setSecret(secret)
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (c *Config) setSecret(text string) {
	if c.AuthType == applicationCredential {
		c.ApplicationCredentialSecret = Secret(text)
	} else {
		c.Password = Secret(text)
	}
}

// parse reads the YAML of a configuration. Texts of the YAML library are not
// passed on: they quote what they can't read.
func parse(text []byte) (Config, error) {
	var c Config
	var keys map[string]any
	if err := yaml.Unmarshal(text, &keys); err != nil {
		return c, errors.New("it is not a map of keys in YAML")
	}
	for key := range keys {
		if why, ok := elsewhere[key]; ok {
			return c, fmt.Errorf("%s: %s: leave the key out", key, why)
		}
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, whichKey(keys)
	}
	return c, nil
}

// whichKey finds the key that a Config can't take.
func whichKey(keys map[string]any) error {
	for key, value := range keys {
		one, err := yaml.Marshal(map[string]any{key: value})
		if err != nil {
			return fmt.Errorf("%s: it can't be read", key)
		}
		var c Config
		d := yaml.NewDecoder(bytes.NewReader(one))
		d.KnownFields(true)
		if d.Decode(&c) != nil {
			return fmt.Errorf("%s: there is no such key, or its value is of another kind", key)
		}
	}
	return errors.New("a key is there twice")
}

const (
	byPassword            = "password"
	applicationCredential = "v3applicationcredential"
)

// check fills in the defaults and refuses what can't work.
func (c *Config) check() error {
	for _, u := range []struct {
		key   string
		value *string
	}{{"auth_url", &c.AuthURL}, {"www_authenticate_uri", &c.WWWAuthenticateURI}} {
		if *u.value == "" && u.key != "auth_url" {
			*u.value = c.AuthURL
		}
		parsed, err := url.Parse(*u.value)
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" ||
			parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" || strings.ContainsAny(*u.value, "\"\\ ") {
			return fmt.Errorf("%s: it has to be http://host… or https://host…, without a user or query", u.key)
		}
	}
	c.AuthURL = strings.TrimRight(c.AuthURL, "/")
	if strings.HasSuffix(c.AuthURL, "/v2.0") {
		return errors.New("auth_url: version 2.0 is not supported")
	}
	if !strings.HasSuffix(c.AuthURL, "/v3") {
		c.AuthURL += "/v3"
	}
	if c.AuthType == "" {
		c.AuthType = byPassword
	}
	if err := c.checkLogin(); err != nil {
		return err
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return errors.New("certfile, keyfile: one goes with the other")
	}
	if c.ServiceType == "" {
		c.ServiceType = serviceTypeDefault
	}
	if c.ServiceTokenRoles == nil {
		c.ServiceTokenRoles = []string{serviceRoleDefault}
	}
	for _, s := range []struct {
		key   string
		value *float64
		or    float64
	}{{"http_connect_timeout", &c.HTTPConnectTimeout, connectTimeoutDefault}, {"timeout", &c.Timeout, timeoutDefault}} {
		if *s.value == 0 {
			*s.value = s.or
		}
		if !(*s.value > 0 && *s.value <= 600) {
			return fmt.Errorf("%s: it has to be above 0 and 600 seconds at most", s.key)
		}
	}
	if c.TokenCacheTime == 0 {
		c.TokenCacheTime = cacheTimeDefault
	}
	if c.TokenCacheTime > 24*3600 {
		return errors.New("token_cache_time: it has to be a day at most")
	}
	return nil
}

func (c *Config) checkLogin() error {
	switch c.AuthType {
	case byPassword:
		switch {
		case c.UserID == "" && c.Username == "":
			return errors.New("username: it is needed, or user_id")
		case c.UserID == "" && c.UserDomainName == "" && c.UserDomainID == "":
			return errors.New("user_domain_name: it is needed, or user_domain_id")
		case c.Password == "":
			return fmt.Errorf("password: it is needed, or password_file, or %s in the environment", PasswordVariable)
		case c.SystemScope != "" && c.SystemScope != "all":
			return errors.New("system_scope: it has to be all")
		case c.SystemScope != "" && (c.ProjectID != "" || c.ProjectName != ""):
			return errors.New("system_scope: there is a project besides")
		case c.SystemScope == "" && c.ProjectID == "" && c.ProjectName == "":
			return errors.New("project_name: it is needed, or project_id, or system_scope")
		case c.ProjectName != "" && c.ProjectID == "" && c.ProjectDomainName == "" && c.ProjectDomainID == "":
			return errors.New("project_domain_name: it is needed, or project_domain_id")
		}
	case applicationCredential:
		switch {
		case c.ApplicationCredentialID == "":
			return errors.New("application_credential_id: it is needed")
		case c.ApplicationCredentialSecret == "":
			return fmt.Errorf("application_credential_secret: it is needed, or password_file, or %s in the environment", PasswordVariable)
		}
	default:
		return fmt.Errorf("auth_type: %q is neither %s nor %s", c.AuthType, byPassword, applicationCredential)
	}
	return nil
}

// Plain reports whether the node's password would go over a network unencrypted.
func (c Config) Plain() bool {
	u, err := url.Parse(c.AuthURL)
	return err == nil && u.Scheme == "http" && u.Hostname() != "localhost" && !strings.HasPrefix(u.Hostname(), "127.") && u.Hostname() != "::1"
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
