package placement

import (
	"strings"
	"testing"
)

func TestPolicyModes(t *testing.T) {
	admin := Identity{User: "a", Project: "p", Roles: []string{"Admin"}}
	service := Identity{User: "s", Project: "p", Roles: []string{"service"}}
	reader := Identity{User: "r", Project: "p", Roles: []string{"reader"}}
	nobody := Identity{User: "n", Project: "p"}
	system := Identity{User: "a", Roles: []string{"admin", "service"}, System: true}
	const list = "placement:resource_providers:list"
	for _, c := range []struct {
		mode   PolicyMode
		file   string
		action string
		id     Identity
		target string
		want   bool
	}{
		{PolicySecure, "", list, admin, "", true},
		{PolicySecure, "", list, service, "", true},
		{PolicySecure, "", list, reader, "", false},
		{PolicySecure, "", ruleReshape, admin, "", false},
		{PolicySecure, "", ruleReshape, service, "", true},
		{PolicySecure, "", ruleUsages, reader, "p", true},
		{PolicySecure, "", ruleUsages, reader, "q", false},
		{PolicySecure, "", ruleUsages, reader, "", false},
		{PolicySecure, "", ruleUsages, nobody, "p", false},
		{PolicyLegacy, "", ruleReshape, admin, "", true},
		{PolicyLegacy, "", ruleReshape, reader, "", false},
		{PolicyOpen, "", ruleReshape, nobody, "", true},
		{PolicySecure, "", list, system, "", false},
		{PolicyLegacy, "", list, system, "", false},
		{PolicyOpen, "", list, system, "", false},
		{PolicySecure, list + ": 'role:reader and not user_id:x'", list, reader, "", true},
		{PolicySecure, list + ": 'role:reader and not user_id:r'", list, reader, "", false},
		{PolicySecure, list + ": '@'", list, nobody, "", true},
		{PolicyOpen, list + ": '!'", list, admin, "", false},
		{PolicySecure, list + ": ''", list, nobody, "", true},
		{PolicySecure, "ours: 'role:reader'\n" + list + ": 'rule:ours or (rule:admin_api and !)'", list, reader, "", true},
		{PolicySecure, "ours: 'rule:ours'\n" + list + ": 'rule:ours'", list, admin, "", false},
		{PolicySecure, list + ": 'rule:undefined'", list, admin, "", false},
	} {
		p, err := NewPolicy(c.mode, []byte(c.file))
		if err != nil {
			t.Errorf("%s %q: %v", c.mode, c.file, err)
			continue
		}
		if got := p.allows(c.action, c.id, c.target); got != c.want {
			t.Errorf("%s %q: %s by %+v on %q: %v, want %v", c.mode, c.file, c.action, c.id, c.target, got, c.want)
		}
	}
}

func TestPolicyRefusesWhatItCannotRead(t *testing.T) {
	for _, c := range []struct {
		mode       PolicyMode
		file, part string
	}{
		{"strict", "", `"strict"`},
		{PolicySecure, "placement:nope: '@'", "placement:nope"},
		{PolicySecure, "ours: 'role:a and'", "ours"},
		{PolicySecure, "ours: '(role:a'", "parenthesis"},
		{PolicySecure, "ours: 'role:a role:b'", "not expected"},
		{PolicySecure, "ours: admin", `"admin"`},
		{PolicySecure, "- a list", "policy file"},
	} {
		if _, err := NewPolicy(c.mode, []byte(c.file)); err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s %q: %v, want something with %q", c.mode, c.file, err, c.part)
		}
	}
}
