package atrest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// line is a key as it stands in a file, all of whose bytes are b.
func line(name string, b byte) string {
	return name + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, KeyLen))
}

func keysOf(t testing.TB, lines ...string) *Keys {
	t.Helper()
	k, err := Parse([]byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The vectors of the specification.
func TestRecordIsXAES(t *testing.T) {
	nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
	for _, c := range []struct {
		key             byte
		context, sealed string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		k, err := newRecordKey(bytes.Repeat([]byte{c.key}, KeyLen))
		if err != nil {
			t.Fatal(err)
		}
		aead, err := k.of(nonce)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(aead.Seal(nil, nonce[12:], []byte("XAES-256-GCM"), []byte(c.context))); got != c.sealed { //nolint:gosec // the vectors have it
			t.Errorf("key %d: %s, not %s", c.key, got, c.sealed)
		}
	}
}

func TestRecords(t *testing.T) {
	keys := keysOf(t, line("new", 1), line("old", 2))
	k := keys.Active()
	for _, text := range []string{"", "x", strings.Repeat("payload", 1000)} {
		b := append([]byte("head"), make([]byte, Lead)...)
		sealed, err := k.Seal(append(b, text...), 4, []byte("entry 7"))
		if err != nil {
			t.Fatal(err)
		}
		if string(sealed[:4]) != "head" || len(sealed) != 4+len(text)+Overhead {
			t.Errorf("%d bytes became %d, after %q", len(text), len(sealed), sealed[:4])
		}
		record := sealed[4:]
		if text != "" && len(text) > 1 && bytes.Contains(record, []byte(text)) {
			t.Error("it can be read")
		}
		if id, ok := SealedBy(record); !ok || id != k.Ref().ID {
			t.Errorf("sealed by %v", id)
		}
		if got, err := k.Open(record, []byte("entry 7")); err != nil || string(got) != text {
			t.Errorf("opened as %q: %v", got, err)
		}
		if _, err := k.Open(record, []byte("entry 8")); !errors.Is(err, ErrForged) {
			t.Errorf("in another place: %v", err)
		}
		if _, err := keys.all[1].Open(record, []byte("entry 7")); !errors.Is(err, ErrForged) {
			t.Errorf("with another key: %v", err)
		}
		for at := 0; at < len(record); at += 1 + len(record)/64 {
			record[at] ^= 4
			if _, err := k.Open(record, []byte("entry 7")); !errors.Is(err, ErrForged) {
				t.Errorf("byte %d changed: %v", at, err)
			}
			record[at] ^= 4
		}
	}
	one, err1 := k.Seal(make([]byte, Lead+3), 0, nil)
	two, err2 := k.Seal(make([]byte, Lead+3), 0, nil)
	if err1 != nil || err2 != nil || bytes.Equal(one, two) {
		t.Error("the same twice is sealed alike")
	}
}

func seal(t testing.TB, k *Key, context string, text []byte, piece int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, k, context)
	if err != nil {
		t.Fatal(err)
	}
	for len(text) > 0 {
		n := min(piece, len(text))
		if m, err := w.Write(text[:n]); err != nil || m != n {
			t.Fatal(m, err)
		}
		text = text[n:]
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("it can be written to after Close")
	}
	return b.Bytes()
}

func open(sealed []byte, keys *Keys, context string) ([]byte, error) {
	r, err := NewReader(bytes.NewReader(sealed), keys, context)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func headerLen(t testing.TB, sealed []byte) int {
	t.Helper()
	_, size, ok, err := StreamHead(sealed[:min(len(sealed), StreamHeadMax)])
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	return size
}

func TestStreams(t *testing.T) {
	keys := keysOf(t, line("new", 1), line("old", 2))
	for _, size := range []int{0, 1, chunkLen - 1, chunkLen, chunkLen + 1, 3 * chunkLen, 3*chunkLen + 77} {
		text := make([]byte, size)
		for i := range text {
			text[i] = byte(i >> 8)
		}
		for _, piece := range []int{100, 70000, 1 << 20} {
			sealed := seal(t, keys.Active(), "7", text, piece)
			if got, err := open(sealed, keys, "7"); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%d bytes: %d came back: %v", size, len(got), err)
			}
			r, err := NewReader(bytes.NewReader(sealed), keys, "7")
			if err != nil {
				t.Fatal(err)
			}
			if plain, ok := r.PlainSize(int64(len(sealed))); !ok || plain != int64(size) {
				t.Errorf("%d bytes: said to be %d, %v", size, plain, ok)
			}
		}
	}
}

// A stream of which anything was moved, changed, doubled, left out or cut off is
// found, and nothing of it that is not authentic is given out.
func TestStreamsThatWereChanged(t *testing.T) {
	keys := keysOf(t, line("new", 1))
	text := bytes.Repeat([]byte("0123456789abcdef"), 3*chunkLen/16+5)
	sealed := seal(t, keys.Active(), "7", text, chunkLen)
	head := headerLen(t, sealed)
	chunk := func(n int) []byte {
		return sealed[head+n*(chunkLen+tagLen) : min(len(sealed), head+(n+1)*(chunkLen+tagLen))]
	}
	other := seal(t, keys.Active(), "7", text, chunkLen)
	for name, b := range map[string][][]byte{
		"exchanged":      {sealed[:head], chunk(1), chunk(0), chunk(2), chunk(3)},
		"left out":       {sealed[:head], chunk(0), chunk(2), chunk(3)},
		"doubled":        {sealed[:head], chunk(0), chunk(0), chunk(1), chunk(2), chunk(3)},
		"last missing":   {sealed[:head], chunk(0), chunk(1), chunk(2)},
		"cut in a chunk": {sealed[:len(sealed)-7]},
		"no chunk":       {sealed[:head]},
		"more behind":    {sealed, []byte("x")},
		"chunk behind":   {sealed, chunk(3)},
		"other's chunk":  {sealed[:head], chunk(0), other[head+chunkLen+tagLen:]},
		"other's header": {other[:head], sealed[head:]},
	} {
		got, err := open(bytes.Join(b, nil), keys, "7")
		if !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.HasPrefix(text, got) {
			t.Errorf("%s: gave %d bytes that are not authentic", name, len(got))
		}
	}
	if _, err := open(sealed, keys, "8"); !errors.Is(err, ErrForged) {
		t.Errorf("another context: %v", err)
	}
	var missing *MissingKeyError
	for at := range head {
		b := bytes.Clone(sealed)
		b[at] ^= 1
		if _, err := open(b, keys, "7"); err == nil || errors.As(err, &missing) {
			t.Errorf("byte %d of the header changed: %v", at, err)
		}
	}
}

func TestMissingKeysAreNamed(t *testing.T) {
	sealed := seal(t, keysOf(t, line("march", 1)).Active(), "", []byte("x"), 1)
	for name, keys := range map[string]*Keys{
		"none": nil, "plain": keysOf(t, "plain"), "another": keysOf(t, line("april", 2)), "same name": keysOf(t, line("march", 2)),
	} {
		var missing *MissingKeyError
		if _, err := open(sealed, keys, ""); !errors.As(err, &missing) || !strings.Contains(err.Error(), `"march" (`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The name is for people, the fingerprint counts.
	if got, err := open(sealed, keysOf(t, line("april", 2), line("renamed", 1)), ""); err != nil || string(got) != "x" {
		t.Errorf("under another name: %q, %v", got, err)
	}
}

func TestParse(t *testing.T) {
	good := line("k1", 1)
	for name, c := range map[string]struct {
		text, want string // the names, or what the error says
	}{
		"one":            {good, "k1"},
		"several":        {"# of spring\n\n" + good + "\r\n  " + line("k2", 2) + "\n", "k1 k2"},
		"commas":         {good + "," + line("k2", 2), "k1 k2"},
		"plain":          {"plain\n" + good, "plain k1"},
		"plain alone":    {"plain", "plain"},
		"nothing":        {"# no\n", "there is no key"},
		"plain later":    {good + "\nplain", `line 2: "plain" can be the first only`},
		"no name":        {strings.TrimPrefix(good, "k1"), "line 1: the name"},
		"no colon":       {"x" + strings.Repeat("A", 43) + "=", "line 1: it is not of the form"},
		"bad name":       {"a b:" + good, "line 1: the name"},
		"plain as name":  {line("plain", 1), "line 1: the name"},
		"short":          {"k1:" + base64.StdEncoding.EncodeToString(make([]byte, 16)), `line 1: key "k1": a key has 32 bytes, not 16`},
		"no base64":      {"k1:SecretSecret!", `line 1: key "k1" is not base64`},
		"twice":          {good + "\n" + line("k1", 2), `line 2: key "k1" is there twice`},
		"same key":       {good + "\n" + line("k2", 1), `line 2: key "k2" is there twice, or another name for "k1"`},
		"too long":       {strings.Repeat("#", TextLenMax+1), "longer than"},
		"too many lines": {manyKeys(KeysMax + 1), "more than 32 keys"},
	} {
		k, err := Parse([]byte(c.text))
		if err != nil {
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "Secret") || strings.Contains(err.Error(), "AAAA") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var names []string
		if k.Active() == nil {
			names = append(names, "plain")
		}
		for _, r := range k.Refs() {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s: %s, not %s", name, got, c.want)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(fmt.Sprintf("k%d", i), byte(i)) + "\n")
	}
	return b.String()
}

func TestNothingShowsAKey(t *testing.T) {
	secret := bytes.Repeat([]byte("s"), KeyLen)
	k, err := newKey("k1", secret)
	if err != nil {
		t.Fatal(err)
	}
	keys := keysOf(t, "k1:"+base64.StdEncoding.EncodeToString(secret))
	for _, v := range []any{k, *k, keys, *keys, NewRing(keys)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			text := strings.ToLower(fmt.Sprintf(verb, v))
			if strings.Contains(text, "ssss") || strings.Contains(text, "73737373") || strings.Contains(text, "115 115") || strings.Contains(text, "0x73, 0x73") {
				t.Errorf("%T with %s: %s", v, verb, text)
			}
		}
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(line("k1", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := ReadFile(path); err != nil || k.ActiveRef().Name != "k1" {
		t.Fatal(k, err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), "chmod 0600 "+path) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := ReadFile(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("a directory: %v", err)
	}
}

func TestRing(t *testing.T) {
	k1, k2, k3 := line("k1", 1), line("k2", 2), line("k3", 3)
	ring := NewRing(keysOf(t, k1, k3))
	old, used := ring.Keys().Active().Ref(), []Ref{{}}
	ring.Use("the log", func() []Ref { return used })
	if err := ring.Replace(keysOf(t, k2)); err == nil || !strings.Contains(err.Error(), `"k1"`) {
		t.Errorf("the active key goes: %v", err)
	}
	used = []Ref{old}
	if err := ring.Replace(keysOf(t, k2, k1)); err != nil {
		t.Fatal(err)
	}
	var missing *MissingKeyError
	if err := ring.Replace(keysOf(t, k2)); !errors.As(err, &missing) || missing.Keys[0] != old {
		t.Errorf("a key in use goes: %v", err)
	}
	if got := ring.Keys().ActiveRef().Name; got != "k2" {
		t.Errorf("%s is active", got)
	}
	if got := ring.InUse(); len(got) != 1 || got[0] != old {
		t.Errorf("in use: %v", got)
	}
	ring.Use("the log", func() []Ref { return nil })
	if err := ring.Replace(keysOf(t, k2)); err != nil {
		t.Errorf("nothing needs it any more: %v", err)
	}
	if err := ring.Replace(keysOf(t, "plain")); err == nil {
		t.Error("the active key goes with the last")
	}
	if err := ring.Replace(keysOf(t, "plain", k2)); err != nil || ring.Keys().Active() != nil {
		t.Error("nothing new should be sealed:", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(line("k1", 1) + "\nplain"))
	f.Add([]byte("plain,k:,"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := Parse(text)
		if err == nil && len(k.Refs()) == 0 && !bytes.Contains(text, []byte(plainWord)) {
			t.Error("no keys, and no error")
		}
	})
}

// Whatever is read, it ends, and gives nothing but what was sealed.
func FuzzReader(f *testing.F) {
	keys := keysOf(f, line("k1", 1))
	text := []byte("some text")
	sealed := seal(f, keys.Active(), "7", text, 3)
	f.Add(sealed)
	f.Add(sealed[:len(sealed)-1])
	f.Add([]byte(streamMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := open(b, keys, "7")
		if err == nil && (!bytes.Equal(b, sealed) && !bytes.Equal(got, text)) {
			t.Errorf("%x was opened", b)
		}
	})
}
