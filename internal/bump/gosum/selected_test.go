package gosum

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/finding"
)

const etcd = "github.com/coreos/etcd"

// TestSelected: what the build list has after the change, which the module in
// its directory has not seen.
func TestSelected(t *testing.T) {
	for _, test := range []struct {
		name, module string
		path         string
		want         string
		reason       finding.Code
	}{
		{name: "the requirement", module: service, path: etcd, want: "v3.2.26+incompatible"},
		{
			name: "replaced", path: etcd, want: "v3.2.26+incompatible", reason: ReasonReplaced,
			module: strings.Replace(service, "require (", "replace github.com/coreos/etcd => ./etcd\n\nrequire (", 1) +
				"-- etcd/go.mod --\nmodule github.com/coreos/etcd\n-- etcd/clientv3/concurrency/m.go --\npackage concurrency\n",
		},
		{name: "not in the build list", module: service, path: "example.com/extra", reason: ReasonNotSelected},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.module(test.module)
			edited := bump(t, r, "v3.2.9", "v3.2.26")
			gosum, _, err := complete(t, r, edited)
			if err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, r.Dir)
			got, err := Selected(t.Context(), r, edited, gosum, test.path)
			if got != test.want || Reason(err) != test.reason || (err == nil) != (test.reason == "") {
				t.Errorf("got %q, %v; want %q, %q", got, err, test.want, test.reason)
			}
			after := snapshot(t, r.Dir)
			for path := range after {
				if after[path] != before[path] {
					t.Errorf("%s was changed", path)
				}
			}
		})
	}
}

// TestSelectedInWorkspace: a workspace selects for all its modules, and its
// go.work replaces too.
func TestSelectedInWorkspace(t *testing.T) {
	w := newWorld(t)
	dir := w.tree(strings.ReplaceAll(service, "\n-- ", "\n-- service/") + `
-- go.work --
go 1.16

use (
	./service
	./other
)
-- other/go.mod --
module example.com/other

go 1.16

require github.com/coreos/etcd v3.3.13+incompatible
-- other/other.go --
package other
-- replaced.work --
go 1.16

use ./service

replace github.com/coreos/etcd => ./etcd
-- etcd/go.mod --
module github.com/coreos/etcd
`)
	r := w.runner(filepath.Join(dir, "service"))
	if _, err := r.Run(t.Context(), "get", "./..."); err != nil {
		t.Fatal(err)
	}
	edited := bump(t, r, "v3.2.9", "v3.2.26")
	gosum, _, err := complete(t, r, edited)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Selected(t.Context(), r, edited, gosum, etcd); got != "v3.2.26+incompatible" || err != nil {
		t.Errorf("alone: %q, %v", got, err)
	}
	// go.work.sum has no line for the other module's requirement.
	if _, err := r.With("GOWORK=").Run(t.Context(), "mod", "download"); err != nil {
		t.Fatal(err)
	}
	if got, err := Selected(t.Context(), r.With("GOWORK="), edited, gosum, etcd); got != "v3.3.13+incompatible" || err != nil {
		t.Errorf("with another module: %q, %v", got, err)
	}
	var replaced *ReplacedError
	got, err := Selected(t.Context(), r.With("GOWORK="+filepath.Join(dir, "replaced.work")), edited, gosum, etcd)
	if got != "v3.2.26+incompatible" || !errors.As(err, &replaced) || !strings.HasSuffix(replaced.By, "etcd") {
		t.Errorf("replaced by the workspace: %q, %v", got, err)
	}
}

// TestSelectedWithoutSum: a go.sum that is in the directory does not count when
// there shall be none.
func TestSelectedWithoutSum(t *testing.T) {
	w := newWorld(t)
	r := w.module(service)
	if _, err := Selected(t.Context(), r, read(t, r, "go.mod"), nil, etcd); err == nil {
		t.Error("the go.sum in the directory was read")
	}
}
