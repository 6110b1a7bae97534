package pipeline

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"etcdmod/internal/discover"
	"etcdmod/internal/modules"
)

// Modules of the repository that are built with one are known, and so are the internal
// packages that others import.
func TestAround(t *testing.T) {
	root := modules.Resolved(t.TempDir())
	for _, f := range txtar.Parse([]byte(`
-- .git/HEAD --
-- base/go.mod --
module example.com/base
-- base/internal/lock/lock.go --
package lock
-- base/tools/go.mod --
module example.com/base/tools
-- base/tools/main.go --
package main

import _ "example.com/base/internal/lock"
-- base/other/go.mod --
module example.com/base/other
-- base/other/main.go --
package main

import _ "fmt"
-- lib/go.mod --
module example.com/lib
require example.com/base v0.0.0
replace example.com/base => ../base
-- app/go.mod --
module example.com/app
require example.com/lib v0.0.0
replace example.com/lib => ../lib
-- work/go.work --
go 1.22
use .
use ../base
-- work/go.mod --
module example.com/work
require example.com/base v0.0.0
-- apart/go.mod --
module example.com/apart
`)).Files {
		name := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]struct{ dependants, reached string }{
		"base":  {"app lib", "example.com/base/internal/lock"},
		"lib":   {"app", ""},
		"app":   {"", ""},
		"apart": {"", ""},
	} {
		mod, err := discover.Find(filepath.Join(root, dir), discover.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := newRun(Options{Env: os.Environ()}, nil)
		r.mod, r.res = mod, &Result{Module: mod}
		near, err := r.around(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names, own []string
		for _, d := range r.dependants {
			names = append(names, filepath.Base(d.root))
		}
		slices.Sort(names)
		for _, path := range slices.Sorted(maps.Keys(near.reached)) {
			if strings.HasPrefix(path, mod.Path+"/") {
				own = append(own, path)
			}
		}
		if got := strings.Join(names, " "); got != want.dependants {
			t.Errorf("%s: dependants %q, want %q", dir, got, want.dependants)
		}
		if got := strings.Join(own, " "); got != want.reached {
			t.Errorf("%s: reached %q, want %q", dir, got, want.reached)
		}
	}
}
