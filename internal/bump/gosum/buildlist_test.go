package gosum

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
)

// TestBuildList: what is selected, also where the go.mod asks for less, with what replaces
// it; the module is not touched.
func TestBuildList(t *testing.T) {
	w := newWorld(t)
	r := w.module(service)
	before := snapshot(t, r.Dir)
	list, err := BuildList(t.Context(), r, read(t, r, "go.mod"), read(t, r, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, m := range list {
		if m.Path == etcd {
			found = m.Version == "v3.2.9+incompatible" && !m.Main && m.Replace == nil
		}
	}
	if !found || !list[0].Main {
		t.Errorf("got %+v", list)
	}
	if d := cmp.Diff(before, snapshot(t, r.Dir)); d != "" {
		t.Errorf("the module was changed:\n%s", d)
	}
	if _, err := BuildList(t.Context(), r, []byte("module m\nrequire x\n"), nil); err == nil {
		t.Error("a malformed go.mod has a build list")
	}
}

// TestChain: the shortest way, and none to what is not there.
func TestChain(t *testing.T) {
	const graph = `m a@v1.0.0
m b@v1.0.0
a@v1.0.0 c@v1.0.0
c@v1.0.0 etcd@v3.2.9
b@v1.0.0 etcd@v3.2.9
b@v1.0.0 m
etcd@v3.2.9 go@1.16
`
	got := chain(graph, module.Version{Path: "etcd", Version: "v3.2.9"})
	if d := cmp.Diff([]module.Version{{Path: "b", Version: "v1.0.0"}}, got); d != "" {
		t.Error(d)
	}
	if got := chain(graph, module.Version{Path: "etcd", Version: "v3.3.0"}); got != nil {
		t.Errorf("got %v", got)
	}
	if got := chain(graph, module.Version{Path: "a", Version: "v1.0.0"}); got != nil {
		t.Errorf("a requirement of the module itself comes through %v", got)
	}
}

// TestVendored: every form of a line in modules.txt.
func TestVendored(t *testing.T) {
	got := Vendored([]byte(`# github.com/coreos/etcd v3.2.9+incompatible
## explicit; go 1.16
github.com/coreos/etcd/clientv3
# example.com/a v1.0.0 => ./a
## explicit
# example.com/b v1.0.0 => example.com/c v1.1.0
# example.com/a => ./a
`))
	want := []Module{
		{Path: "github.com/coreos/etcd", Version: "v3.2.9+incompatible"},
		{Path: "example.com/a", Version: "v1.0.0", Replace: &Module{Path: "./a"}},
		{Path: "example.com/b", Version: "v1.0.0", Replace: &Module{Path: "example.com/c", Version: "v1.1.0"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
