package ship

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"etcdmod/internal/rollout"
)

// Whatever a record of what was published holds, it is read in time, and what is added to it is
// there the next time.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"unit":"a","change":"b"}` + "\n"))
	f.Add([]byte(`{"unit":"a","change":"b"}`))
	f.Add([]byte("\x00\x00\n{}\n[1,2]\n\n"))
	f.Add([]byte(strings.Repeat("[", 1<<15) + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "out")
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, RecordFile), text, 0o666); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for again := range 2 {
			r, err := openRecord(context.Background(), dir, &rollout.Index{})
			if err != nil {
				t.Fatal(err) // any text is a record, of nothing perhaps
			}
			added := change{"unit", "change"}
			if link, ok := r.has(added); again == 1 && (!ok || link != "https://example.com/1") {
				t.Errorf("%q: what was added is not there: %q", text, link)
			}
			if err := r.add(added, "https://example.com/1"); err != nil {
				t.Error(err)
			}
			r.close()
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s", took)
		}
		for dir, want := range map[string]int{top: 1, dir: 1} {
			if list, err := os.ReadDir(dir); err != nil || len(list) != want {
				t.Errorf("%v, %v", list, err)
			}
		}
	})
}
