package gosum

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
)

// TestUncompiled: what compiles with the go.mod as it is and not with another one is told,
// dependencies included, and the module is not touched.
func TestUncompiled(t *testing.T) {
	w := newWorld(t)
	r := w.module(`
-- go.mod --
module example.com/service

go 1.16

require (
	example.com/extra v1.0.0
	github.com/coreos/etcd v3.2.9+incompatible
	google.golang.org/grpc v1.5.1
)
-- main.go --
package main

import "example.com/service/old"

func main() { old.F() }
-- old/old.go --
package old

import "github.com/coreos/etcd/clientv3"

var _ = [1]int{}[len(clientv3.Version)-5] // as long as "3.2.9"

func F() {}
-- extra.go --
package main

import _ "example.com/extra"
`)
	before := snapshot(t, r.Dir)
	was := read(t, r, "go.mod")
	got, err := Uncompiled(t.Context(), r, was, read(t, r, "go.sum"), "./...")
	if err != nil || len(got) > 0 {
		t.Errorf("as it is: %v, %v", got, err)
	}
	gomod := bump(t, r, "v3.2.9", "v3.2.26")
	gosum, _, err := complete(t, r, gomod)
	if err != nil {
		t.Fatal(err)
	}
	got, err = Uncompiled(t.Context(), r, gomod, gosum, "./...")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"example.com/service/old"}, slices.Sorted(maps.Keys(got))); d != "" {
		t.Errorf("-want +got:\n%s%v", d, got)
	}
	if d := cmp.Diff(before, snapshot(t, r.Dir)); d != "" {
		t.Errorf("the module was changed:\n%s", d)
	}
	if _, err := Uncompiled(t.Context(), r, []byte("module m\nrequire x\n"), nil, "./..."); err == nil {
		t.Error("a malformed go.mod compiles")
	}
}

// TestSettledDropped: an indirect requirement that another one outdoes is to be raised,
// although the go command would leave it out; one that nothing outdoes stays.
func TestSettledDropped(t *testing.T) {
	w := newWorld(t)
	r := w.module(service)
	gomod := bytes.Replace(read(t, r, "go.mod"),
		[]byte("\tgithub.com/coreos/etcd v3.2.9+incompatible\n"),
		[]byte("\texample.com/dep v1.0.0\n\tgithub.com/coreos/etcd v3.2.9+incompatible // indirect\n\texample.com/extra v1.0.0 // indirect\n"), 1)
	need, goVersion, err := Settled(t.Context(), r, gomod, read(t, r, "go.sum"))
	if err != nil || goVersion != "" {
		t.Fatalf("%q, %v", goVersion, err)
	}
	if d := cmp.Diff([]module.Version{{Path: etcd, Version: "v3.3.13+incompatible"}}, need); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	settled := bytes.Replace(gomod, []byte("v3.2.9"), []byte("v3.3.13"), 1)
	if need, _, err := Settled(t.Context(), r, settled, read(t, r, "go.sum")); err != nil || len(need) > 0 {
		t.Errorf("once it is raised: %v, %v", need, err)
	}
}
