package jsontext

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// An object keeps order and values, whether or not its members need an index.
func TestObjectAgainstMap(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		o, values, names := NewObject(), map[string]any{}, []string{}
		for i := range random.IntN(3 * lookedThrough) {
			name := fmt.Sprint(random.IntN(2 * lookedThrough))
			if _, known := values[name]; !known {
				names = append(names, name)
			}
			values[name] = i
			o.Set(name, i)
			if !slices.Equal(o.Names(), names) || o.Len() != len(names) {
				t.Fatalf("seed %d: names %q, want %q", seed, o.Names(), names)
			}
			for probe := range 2 * lookedThrough {
				name := fmt.Sprint(probe)
				if want, ok := values[name]; o.Has(name) != ok || o.Get(name) != want {
					t.Fatalf("seed %d: %s is %v, %v; want %v, %v", seed, name, o.Get(name), o.Has(name), want, ok)
				}
			}
		}
		for name, value := range o.All() {
			if name != names[0] || value != values[name] {
				t.Fatalf("seed %d: %s: %v, want %s: %v", seed, name, value, names[0], values[names[0]])
			}
			names = names[1:]
		}
		if len(names) > 0 {
			t.Fatalf("seed %d: All leaves %q out", seed, names)
		}
	}
}

// What is written without encoding/json reads as it writes it.
func TestNumbersAsEncodingJSON(t *testing.T) {
	for _, v := range []any{
		0, -1, int64(-1 << 63), uint64(1<<64 - 1), json.Number("1.0"), json.Number("-0.5e+10"), json.Number(""), json.Number("01"), json.Number("1x"),
	} {
		want, wantErr := json.Marshal(v)
		got, err := Marshal(v)
		if string(got) != string(want) || (err == nil) != (wantErr == nil) {
			t.Errorf("%#v: %s, %v; want %s, %v", v, got, err, want, wantErr)
		}
	}
}
