package keystone

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const enough = "auth_url: http://k:5000/\nusername: u\nuser_domain_name: Default\nproject_name: service\nproject_domain_name: Default\n"

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	secret := write(t, "password", "pa55\n", 0o600)
	for name, text := range map[string]string{
		"inside":    enough + "password: pa55",
		"in a file": enough + "password_file: " + secret,
	} {
		c, err := Load(write(t, "k.yaml", text, 0o600))
		if err != nil || c.Password != "pa55" || c.AuthURL != "http://k:5000/v3" || c.WWWAuthenticateURI != "http://k:5000/" ||
			c.TokenCacheTime != 300 || c.ServiceType != "placement" || len(c.ServiceTokenRoles) != 1 || !c.Plain() {
			t.Errorf("%s: %+v %v", name, c, err)
		}
	}
	t.Setenv(PasswordVariable, "fr0m-the-environment")
	if c, err := Load(write(t, "k.yaml", enough, 0o600)); err != nil || c.Password != "fr0m-the-environment" {
		t.Errorf("%v", err)
	}
	c, err := Load(write(t, "k.yaml", "auth_url: https://k/identity/v3\nauth_type: v3applicationcredential\napplication_credential_id: i\n", 0o600))
	if err != nil || c.ApplicationCredentialSecret != "fr0m-the-environment" || c.AuthURL != "https://k/identity/v3" || c.Plain() {
		t.Errorf("%+v %v", c, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	const full = enough + "password: pa55w0rd\n"
	for text, part := range map[string]string{
		"":                                  "auth_url",
		"- a":                               "not a map",
		enough:                              "password: it is needed",
		full + "memcached_servers: a:1":     "memcached is not supported",
		full + "insecure: true":             "insecure",
		full + "delay_auth_decision: true":  "delay_auth_decision",
		full + "passwort: pa55w0rd":         "passwort: there is no such key",
		full + "token_cache_time: pa55w0rd": "token_cache_time",
		full + "token_cache_time: 100000":   "token_cache_time",
		full + "timeout: -1":                "timeout",
		full + "auth_type: v3totp":          "auth_type",
		full + "cafile: /none":              "",
		full + "certfile: /none":            "keyfile",
		full + "system_scope: all":          "system_scope",
		full + "password_file: /none":       "password_file: there is a password",
		strings.Replace(full, "http://k:5000/", "k", 1):      "auth_url",
		strings.Replace(full, "k:5000", "u:p@k", 1):          "auth_url",
		strings.Replace(full, "5000/", "5000/v2.0", 1):       "2.0",
		strings.Replace(full, "username: u", "username:", 1): "username",
	} {
		path := write(t, "k.yaml", text, 0o600)
		c, err := Load(path)
		if part == "" {
			_, err = New(c, nil, nil)
			part = "cafile"
		}
		if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "pa55w0rd") {
			t.Errorf("%q: %v, want something with %q", text, err, part)
		}
	}
	if _, err := Load(write(t, "k.yaml", full, 0o604)); err == nil || !strings.Contains(err.Error(), "chmod 0600") {
		t.Errorf("others may read it: %v", err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(enough))
	f.Add([]byte("memcached_servers: [a]\npassword: &a [*a]"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		c, err := parse(text)
		if err == nil {
			_ = c.check()
		}
	})
}
