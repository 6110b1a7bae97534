package gosum

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"etcdmod/internal/finding"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
)

const service = `
-- go.mod --
module example.com/service

go 1.16

require (
	github.com/coreos/etcd v3.2.9+incompatible
	google.golang.org/grpc v1.5.1
)
-- main.go --
package main

import _ "github.com/coreos/etcd/clientv3/concurrency"

func main() {}
`

// TestComplete: the lines of the new version are added in their place, and
// nothing else changes.
func TestComplete(t *testing.T) {
	w := newWorld(t)
	r := w.module(service)
	gomod := bump(t, r, "v3.2.9", "v3.2.26")
	old := read(t, r, "go.sum")

	gosum, report, err := complete(t, r, gomod)
	if err != nil {
		t.Fatal(err)
	}
	want := []module.Version{{Path: "github.com/coreos/etcd", Version: "v3.2.26+incompatible"}}
	if d := cmp.Diff(want, report.Changed); d != "" {
		t.Errorf("changed: -want +got:\n%s", d)
	}
	if len(report.Added) != 2 ||
		!strings.HasPrefix(report.Added[0], "github.com/coreos/etcd v3.2.26+incompatible h1:") ||
		!strings.HasPrefix(report.Added[1], "github.com/coreos/etcd v3.2.26+incompatible/go.mod h1:") {
		t.Errorf("added %q", report.Added)
	}
	lines := strings.SplitAfter(string(old), "\n")
	if !strings.HasPrefix(lines[1], "github.com/coreos/etcd v3.2.9+incompatible/go.mod ") {
		t.Fatalf("unexpected go.sum:\n%s", old)
	}
	lines = slices.Insert(lines, 2, report.Added[0]+"\n", report.Added[1]+"\n")
	if d := cmp.Diff(strings.Join(lines, ""), string(gosum)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	builds(w, r, gomod, gosum)

	// With everything in place there is nothing to add.
	again, report, err := complete(t, r, gomod)
	if err != nil || len(report.Added)+len(report.Changed) != 0 || !bytes.Equal(again, gosum) {
		t.Errorf("again: %+v, %v\n%s", report, err, again)
	}
}

// TestCompleteKeepsBytes: CRLF, order, blank lines and lines that nobody needs
// stay; the new lines end like the others.
func TestCompleteKeepsBytes(t *testing.T) {
	w := newWorld(t)
	r := w.module(service)
	gomod := bytes.ReplaceAll(bump(t, r, "v3.2.9", "v3.2.26"), []byte("\n"), []byte("\r\n"))
	lines := strings.SplitAfter(string(read(t, r, "go.sum")), "\n")
	slices.Reverse(lines)
	odd := strings.Join(lines, "") + "\nexample.com/unused v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	old := strings.ReplaceAll(odd, "\n", "\r\n")
	w.write(filepath.Join(r.Dir, "go.sum"), []byte(old))

	gosum, report, err := complete(t, r, gomod)
	if err != nil {
		t.Fatal(err)
	}
	rest := string(gosum)
	for _, line := range report.Added {
		if !strings.Contains(rest, line+"\r\n") {
			t.Errorf("%q is missing or has another end", line)
		}
		rest = strings.Replace(rest, line+"\r\n", "", 1)
	}
	if d := cmp.Diff(old, rest); d != "" || len(report.Added) != 2 {
		t.Errorf("%d lines added; without them: -want +got:\n%s", len(report.Added), d)
	}
	builds(w, r, gomod, gosum)
}

// TestCompleteShapes: modules that the go command loads in different ways.
func TestCompleteShapes(t *testing.T) {
	for _, test := range []struct {
		name, module string
		late         string // a file that comes after the go.sum was made
		from, to     string
		goflags      string
		added        []string // "path version"
	}{
		{
			// A go directive that -mod=mod adds would change how much go.sum needs.
			name: "no go directive",
			module: `
-- go.mod --
module example.com/service
require github.com/coreos/etcd v3.2.9+incompatible
require google.golang.org/grpc v1.26.0
-- main.go --
package main

func main() {}
-- main_test.go --
package main

import _ "github.com/coreos/etcd/clientv3/concurrency"
`,
			from: "v3.2.9", to: "v3.2.26",
			added: []string{"github.com/coreos/etcd v3.2.26+incompatible", "github.com/coreos/etcd v3.2.26+incompatible/go.mod"},
		},
		{
			// Loading does not see the import; the next build of that tag would miss the line.
			name: "behind a build tag",
			module: `
-- go.mod --
module example.com/service

go 1.21

require (
	github.com/coreos/etcd v3.2.9+incompatible
	google.golang.org/grpc v1.5.1
)
-- main.go --
package main

func main() {}
-- lock.go --
//go:build integration

package main

import _ "github.com/coreos/etcd/clientv3/concurrency"
`,
			from: "v3.2.9", to: "v3.2.26",
			added: []string{"github.com/coreos/etcd v3.2.26+incompatible", "github.com/coreos/etcd v3.2.26+incompatible/go.mod"},
		},
		{
			name: "relative replace",
			module: `
-- go.mod --
module example.com/service

go 1.16

require (
	example.com/lib v0.0.0
	github.com/coreos/etcd v3.2.9+incompatible // indirect
	google.golang.org/grpc v1.5.1 // indirect
)

replace example.com/lib => ./third_party/lib
-- main.go --
package main

import _ "example.com/lib"

func main() {}
-- third_party/lib/go.mod --
module example.com/lib

go 1.16

require github.com/coreos/etcd v3.2.9+incompatible
-- third_party/lib/lib.go --
package lib

import _ "github.com/coreos/etcd/clientv3/concurrency"
`,
			from: "v3.2.9", to: "v3.2.26",
			added: []string{"github.com/coreos/etcd v3.2.26+incompatible", "github.com/coreos/etcd v3.2.26+incompatible/go.mod"},
		},
		{
			// v3.3.13 imports a module that was in the graph only.
			name: "another module is linked",
			module: `
-- go.mod --
module example.com/service

go 1.16

require (
	github.com/coreos/etcd v3.2.9+incompatible
	google.golang.org/grpc v1.26.0
)
-- main.go --
package main

import _ "github.com/coreos/etcd/clientv3/concurrency"

func main() {}
`,
			from: "v3.2.9", to: "v3.3.13",
			added: []string{
				"example.com/extra v1.0.0",
				"github.com/coreos/etcd v3.3.13+incompatible", "github.com/coreos/etcd v3.3.13+incompatible/go.mod",
			},
		},
		{
			// The module is in the graph, but no package of it is linked.
			name: "not linked",
			module: `
-- go.mod --
module example.com/service

go 1.16

require (
	github.com/coreos/etcd v3.2.9+incompatible // indirect
	google.golang.org/grpc v1.5.1
)
-- main.go --
package main

import _ "google.golang.org/grpc"

func main() {}
`,
			from: "v3.2.9", to: "v3.2.26",
			added: []string{"github.com/coreos/etcd v3.2.26+incompatible/go.mod"},
		},
		{
			// -mod=mod would add example.com/extra for the broken package.
			name: "a package that did not load before", goflags: "-modcacherw -mod=mod",
			module: service,
			late: `package main

import (
	_ "example.com/extra"
	_ "nowhere.example.com/pkg"
)
`,
			from: "v3.2.9", to: "v3.2.26",
			added: []string{"github.com/coreos/etcd v3.2.26+incompatible", "github.com/coreos/etcd v3.2.26+incompatible/go.mod"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.module(test.module)
			if test.late != "" {
				w.write(filepath.Join(r.Dir, "late.go"), []byte(test.late))
			}
			if test.goflags != "" {
				r = r.With("GOFLAGS=" + test.goflags)
			}

			edited := bump(t, r, test.from, test.to)
			old := read(t, r, "go.sum")
			gosum, report, err := complete(t, r, edited)
			if err != nil {
				t.Fatal(err)
			}
			var added []string
			for _, line := range report.Added {
				added = append(added, line[:strings.LastIndex(line, " ")])
			}
			if d := cmp.Diff(test.added, added); d != "" {
				t.Errorf("added: -want +got:\n%s\nold go.sum:\n%s", d, old)
			}
			if test.late == "" {
				builds(w, r, edited, gosum)
			}
		})
	}
}

// TestCompleteWithoutSum: a module that needs no go.sum gets none.
func TestCompleteWithoutSum(t *testing.T) {
	w := newWorld(t)
	r := w.runner(w.tree(`
-- go.mod --
module example.com/service

go 1.16
-- main.go --
package main

func main() {}
`))
	gosum, report, err := complete(t, r, read(t, r, "go.mod"))
	if gosum != nil || err != nil || len(report.Added) != 0 {
		t.Errorf("got %q, %+v, %v", gosum, report, err)
	}
}

// TestCompleteErrors: what cannot be done has a type and a reason code.
func TestCompleteErrors(t *testing.T) {
	for _, test := range []struct {
		name    string
		to      string
		set     func(w *world, dir string)
		goproxy string
		reason  finding.Code
		says    []string
	}{
		{
			name: "no such version", to: "v3.2.99", reason: ReasonUnavailable,
			says: []string{"github.com/coreos/etcd@v3.2.99+incompatible", "404"},
		},
		{
			name: "refused by the proxy", to: "v3.2.26", reason: ReasonUnavailable,
			set:  func(w *world, _ string) { w.deny("coreos/etcd/@v/v3.2.26") },
			says: []string{"github.com/coreos/etcd@v3.2.26+incompatible", "403"},
		},
		{
			name: "zip refused by the proxy", to: "v3.2.26", reason: ReasonUnavailable,
			set:  func(w *world, _ string) { w.deny("coreos/etcd/@v/v3.2.26+incompatible.zip") },
			says: []string{"github.com/coreos/etcd@v3.2.26+incompatible", "403"},
		},
		{
			name: "offline", to: "v3.2.26", reason: ReasonUnavailable, goproxy: "off",
			says: []string{"github.com/coreos/etcd@v3.2.26+incompatible", "GOPROXY=off"},
		},
		{
			name: "no proxy listens", to: "v3.2.26", reason: ReasonUnavailable, goproxy: "http://127.0.0.1:1",
			says: []string{"github.com/coreos/etcd@v3.2.26+incompatible", "refused"},
		},
		{
			name: "needs another requirement", to: "v3.3.13", reason: ReasonIncomplete,
			says: []string{"example.com/extra: "},
		},
		{
			name: "wrong checksum in go.sum", to: "v3.2.26", reason: ReasonChecksum,
			set: func(w *world, dir string) {
				name := filepath.Join(dir, "go.sum")
				old, err := os.ReadFile(name)
				if err != nil {
					w.t.Fatal(err)
				}
				w.write(name, append(old, "github.com/coreos/etcd v3.2.26+incompatible h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"...))
			},
			says: []string{"github.com/coreos/etcd@v3.2.26+incompatible", "checksum mismatch"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.module(service)
			gomod := bump(t, r, "v3.2.9", test.to)
			if test.set != nil {
				test.set(w, r.Dir)
			}
			if test.goproxy != "" {
				r = r.With("GOPROXY=" + test.goproxy)
			}
			_, _, err := complete(t, r, gomod)
			if Reason(err) != test.reason {
				t.Errorf("reason %q, want %q: %v", Reason(err), test.reason, err)
			}
			if _, ok := Reason(err).Explain(); !ok {
				t.Errorf("reason %q is not explained", Reason(err))
			}
			for _, text := range test.says {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("%v does not say %q", err, text)
				}
			}
		})
	}
}

// TestCompleteLinkedRefused: the version itself can be had, a module that it
// links cannot.
func TestCompleteLinkedRefused(t *testing.T) {
	w := newWorld(t)
	r := w.module(strings.Replace(service, "v1.5.1", "v1.26.0", 1))
	gomod := bump(t, r, "v3.2.9", "v3.3.13")
	w.deny("example.com/extra/@v/v1.0.0.zip")
	_, _, err := complete(t, r, gomod)
	var unavailable *UnavailableError
	if !errors.As(err, &unavailable) || unavailable.Path != "example.com/extra" || unavailable.Version != "v1.0.0" {
		t.Errorf("got %v", err)
	}
}

// TestCompleteUntidy: a go.mod that the go command would change first.
func TestCompleteUntidy(t *testing.T) {
	w := newWorld(t)
	r := w.module(strings.Replace(service, "require (", "require (\n\texample.com/dep v1.0.0", 1) +
		"-- dep.go --\npackage main\n\nimport _ \"example.com/dep\"\n")
	_, _, err := complete(t, r, bump(t, r, "v3.2.9", "v3.2.26"))
	if err == nil || !strings.Contains(err.Error(), "go mod tidy") {
		t.Errorf("got %v", err)
	}
}

// TestCompleteWanted: what the go command would add is told, and kept out.
func TestCompleteWanted(t *testing.T) {
	w := newWorld(t)
	r := w.module(service)
	_, _, err := complete(t, r, bump(t, r, "v3.2.9", "v3.3.13"))
	var incomplete *IncompleteError
	if !errors.As(err, &incomplete) {
		t.Fatalf("got %v", err)
	}
	want := []module.Version{{Path: "example.com/extra", Version: "v1.1.0"}}
	if d := cmp.Diff(want, incomplete.Wanted); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestCompleteInWorkspace: the module's go.sum is its own affair.
func TestCompleteInWorkspace(t *testing.T) {
	w := newWorld(t)
	dir := w.tree(strings.ReplaceAll(service, "\n-- ", "\n-- service/") + `
-- go.work --
go 1.16

use ./service
-- go.work.sum --
`)
	r := w.runner(filepath.Join(dir, "service"))
	if _, err := r.Run(t.Context(), "get", "./..."); err != nil {
		t.Fatal(err)
	}
	gomod := bump(t, r, "v3.2.9", "v3.2.26")
	gosum, report, err := complete(t, r.With("GOWORK="), gomod)
	if err != nil || len(report.Added) != 2 {
		t.Fatalf("%+v, %v", report, err)
	}
	builds(w, r, gomod, gosum)
}

func TestCompleteCancelled(t *testing.T) {
	w := newWorld(t)
	r := w.module(service)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := Complete(ctx, r, bump(t, r, "v3.2.9", "v3.2.26"), read(t, r, "go.sum"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestCompleteMalformed: the error of a go.mod that does not parse names the line.
func TestCompleteMalformed(t *testing.T) {
	w := newWorld(t)
	r := w.module(service)
	_, _, err := Complete(t.Context(), r, []byte("module m\nrequire x\n"), nil)
	if err == nil || !strings.Contains(err.Error(), "go.mod:2") {
		t.Errorf("got %v", err)
	}
}
