package appendlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/rooted"
	"etcdmod/internal/vouch"
)

var marked = Format{Mark: "some-log 1"}

// in opens the directory of a file.
func in(t *testing.T, name string) *rooted.Dir {
	t.Helper()
	d, err := rooted.Open(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

type value struct {
	Name    string
	Content []byte
}

// logOf is a log with some values, and where its lines end.
func logOf(t *testing.T, f Format, names ...string) (data []byte, ends []int) {
	t.Helper()
	for _, name := range names {
		line, err := f.line(value{name, []byte("\xff\n")})
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, line...)
		ends = append(ends, len(data))
	}
	return data, ends
}

// scan gives the names that a log has.
func scan(f Format, data []byte) (names []string, end int64, err error) {
	end, err = f.scan(bytes.NewReader(data), func(text []byte, at, size int64) error {
		var v value
		if json.Unmarshal(text, &v) != nil {
			return fmt.Errorf("no value at %d", at)
		}
		names = append(names, v.Name)
		if again, ok := f.parse(data[at : at+size]); !ok || !bytes.Equal(text, again) {
			return fmt.Errorf("another line at %d", at)
		}
		return nil
	})
	return names, end, err
}

// A log that ends anywhere, and with anything behind that, tells what was whole.
func TestTorn(t *testing.T) {
	all := []string{"run", "a", "b", "c"}
	for _, f := range []Format{marked, {}} {
		data, ends := logOf(t, f, all...)
		for n := range len(data) + 1 {
			for _, tail := range []string{"", "\x00\x00\x00\x00", "\x00\x00\n", "\n\n", "some-log 1 00 {}\n"} {
				torn := append(bytes.Clone(data[:n]), tail...)
				whole := 0
				for _, end := range ends {
					if end <= len(torn) && bytes.Equal(torn[:end], data[:end]) {
						whole++
					}
				}
				names, end, err := scan(f, torn)
				if f.Mark != "" && whole == 0 && errors.Is(err, ErrDamaged) {
					if foreign := tail != "" && n < len(marked.Mark); !foreign {
						t.Errorf("%d bytes and %q are taken for another file", n, tail)
					}
					continue
				}
				wantEnd := 0
				if whole > 0 {
					wantEnd = ends[whole-1]
				}
				if err != nil || !slices.Equal(names, all[:whole]) || end != int64(wantEnd) {
					t.Errorf("%v: %d bytes and %q: %v, end %d, %v; want %v, end %d", f, n, tail, names, end, err, all[:whole], wantEnd)
				}
			}
		}
	}
	for _, foreign := range []string{"\n\n", "\x00\x00\n", "Dear diary", "{}\n"} {
		if _, _, err := scan(marked, []byte(foreign)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", foreign, err)
		}
	}
}

// A byte that is another one costs the line that it is in, and no other.
func TestDamaged(t *testing.T) {
	all := []string{"run", "a", "b", "c"}
	data, ends := logOf(t, marked, all...)
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		names, _, err := scan(marked, bad)
		if i < len(marked.Mark) {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("mark, byte %d: %v, %v", i, names, err)
			}
			continue
		}
		var want []string
		start := 0
		for k, end := range ends {
			hit := i >= start && i < end || k > 0 && i == start-1 // the line end before it
			if !hit {
				want = append(want, all[k])
			}
			start = end
		}
		if err != nil || !slices.Equal(names, want) {
			t.Errorf("byte %d: %v, %v; want %v", i, names, err, want)
		}
	}
}

// Many append at a time; each value is there once, and whole, and can be read.
func TestAppendTogether(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	l, err := Create(in(t, name), filepath.Base(name), marked)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	var wg sync.WaitGroup
	for i := range 8 {
		for k := range 25 {
			want = append(want, fmt.Sprintf("%d/%d", i, k))
		}
		wg.Go(func() {
			for k := range 25 {
				if err := l.Append(value{Name: fmt.Sprintf("%d/%d", i, k)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what cannot be written is said, again and again
		if err := l.Append(value{}); !errors.Is(err, os.ErrClosed) {
			t.Errorf("a file that cannot be written: %v", err)
		}
	}
	// Something was being written when the process ended.
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("some-log 1 0123"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	torn, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}

	var got []string
	type place struct{ at, size int64 }
	places := map[string]place{}
	each := func(data []byte, at, size int64) error {
		var v value
		if err := json.Unmarshal(data, &v); err != nil {
			return err
		}
		got = append(got, v.Name)
		places[v.Name] = place{at, size}
		return nil
	}
	if l, err = Open(in(t, name), filepath.Base(name), marked, each); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, torn) {
		t.Errorf("it was changed before the beginning: %v", err)
	}
	if err := errors.Join(l.Begin(), l.Append(value{Name: "last"})); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if names, end, err := scan(marked, data); err != nil || len(names) != 201 || names[200] != "last" || end != int64(len(data)) {
		t.Errorf("%d values, end %d of %d, %v", len(names), end, len(data), err)
	}
	for name, p := range places {
		var v value
		if err := l.Read(p.at, p.size, &v); err != nil || v.Name != name {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
	if err := l.Read(1, 20, &value{}); err == nil {
		t.Error("half a line has a value")
	}
}

// What is no file is not waited for, and a file of another kind is not touched.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	none := func([]byte, int64, int64) error { return nil }
	if _, err := Open(in(t, filepath.Join(dir, "none")), "none", marked, none); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Open(in(t, dir), filepath.Base(dir), marked, none); !errors.As(err, new(*rooted.UnfitError)) {
		t.Errorf("a directory: %v", err)
	}
	name := filepath.Join(dir, "thesis")
	if err := os.WriteFile(name, []byte("Chapter 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(in(t, name), filepath.Base(name), marked, none); !errors.Is(err, ErrDamaged) {
		t.Errorf("another file: %v", err)
	}
	if _, err := Create(in(t, name), filepath.Base(name), marked); !errors.Is(err, os.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	if data, err := os.ReadFile(name); err != nil || string(data) != "Chapter 1\n" {
		t.Errorf("it has %q now, %v", data, err)
	}
}

// With a key, a line that somebody else writes is none, whatever its checksum.
func TestKey(t *testing.T) {
	t.Setenv(vouch.Variable, filepath.Join(t.TempDir(), "keys"))
	key, err := vouch.New("/x")
	if err != nil {
		t.Fatal(err)
	}
	other, err := vouch.New("/x")
	if err != nil {
		t.Fatal(err)
	}
	sealed := Format{marked.Mark, key}
	mine, _ := logOf(t, sealed, "run", "a")
	for _, f := range []Format{marked, {marked.Mark, other}} {
		theirs, _ := logOf(t, f, "planted")
		names, _, err := scan(sealed, append(slices.Clone(mine), theirs...))
		if err != nil || !slices.Equal(names, []string{"run", "a"}) {
			t.Errorf("%q %v", names, err)
		}
	}
}
