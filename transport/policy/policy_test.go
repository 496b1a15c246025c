package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/auth"
)

func TestModes(t *testing.T) {
	admin := auth.Identity{User: "a", Project: "p", Roles: []string{"Admin"}}
	service := auth.Identity{User: "s", Project: "p", Roles: []string{"service"}}
	reader := auth.Identity{User: "r", Project: "p", Roles: []string{"reader"}}
	nobody := auth.Identity{User: "n", Project: "p"}
	system := auth.Identity{User: "a", Roles: []string{"admin", "service"}, System: true}
	const list = "placement:resource_providers:list"
	for _, c := range []struct {
		mode   Mode
		file   string
		action string
		id     auth.Identity
		target string
		want   bool
	}{
		{Secure, "", list, admin, "", true},
		{Secure, "", list, service, "", true},
		{Secure, "", list, reader, "", false},
		{Secure, "", PlacementReshape, admin, "", false},
		{Secure, "", PlacementReshape, service, "", true},
		{Secure, "", PlacementUsages, reader, "p", true},
		{Secure, "", PlacementUsages, reader, "q", false},
		{Secure, "", PlacementUsages, reader, "", false},
		{Secure, "", PlacementUsages, nobody, "p", false},
		{Legacy, "", PlacementReshape, admin, "", true},
		{Legacy, "", PlacementReshape, reader, "", false},
		{Open, "", PlacementReshape, nobody, "", true},
		{Secure, "", WriteGenerations, admin, "", true},
		{Secure, "", WriteGenerations, service, "", false},
		{Open, "", WriteGenerations, service, "", false},
		{Secure, "", list, system, "", false},
		{Legacy, "", list, system, "", false},
		{Open, "", list, system, "", false},
		{Secure, list + ": 'role:reader and not user_id:x'", list, reader, "", true},
		{Secure, list + ": 'role:reader and not user_id:r'", list, reader, "", false},
		{Secure, list + ": '@'", list, nobody, "", true},
		{Open, list + ": '!'", list, admin, "", false},
		{Secure, list + ": ''", list, nobody, "", true},
		{Secure, "ours: 'role:reader'\n" + list + ": 'rule:ours or (rule:admin_api and !)'", list, reader, "", true},
		{Secure, "ours: 'rule:ours'\n" + list + ": 'rule:ours'", list, admin, "", false},
		{Secure, list + ": 'rule:undefined'", list, admin, "", false},
		{Secure, "default: '@'\n" + list + ": 'rule:undefined'", list, nobody, "", true},
		{Secure, "placement:nope: '!'\nadmin_api: 'role:reader'\n" + list + ": 'rule:admin_api'", list, reader, "", true},
		{Secure, PlacementUsages + ": 'user_id:%(user_id)s'", PlacementUsages, admin, "p", false},
	} {
		p, err := New(c.mode, []byte(c.file))
		if err != nil {
			t.Errorf("%s %q: %v", c.mode, c.file, err)
			continue
		}
		if got := p.Allows(c.action, c.id, c.target); got != c.want {
			t.Errorf("%s %q: %s by %+v on %q: %v, want %v", c.mode, c.file, c.action, c.id, c.target, got, c.want)
		}
	}
}

func TestPolicyRefusesWhatItCannotRead(t *testing.T) {
	const list = "placement:resource_providers:list"
	for _, c := range []struct {
		mode       Mode
		file, part string
	}{
		{"strict", "", `"strict"`},
		{Secure, list + ":", `"@" allows everyone`},
		{Secure, list + ": 7", "neither"},
		{Secure, list + ": [[7]]", "7 is no check"},
		{Secure, "ours: 'http://h/check'", "not supported"},
		{Secure, "ours: 'role:a and'", "ours"},
		{Secure, "ours: '(role:a'", "parenthesis"},
		{Secure, "ours: 'role:a role:b'", "not expected"},
		{Secure, "ours: admin", `"admin"`},
		{Secure, "- a list", "policy-file"},
	} {
		if _, err := New(c.mode, []byte(c.file)); err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s %q: %v, want something with %q", c.mode, c.file, err, c.part)
		}
	}
}

func TestPolicyTellsUnknownRules(t *testing.T) {
	p, err := New(Secure, []byte("placement:b: '@'\nplacement:a: '!'\nours: '@'\nplacement:usages: '@'"))
	if err != nil || !slices.Equal(p.Unknown(), []string{"placement:a", "placement:b"}) {
		t.Errorf("%v %v", p.Unknown(), err)
	}
}

// What the real service decides about seven callers: 1 where it allows.
func TestPolicyLanguage(t *testing.T) {
	callers := []auth.Identity{
		{User: "admin", Project: "admin", Roles: []string{"admin"}},
		{User: "u", Project: "p"},
		{User: "u", Project: "p", Roles: []string{"reader"}},
		{User: "u", Project: "p", Roles: []string{"Reader", "foo"}},
		{User: "u", Project: "p", Roles: []string{"admin"}},
		{User: "p", Project: "p"},
		{User: "nobody", Project: "q", Roles: []string{"service"}},
	}
	const list = "placement:resource_providers:list"
	for _, c := range []struct{ rule, want string }{
		{`""`, "1111111"},
		{`'project_id:%(project_id)s'`, "1111111"},
		{`'user_id:%(user_id)s'`, "1111111"},
		{`'is_admin:True'`, "0000000"},
		{`'is_admin:False'`, "0000000"},
		{`'role:ADMIN'`, "1000100"},
		{`'role:Reader and not role:admin'`, "0011000"},
		{`'not role:admin'`, "0111011"},
		{`'(role:reader or role:foo) and user_id:u'`, "0011000"},
		{`'rule:default_x'`, "0011000"},
		{`'rule:missing'`, "0000000"},
		{`'None:%(nope)s'`, "0000000"},
		{`'"u":%(user_id)s'`, "0111100"},
		{`"'u':%(user_id)s"`, "0111100"},
		{`'True:%(x)s'`, "0000000"},
		{`'project_id:p'`, "0111110"},
		{`'project_id:%(nope)s'`, "0000000"},
		{`'tenant:%(project_id)s'`, "0000000"},
		{`'tenant_id:p'`, "0000000"},
		{`'system_scope:all'`, "0000000"},
		{`'system:all'`, "0000000"},
		{`'@'`, "1111111"},
		{`'!'`, "0000000"},
		{`'roles:reader'`, "0010000"},
		{`'user:u'`, "0000000"},
		{`'not (role:a or role:reader)'`, "1100111"},
		{`'ROLE:reader'`, "0000000"},
		{`'role:reader AND user_id:u'`, "0011000"},
		{`'role:reader or role:a and role:b'`, "0011000"},
		{`'role:%(user_id)s'`, "1000000"},
		{`'user_id:%(project_id)s'`, "1000010"},
		{`'project_domain_id:default'`, "0000000"},
		{`'u:%(user_id)s'`, "0000000"},
		{`'not not role:reader'`, "0011000"},
		{`'domain_id:None'`, "1111111"},
		{`'((role:reader))'`, "0011000"},
		{`'( role:reader )'`, "0011000"},
		{`'not role:reader and role:a'`, "0000000"},
		{`'1:1'`, "1111111"},
		{`"'a':a"`, "1111111"},
		{`'not rule:missing'`, "1111111"},
		{`'@ and !'`, "0000000"},
		{`'True:True'`, "1111111"},
		{`'user_name:u'`, "0000000"},
		{`'None:None'`, "1111111"},
		{`'user_id:%(user_id)s and !'`, "0000000"},
		{`'project_id:%(project_id)s and @'`, "1111111"},
		{`[]`, "1111111"},
		{`[[]]`, "0000000"},
		{`[["role:reader"]]`, "0011000"},
		{`[["role:a", "role:reader"], ["user_id:u"]]`, "0111100"},
		{`["role:reader"]`, "0011000"},
		{`[["role:a", "role:reader"]]`, "0000000"},
		{`[["rule:missing"], ["role:reader"]]`, "0011000"},
	} {
		p, err := New(Legacy, []byte("default_x: 'role:reader'\n"+list+": "+c.rule))
		if err != nil {
			t.Errorf("%s: %v", c.rule, err)
			continue
		}
		got := ""
		for _, id := range callers {
			got += map[bool]string{true: "1", false: "0"}[p.Allows(list, id, "")]
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.rule, got, c.want)
		}
	}
}
