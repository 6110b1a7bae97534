package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"etcdmod/internal/change"
)

// A file that is removed is back when the run is undone, and stays when it is not what it
// was said to be.
func TestDelete(t *testing.T) {
	t.Parallel()
	files := func(root string) []change.Change {
		return []change.Change{
			{Path: filepath.Join(root, "a.go"), Old: []byte("old\n"), Deleted: true},
			{Path: filepath.Join(root, "b.go"), Old: []byte("old\n"), New: []byte("new\n")},
		}
	}
	tree := func() string {
		root := quickRoot(t)
		put(t, filepath.Join(root, "a.go"), "old\n", 0o640)
		put(t, filepath.Join(root, "b.go"), "old\n", 0o640)
		return root
	}

	root := tree()
	if err := Apply(root, files(root)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(root, "a.go")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a.go: %v", err)
	}

	// Going back because the second file cannot be replaced.
	root = tree()
	was := snap(t, root)
	if err := apply(root, files(root), fail("rename", "b.go")); err == nil {
		t.Fatal("no error")
	}
	was.mustEqual(t, snap(t, root))

	// Somebody edited it.
	root = tree()
	put(t, filepath.Join(root, "a.go"), "mine\n", 0o640)
	was = snap(t, root)
	var changed *ChangedError
	if err := Apply(root, files(root)); !errors.As(err, &changed) {
		t.Errorf("got %v", err)
	}
	was.mustEqual(t, snap(t, root))

	var target *TargetError
	both := change.Change{Path: filepath.Join(root, "c.go"), Created: true, Deleted: true}
	if err := Apply(root, []change.Change{both}); !errors.As(err, &target) {
		t.Errorf("created and removed: %v", err)
	}
}
