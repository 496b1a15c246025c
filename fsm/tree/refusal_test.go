package tree

import "testing"

// refusal is a line of a table: operations that the sample refuses.
type refusal struct {
	name  string
	ops   []Op
	code  Code
	field string
	op    int // index of the operation that is refused
}

// TestRefusals runs the tables of every noun's file and looks that each reason
// of refusal was met.
func TestRefusals(t *testing.T) {
	met := map[Code]bool{
		CodeConflict: true, // precondition_test.go
		CodeFault:    true, // fault_test.go
		// Package fsm gives these.
		CodeRequestIDReused: true, CodeRequestIDExpired: true, CodeRequestIDInFuture: true,
	}
	tables := []struct {
		noun  string
		lines []refusal
	}{
		{"provider", providerRefusals},
		{"inventory", inventoryRefusals},
		{"trait", traitRefusals},
		{"aggregate", aggregateRefusals},
		{"device", deviceRefusals},
		{"consumer", consumerRefusals},
		{"reshape", reshapeRefusals},
		{"populate", populateRefusals},
		{"vocabulary", vocabularyRefusals},
		{"generations", generationRefusals},
	}
	ran, lines := 0, 0
	for _, table := range tables {
		lines += len(table.lines)
		t.Run(table.noun, func(t *testing.T) {
			for _, r := range table.lines {
				t.Run(r.name, func(t *testing.T) {
					ran++
					e := refused(t, sample(t), r.ops...)
					met[e.Code] = true
					if e.Code != r.code || e.Field != r.field || e.Op != r.op {
						t.Errorf("refused with %s\nwant %v op=%d field=%s", describe(e), r.code, r.op, r.field)
					}
				})
			}
		})
	}
	if ran < lines { // -run chose some of them
		return
	}
	for _, code := range Codes() {
		if !met[code] {
			t.Errorf("no table meets %v", code)
		}
	}
}

func TestApplyNeedsAnOperation(t *testing.T) {
	e := refused(t, sample(t))
	if e.Code != CodeInvalid || e.Field != "ops" || e.Op != -1 {
		t.Errorf("refused with %s", describe(e))
	}
}

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Codes() {
		if seen[c.String()] {
			t.Errorf("two codes are named %v", c)
		}
		seen[c.String()] = true
	}
	equal(t, "an unknown code", Code(999).String(), "code_999")
	equal(t, "code zero", Code(0).String(), "code_0")
	equal(t, "codes", len(seen), 24)
}
