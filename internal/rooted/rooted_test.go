package rooted

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tree makes a directory with a directory "root" in it, and opens that.
func tree(t *testing.T) (d *Dir, above string) {
	t.Helper()
	above = t.TempDir()
	for name, text := range map[string]string{"secret": "SECRET", "root/a/f.txt": "f", "root/b/g.txt": "g"} {
		name = filepath.Join(above, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(filepath.Join(above, "root"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, above
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Skip(err)
	}
}

// within fails the test where f takes longer than anything here may.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan bool)
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it hangs")
	}
}

func TestReadFile(t *testing.T) {
	d, above := tree(t)
	link(t, "../b/g.txt", d.Path("a/inside"))
	link(t, "../../secret", d.Path("a/outside"))
	link(t, filepath.Join(above, "secret"), d.Path("a/absolute"))
	link(t, "..", d.Path("up"))
	link(t, "/dev/zero", d.Path("zero"))
	link(t, "/proc/self/environ", d.Path("environ"))
	link(t, "nowhere", d.Path("dangling"))
	link(t, "loop", d.Path("loop"))
	if err := os.WriteFile(d.Path("big"), bytes.Repeat([]byte("x"), 101), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(above, "secret"), d.Path("hard")); err != nil {
		t.Fatal(err)
	}
	within(t, func() {
		for _, name := range []string{"a/f.txt", d.Path("a/f.txt"), "a/inside"} {
			data, err := d.ReadFile(name, 100)
			if err != nil || len(data) != 1 {
				t.Errorf("%s: %q %v", name, data, err)
			}
		}
		for name, want := range map[string]string{
			"a/outside": "leads out of", "a/absolute": "leads out of", "up/secret": "leads out of", "zero": "leads out of", "environ": "leads out of",
			"a": "is a directory", "big": "has 101 bytes", "hard": "has 2 names", "../secret": "is not below", filepath.Join(above, "secret"): "is not below",
		} {
			data, err := d.ReadFile(name, 100)
			var unfit *UnfitError
			if !errors.As(err, &unfit) || !strings.Contains(err.Error(), want) || len(data) > 0 {
				t.Errorf("%s: %q %v; want %s", name, data, err, want)
			}
			if d.Check(name, 100) == nil {
				t.Errorf("%s passes the check", name)
			}
		}
		for _, name := range []string{"nowhere", "dangling", "a/x/y"} {
			if _, err := d.ReadFile(name, 100); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := d.ReadFile("loop", 100); err == nil {
			t.Error("a link to itself is read")
		}
	})
}

func TestReadNamed(t *testing.T) {
	d, above := tree(t)
	link(t, "/dev/zero", d.Path("zero"))
	link(t, filepath.Join(above, "secret"), d.Path("link"))
	within(t, func() {
		if data, err := ReadNamed(d.Path("link"), 100); err != nil || string(data) != "SECRET" {
			t.Errorf("%q %v", data, err)
		}
		for _, name := range []string{d.Path("zero"), d.Path("a")} {
			if _, err := ReadNamed(name, 100); err == nil {
				t.Errorf("%s is read", name)
			}
		}
		if _, err := Read(endless{}, "endless", 1000); err == nil || !strings.Contains(err.Error(), "more than 1000 bytes") {
			t.Error(err)
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestWrite(t *testing.T) {
	d, above := tree(t)
	link(t, "../secret", d.Path("out"))
	link(t, "..", d.Path("up"))
	for _, name := range []string{"a/new.txt", "a/f.txt", "out", d.Path("b/g.txt")} {
		if err := d.WriteFile(name, []byte("new")); err != nil {
			t.Error(err)
		}
		if data, err := d.ReadFile(name, 10); err != nil || string(data) != "new" {
			t.Errorf("%s: %q %v", name, data, err)
		}
	}
	if data, _ := os.ReadFile(filepath.Join(above, "secret")); string(data) != "SECRET" {
		t.Errorf("the link was written through: %q", data)
	}
	for _, name := range []string{"up/x", "../x", ".git/x", "a/.GIT/x", "a/.git ", "git~1", ".g\u200cit/HEAD"} {
		if err := d.WriteFile(name, nil); err == nil {
			t.Errorf("%q is written", name)
		}
		if err := d.Remove(name); err == nil && !strings.HasPrefix(name, "up") {
			t.Errorf("%q is removed", name)
		}
		if err := d.RemoveAll(name); err == nil {
			t.Errorf("%q is removed with all", name)
		}
		if err := d.Mkdir(name); err == nil {
			t.Errorf("%q is made", name)
		}
	}
	if err := d.Replace("a/f.txt", func(io.Writer) error { return errors.New("no") }); err == nil {
		t.Error("no error")
	}
	if list, _ := d.ReadDir("a"); len(list) != 2 {
		t.Errorf("something stayed: %v", list)
	}
}

func TestAppend(t *testing.T) {
	d, above := tree(t)
	link(t, "../secret", d.Path("out"))
	link(t, "a/f.txt", d.Path("in"))
	if err := os.Link(filepath.Join(above, "secret"), d.Path("hard")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"out", "in", "hard", "a", ".git"} {
		if f, err := d.Append(name, 100); err == nil {
			f.Close()
			t.Errorf("%s is written to", name)
		}
	}
	for range 2 {
		f, err := d.Append("a/log", 100)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
}

func TestLikeness(t *testing.T) {
	d, _ := tree(t)
	if err := errors.Join(os.Chmod(d.Path("a/f.txt"), 0o660), d.Mkdir("a/x/y"), d.WriteFile("a/x/y/new", nil), d.WriteFile("a/run", nil)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a/x/y/new", "a/run"} {
		info, err := d.Stat(name)
		if err != nil || info.Mode().Perm() != 0o660 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestRemoveAll(t *testing.T) {
	d, above := tree(t)
	link(t, "../..", d.Path("a/up"))
	if err := errors.Join(os.Chmod(d.Path("a"), 0o500), d.RemoveAll("a")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(above, "secret")); err != nil {
		t.Error(err)
	}
}

// Below what is a file, where others have a directory, there is nothing: that is no fault of the file.
func TestBelowAFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vendor"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	name := filepath.Join("vendor", "x", "y")
	_, read := d.ReadFile(name, Setting)
	_, stat := d.Stat(name)
	_, lstat := d.Lstat(name)
	_, list := d.ReadDir(name)
	for _, err := range []error{read, stat, lstat, list, d.Check(name, Setting)} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	if err := d.WriteFile(name, nil); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("writing there: %v", err)
	}
}
