package gocmd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/gocmd"
)

// What is in a layer counts as if it was on disk, and only for commands that read source.
func TestLayer(t *testing.T) {
	dir, tmp := t.TempDir(), t.TempDir()
	r := gocmd.Runner{Dir: dir}.With("GOWORK=off", "GOFLAGS=").WithTemp(tmp)
	name := filepath.Join(dir, "go.mod")
	if err := os.WriteFile(name, []byte("module on.disk\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	layer, err := gocmd.NewLayer(r)
	if err != nil {
		t.Fatal(err)
	}
	r.Layer = layer
	module := func(args ...string) string {
		t.Helper()
		out, err := r.Run(t.Context(), append([]string{"list", "-m"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	if got := module(); got != "on.disk" {
		t.Errorf("with an empty layer: %s", got)
	}
	if err := layer.Put([]byte("module laid.over\n"), name, filepath.Join(dir, "other", "go.mod")); err != nil {
		t.Fatal(err)
	}
	if got := module(); got != "laid.over" {
		t.Errorf("with a layer: %s", got)
	}
	own := filepath.Join(tmp, "own.json")
	if err := gocmd.WriteOverlay(own, layer.Over(map[string]string{name: name})); err != nil {
		t.Fatal(err)
	}
	if got := module("-overlay=" + own); got != "on.disk" {
		t.Errorf("with an overlay over the layer: %s", got)
	}
	if _, err := r.Run(t.Context(), "env", "GOROOT"); err != nil {
		t.Errorf("a command that takes no overlay: %v", err)
	}
	if files, err := layer.Files(); err != nil || len(files) != 2 || string(files[name]) != "module laid.over\n" {
		t.Errorf("got %q, %v", files, err)
	}
	layer.Remove()
	if entries, err := filepath.Glob(filepath.Join(tmp, "etcdmod-*")); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	var none *gocmd.Layer
	if files, err := none.Files(); !none.Empty() || none.Flags() != nil || len(files) != 0 || err != nil {
		t.Error("no layer has something in it")
	}
}
