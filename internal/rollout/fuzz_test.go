package rollout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"etcdmod/internal/pathname"
)

// An index is refused, or all that it names lies where a rollout writes it.
func FuzzIndex(f *testing.F) {
	unit := `{"format":2,"complete":true,"modules":[{"dir":"DIR","state":"changed","units":[{"id":"ID","title":"T","patch":"units/ID.patch","description":"units/ID.md","after":[],"files":[{"path":"FILE","added":1,"removed":0,"findings":[]}]}]}]}`
	for _, c := range [][3]string{{".", "a-0123456789", "a.go"}, {"m", "a-0123456789", "m/vendor/x"}, {"..", "../x", ".git/config"}, {".", "a-0123456789", ".github/workflows/x.yml"}, {"m", "a-0123456789", "go.mod"}} {
		f.Add([]byte(strings.NewReplacer("DIR", c[0], "ID", c[1], "FILE", c[2]).Replace(unit)))
	}
	f.Add([]byte(strings.Repeat("[", 1<<15)))
	f.Add([]byte(`{"modules":` + strings.Repeat(`[{"units":`, 9000)))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, IndexFile), text, 0o666); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		index, err := ReadIndex(dir)
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s", took)
		}
		if err != nil {
			return
		}
		for _, m := range index.Modules {
			if m.Dir != "." && pathname.Check(m.Dir) != nil {
				t.Errorf("module in %q", m.Dir)
			}
			for _, u := range m.Units {
				for _, name := range []string{u.Patch, u.Description} {
					if name != "" && (filepath.Dir(name) != "units" || strings.ContainsAny(name, "$`;&|\\\"' \n")) {
						t.Errorf("unit %q names %q", u.ID, name)
					}
				}
				for _, file := range u.Files {
					base := filepath.Base(file.Path)
					known := base == "go.mod" || base == "go.sum" || filepath.Ext(base) == ".go" || strings.Contains(file.Path, "vendor/")
					if pathname.Check(file.Path) != nil || pathname.HasGit(file.Path) || !known || m.Dir != "." && !strings.HasPrefix(file.Path, m.Dir+"/") {
						t.Errorf("the unit %q of %q changes %q", u.ID, m.Dir, file.Path)
					}
				}
			}
		}
	})
}
