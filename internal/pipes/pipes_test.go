package pipes

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"etcdmod/internal/rooted"
)

// A file of the kernel says that it is empty, and may have no end: links to it, and through
// directories that are links, are told from files that are empty.
func TestFilesOfTheKernelAreUnfit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	dir := t.TempDir()
	for name, to := range map[string]string{"link.go": "/proc/version", "below": "/proc/self", "chain.go": "link.go", "fine.go": "empty"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link.go", "chain.go", "below/status"} {
		for _, most := range []rooted.Bound{Any, rooted.ModFile} {
			if err := Unfit(filepath.Join(dir, name), most); err == nil {
				t.Errorf("%s may be opened", name)
			}
		}
	}
	for _, name := range []string{"fine.go", "empty", "none"} {
		if err := Unfit(filepath.Join(dir, name), Any); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	source := func(name string) (rooted.Bound, bool) { return Any, filepath.Ext(name) == ".go" }
	if err := Below(context.Background(), dir, func(string) bool { return false }, source); err == nil {
		t.Error("nothing unfit is found below the directory")
	}
}
