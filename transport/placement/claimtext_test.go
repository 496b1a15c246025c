package placement

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/placementtest"
)

// usualClaims are bodies that claimText takes from the version on.
var usualClaims = []struct {
	since, below microversion
	body         string
}{
	{12, 28, `{"allocations":{"` + one + `":{"resources":{"VCPU":1}}},"project_id":"p","user_id":"u"}`},
	{28, 38, `{"allocations":{"` + one + `":{"resources":{"VCPU":1}}},"project_id":"p","user_id":"u","consumer_generation":null}`},
	{28, 38, `{"allocations":{},"project_id":"p","user_id":"u","consumer_generation":17}`},
	{38, 40, ` { "allocations" : { "` + one + `": {"resources": {"VCPU": 1 , "CUSTOM_A_1" :20}, "generation" : 5} ,` + "\n\t\r" + `"` + two + `": {"generation": 0, "resources": {"MEMORY_MB": 512}}},` +
		` "project_id": "a b.c~", "user_id": "!", "consumer_generation": 0, "consumer_type": "INSTANCE",` +
		` "mappings": {"": ["` + one + `"], "_A-9": ["` + two + `", "00000000000040008000000000000001"]}} `},
}

func readBoth(t *testing.T, version microversion, body string, many bool) (quick, slow []consumerRequest, taken bool, refused *failure) {
	t.Helper()
	c := &call{handler: &handler{}, version: version, text: []byte(body)}
	u, _ := tree.ParseUUID(three)
	if many {
		quick, taken = newClaimText(c).many()
		slow, refused = c.manyRequestsByParts()
		return quick, slow, taken, refused
	}
	r, taken := newClaimText(c).one(u)
	of, refused := c.oneRequestByParts(u)
	return []consumerRequest{r}, []consumerRequest{of}, taken, refused
}

func several(body string) string {
	return `{"` + three + `":` + body + `,"` + two + `" : ` + body + `}`
}

// The usual bodies are taken.
func TestClaimTextTakes(t *testing.T) {
	for _, usual := range usualClaims {
		for version := usual.since; version < usual.below; version++ {
			for _, many := range []bool{false, true} {
				body := usual.body
				if many {
					body = several(body)
				}
				if strings.Contains(body, "mappings") && version < 34 || many && version < 13 {
					continue
				}
				quick, slow, taken, refused := readBoth(t, version, body, many)
				if !taken || refused != nil || !reflect.DeepEqual(plain(quick), plain(slow)) {
					t.Errorf("%v: %s: taken %v, refused %v\n%+v\n%+v", version, body, taken, refused, quick, slow)
				}
			}
		}
	}
}

// plain makes no difference between no allocations and none.
func plain(all []consumerRequest) []consumerRequest {
	for i := range all {
		if len(all[i].allocations) == 0 {
			all[i].allocations = nil
		}
	}
	return all
}

// Whatever is taken is right, and means what it means to the general way.
func TestClaimTextAgrees(t *testing.T) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any will do
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test
	odd := []string{
		"", " ", "\x00", "\x7f", "\n", `"`, `\`, `\u0041`, ",", ":", "{", "}", "[", "]", "{}", "[]", "0", "1", "-1", "1.0", "1e2", "00", "01", "null", "nul", "true",
		"1234567890123456789", "é", "\xff", "A", "a", "_", "-", "f", `"resources":{"VCPU":1}`, `"allocations":{}`, `"mappings":{}`, `"generation":1,`, `"project_id":"q",`,
		one, two, three, strings.ToUpper("abcdef00-0000-4000-8000-000000000001"), strings.Repeat("x", 256), `"consumer_generation":3,`, `"consumer_type":"x",`,
	}
	const mild = " \n01A_a-"
	taken := 0
	for range 60_000 {
		usual := usualClaims[random.IntN(len(usualClaims))]
		body, many := usual.body, random.IntN(2) == 0
		if many {
			body = several(body)
		}
		for range 1 + random.IntN(3) {
			from := random.IntN(len(body) + 1)
			to := min(len(body), from+random.IntN(3)*random.IntN(12))
			put := odd[random.IntN(len(odd))]
			switch random.IntN(4) {
			case 0: // a piece of the body itself
				at := random.IntN(len(body) + 1)
				put = body[at:min(len(body), at+random.IntN(80))]
			case 1, 2: // something that may well fit
				put = mild[random.IntN(len(mild)):][:1]
				to = min(len(body), from+random.IntN(2))
			}
			body = body[:from] + put + body[to:]
		}
		version := usual.since + microversion(random.IntN(int(usual.below-usual.since)))
		if random.IntN(4) == 0 {
			version = 12 + microversion(random.IntN(28))
		}
		if many {
			version = max(version, 13)
		}
		quick, slow, ok, refused := readBoth(t, version, body, many)
		if !ok {
			continue
		}
		taken++
		if refused != nil || !reflect.DeepEqual(plain(quick), plain(slow)) {
			t.Fatalf("%v: %q: %v\n%+v\n%+v", version, body, refused, quick, slow)
		}
	}
	if taken < 1000 {
		t.Errorf("%d bodies were taken: too few to tell anything", taken)
	}
}

// What is not taken is read the general way.
func TestClaimTextLeaves(t *testing.T) {
	node := placementtest.NewNode()
	url := serve(t, node, Config{})
	r, body := send(t, "POST", url+"/resource_providers", "1.20", `{"name":"a","uuid":"`+one+`"}`)
	must(t, 200, r, body)
	r, body = send(t, "PUT", url+"/resource_providers/"+one+"/inventories", "1.20", `{"resource_provider_generation":0,"inventories":{"VCPU":{"total":9}}}`)
	must(t, 200, r, body)
	r, body = send(t, "PUT", url+"/allocations/"+two, "1.39", `{"allocations":{"`+one+`":{"resources":{"V\u0043PU":1e0,"VCPU":2}}},`+
		`"project_id":"é","user_id":"u","consumer_generation":null,"consumer_type":"INSTANCE"}`)
	must(t, 204, r, body)
	r, body = send(t, "GET", url+"/allocations/"+two, "1.39", "")
	must(t, 200, r, body)
	if !strings.Contains(body, `"VCPU": 2`) || !strings.Contains(body, `"project_id": "\u00e9"`) {
		t.Error(body)
	}
}

func TestCanonicalUUID(t *testing.T) {
	for text, want := range map[string]bool{
		one: true, "01234567-89ab-cdef-0123-456789abcdef": true, "01234567-89AB-cdef-0123-456789abcdef": false,
		"0123456789abcdef0123456789abcdef": false, "01234567-89ab-cdef-0123-456789abcde": false, "01234567-89ab-cdef-0123-456789abcdeg": false,
		"01234567-89ab-cdef-01234-56789abcdef": false, "0123456-789ab-cdef-0123-456789abcdef": false, "-1234567-89ab-cdef-0123-456789abcdef": false,
		"01234567-89ab-cdef-0123-45678-abcdef": false, "01234567-89ab-cdef-0123-456789abcde-": false, "": false,
		"01234567-89ab-cdef-0123--56789abcdef": false,
	} {
		u, ok := canonicalUUID(text)
		if ok != want || ok && u.String() != text {
			t.Errorf("%q: %v %v, want %v", text, u, ok, want)
		}
	}
}
