package gocmd

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"etcdmod/internal/rooted"
)

// A file that is as big as a disk is opened by the go command where it is embedded, whatever the
// pattern is, and not where it only lies beside the code.
func TestWhatIsEmbeddedIsOpened(t *testing.T) {
	for _, test := range []struct {
		comment, file string
		want          bool
	}{
		{"//go:embed a.bin", "a.bin", true},
		{"//go:embed b.txt \"a b.bin\"", "a b.bin", true},
		{"//go:embed `a b.bin`", "a b.bin", true},
		{"//go:embed *.bin", "a.bin", true},
		{"//go:embed all:data", "data/deep/.a.bin", true},
		{"//go:embed data/*", "data/deep/a.bin", true},
		{"//go:embed a.bin\r", "a.bin", true},
		{"//go:embed .", "a.bin", true},
		{"//go:embed b.bin", "a.bin", false},
		{"// go:embed a.bin", "a.bin", false},
		{"//go:embed data/*", "other/a.bin", false},
		{"//go:embed nested", "nested/mod/a.bin", false}, // of another module
	} {
		t.Run(test.comment+" "+test.file, func(t *testing.T) {
			dir := t.TempDir()
			name := filepath.Join(dir, filepath.FromSlash(test.file))
			err := errors.Join(
				os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module x\n"), 0o644),
				os.WriteFile(filepath.Join(dir, "x.go"), []byte("package x\n\n"+test.comment+"\nvar s string\n"), 0o644),
				os.MkdirAll(filepath.Dir(name), 0o755),
			)
			if filepath.Base(filepath.Dir(name)) == "mod" {
				err = errors.Join(err, os.WriteFile(filepath.Join(filepath.Dir(name), "go.mod"), []byte("module y\n"), 0o644))
			}
			f, createErr := os.Create(name)
			if err = errors.Join(err, createErr); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Truncate(int64(rooted.Content)+1), f.Close()); err != nil {
				t.Skip(err)
			}
			if _, got := opened(name); got != test.want {
				t.Errorf("opened is %v, want %v", got, test.want)
			}
			if err := os.Truncate(name, int64(rooted.Content)); err != nil {
				t.Fatal(err)
			}
			if _, got := opened(name); got {
				t.Error("a file of a size that may be is suspected")
			}
		})
	}
}
