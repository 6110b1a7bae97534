package state

import (
	"os"
	"path/filepath"
	"testing"
)

// What is no regular file, or cannot be read, is not waited for; it counts as it is.
func TestOddFiles(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module m\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(root, "x.go")
	sum := func() string {
		return NewSums(Inputs{}).walk(root)
	}
	seen := map[string]string{}
	for _, c := range []struct {
		what string
		make func() error
	}{
		{"none", func() error { return nil }},
		{"dangling link", func() error { return os.Symlink("y.txt", name) }},
		{"link", func() error { return os.WriteFile(filepath.Join(root, "y.txt"), []byte("package m"), 0o666) }},
		{"link to other content", func() error { return os.WriteFile(filepath.Join(root, "y.txt"), []byte("package n"), 0o666) }},
		{"file", func() error { return os.WriteFile(name, []byte("package n"), 0o666) }},
		{"directory", func() error { return os.Mkdir(name, 0o777) }},
	} {
		if c.what == "file" || c.what == "directory" {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		now := sum()
		if now != sum() {
			t.Errorf("%s: two sums", c.what)
		}
		if other, ok := seen[now]; ok {
			t.Errorf("%s and %s have the same sum", c.what, other)
		}
		seen[now] = c.what
	}
}
