package vouch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestKey(t *testing.T) {
	t.Setenv(Variable, filepath.Join(t.TempDir(), "keys"))
	k, err := New("/x")
	if err != nil {
		t.Fatal(err)
	}
	sum := k.Sum([]byte("x"))
	again, err := Find(k.ID(), "/x")
	if err != nil || !again.Vouches(sum, []byte("x")) || again.Vouches(sum, []byte("y")) || again.Vouches("", []byte("x")) {
		t.Errorf("the key is not found again: %v", err)
	}
	for _, id := range []string{"", "../journal", "0123456789abcdef", k.ID() + "0"} {
		if _, err := Find(id, "/x"); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
	k.Forget()
	if _, err := Find(k.ID(), "/x"); !errors.Is(err, ErrUnknown) {
		t.Error("it is not forgotten")
	}
}

func TestStore(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(open, 0o777), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Skip(err)
	}
	for _, dir := range []string{open, link, "relative", os.DevNull} {
		t.Setenv(Variable, dir)
		if _, err := New("/x"); err == nil {
			t.Errorf("keys are kept in %s", dir)
		}
	}
	// Without a home there are the temporary files.
	t.Setenv(Variable, "")
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("TMPDIR", t.TempDir())
	if _, err := New("/x"); err != nil {
		t.Error(err)
	}
}

// Keys that are in the tree of the record, and those that others can read, are none.
func TestKeysInTheTree(t *testing.T) {
	repo := t.TempDir()
	if err := os.MkdirAll(filepath.Join(repo, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(repo, "m")
	for _, keys := range []string{filepath.Join(repo, ".cache"), filepath.Join(module, "keys"), repo} {
		t.Setenv(Variable, keys)
		if _, err := New(module); err == nil {
			t.Errorf("keys are kept in %s", keys)
		}
	}
	keys := t.TempDir()
	t.Setenv(Variable, keys)
	if err := os.Chmod(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	k, err := New(module)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(keys, k.ID()), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(k.ID(), module); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}
