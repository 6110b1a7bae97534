package state

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
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

// A link out of the repository may lead to what has no end, and a file with nothing in it may be as big
// as a disk: neither is read. What is summed twice has one sum.
func TestEndlessFiles(t *testing.T) {
	outside, root := filepath.Join(t.TempDir(), "secret.go"), t.TempDir()
	for name, text := range map[string]string{outside: "package secret", filepath.Join(root, "go.mod"): "module m\n"} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	sums := NewSums(Inputs{Tests: true})
	link := filepath.Join(root, "x.go")
	if err := os.Symlink(outside, link); err != nil {
		t.Skip(err)
	}
	before := sums.walk(root)
	if err := os.WriteFile(outside, []byte("package other"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := SumFile(link); got != "-" || sums.walk(root) != before {
		t.Errorf("what is outside is read: %s", got)
	}
	huge := filepath.Join(root, "huge.bin")
	if err := errors.Join(os.WriteFile(huge, nil, 0o666), os.Truncate(huge, 1<<42)); err != nil {
		t.Skip(err)
	}
	begun := time.Now()
	if got := SumFile(huge); got != "- 4398046511104" || sums.walk(root) == before || time.Since(begun) > 10*time.Second {
		t.Errorf("%s, after %v", got, time.Since(begun))
	}
	if err := os.Link(outside, filepath.Join(root, "linked.go")); err != nil {
		t.Skip(err)
	}
	if got := SumFile(filepath.Join(root, "linked.go")); got != SumNamed(outside) || len(got) != 64 {
		t.Errorf("a file with two names has the sum %s", got)
	}
}
