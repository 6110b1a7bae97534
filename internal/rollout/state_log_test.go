package rollout

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// journalOf is a journal with some modules, and where its records end.
func journalOf(t *testing.T, dirs ...string) (data []byte, ends []int) {
	t.Helper()
	records := []*stateRecord{{Run: &stateRun{Tool: "v1"}}}
	for _, dir := range dirs {
		records = append(records, &stateRecord{Module: &stateModule{Result: Module{Dir: dir}, Files: []stateFile{{"units/" + dir, []byte("\xff\n")}}}})
	}
	for _, rec := range records {
		line, err := rec.line()
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, line...)
		ends = append(ends, len(data))
	}
	return data, ends
}

// scan gives what a journal tells: "run", and directories of modules.
func scan(data []byte) (tells []string, end int64, err error) {
	end, err = scanState(bytes.NewReader(data), func(rec *stateRecord, at, size int64) error {
		if rec.Run != nil {
			tells = append(tells, "run")
		} else {
			tells = append(tells, rec.Module.Result.Dir)
		}
		if again, ok := parseState(data[at : at+size]); !ok || !cmp.Equal(rec, again) {
			return fmt.Errorf("another record at %d", at)
		}
		return nil
	})
	return tells, end, err
}

// A journal that ends anywhere, and with anything behind that, tells what was whole.
func TestTornJournal(t *testing.T) {
	data, ends := journalOf(t, "a", "b", "c")
	all := []string{"run", "a", "b", "c"}
	for n := range len(data) + 1 {
		for _, tail := range []string{"", "\x00\x00\x00\x00", "\x00\x00\n", "\n\n", "etcdmod-rollout 1 00 {}\n"} {
			torn := append(bytes.Clone(data[:n]), tail...)
			whole := 0
			for _, end := range ends {
				if end <= len(torn) && bytes.Equal(torn[:end], data[:end]) {
					whole++
				}
			}
			if whole == 0 && n > 0 && tail != "" {
				continue // such a header is that of no rollout
			}
			tells, end, err := scan(torn)
			if n == 0 && (tail == "\n\n" || tail == "\x00\x00\n") {
				if !errors.Is(err, errDamaged) {
					t.Errorf("%q: %v", tail, err)
				}
				continue
			}
			wantEnd := 0
			if whole > 0 {
				wantEnd = ends[whole-1]
			}
			if err != nil || !slices.Equal(tells, all[:whole]) || end != int64(wantEnd) {
				t.Errorf("%d bytes and %q: %v, end %d, %v; want %v, end %d", n, tail, tells, end, err, all[:whole], wantEnd)
			}
		}
	}
}

// A byte that is another one costs the record that it is in, and no other.
func TestDamagedJournal(t *testing.T) {
	data, ends := journalOf(t, "a", "b", "c")
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		tells, _, err := scan(bad)
		if i < ends[0] {
			if !errors.Is(err, errDamaged) {
				t.Errorf("header, byte %d: %v, %v", i, tells, err)
			}
			continue
		}
		want := []string{"run"}
		for k, dir := range []string{"a", "b", "c"} {
			hit := i >= ends[k] && i < ends[k+1]
			if i == ends[k]-1 && k > 0 { // the line end before it
				hit = true
			}
			if !hit {
				want = append(want, dir)
			}
		}
		if err != nil || !slices.Equal(tells, want) {
			t.Errorf("byte %d: %v, %v; want %v", i, tells, err, want)
		}
	}
}

// Many append at a time; each record is there once, and whole.
func TestAppendTogether(t *testing.T) {
	name := filepath.Join(t.TempDir(), stateJournal)
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	l := &stateLog{file: f}
	if err := l.append(&stateRecord{Run: &stateRun{}}); err != nil {
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
				if err := l.append(&stateRecord{Module: &stateModule{Result: Module{Dir: fmt.Sprintf("%d/%d", i, k)}}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	tells, end, err := scan(data)
	if err != nil || end != int64(len(data)) || end != l.size {
		t.Fatalf("end %d of %d, size %d, %v", end, len(data), l.size, err)
	}
	slices.Sort(tells)
	slices.Sort(want)
	if d := cmp.Diff(append(want, "run"), tells); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	// What cannot be written is said, again and again.
	f.Close()
	for range 2 {
		if err := l.append(&stateRecord{Scratch: "x"}); !errors.Is(err, os.ErrClosed) {
			t.Errorf("a journal that cannot be written: %v", err)
		}
	}
}
