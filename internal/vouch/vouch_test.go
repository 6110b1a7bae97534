package vouch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestKey(t *testing.T) {
	t.Setenv(Variable, filepath.Join(t.TempDir(), "keys"))
	k, err := New()
	if err != nil {
		t.Fatal(err)
	}
	sum := k.Sum([]byte("x"))
	again, err := Find(k.ID())
	if err != nil || !again.Vouches(sum, []byte("x")) || again.Vouches(sum, []byte("y")) || again.Vouches("", []byte("x")) {
		t.Errorf("the key is not found again: %v", err)
	}
	for _, id := range []string{"", "../journal", "0123456789abcdef", k.ID() + "0"} {
		if _, err := Find(id); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
	k.Forget()
	if _, err := Find(k.ID()); !errors.Is(err, ErrUnknown) {
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
		if _, err := New(); err == nil {
			t.Errorf("keys are kept in %s", dir)
		}
	}
	// Without a home there are the temporary files.
	t.Setenv(Variable, "")
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("TMPDIR", t.TempDir())
	if _, err := New(); err != nil {
		t.Error(err)
	}
}
