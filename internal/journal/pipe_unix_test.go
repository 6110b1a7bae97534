//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"etcdmod/internal/change"
)

// Named pipes, as a target or in the journal's place, do not make a run hang.
func TestNamedPipe(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	put(t, filepath.Join(root, "a.go"), "old", 0o644)
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o644); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	err := Apply(root, []change.Change{edit(root, "a.go"), edit(root, "pipe")})
	if _, ok := errors.AsType[*TargetError](err); !ok || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	if err := os.Rename(filepath.Join(root, "pipe"), filepath.Join(root, Name)); err != nil {
		t.Fatal(err)
	}
	if err := Apply(root, []change.Change{edit(root, "a.go")}); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if _, err := Pending(root); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}
