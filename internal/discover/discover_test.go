package discover

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"etcdmod/internal/finding"
	"etcdmod/internal/modules"
)

// write writes an archive below a new directory and returns its name, symbolic links
// resolved.
func write(t testing.TB, archive string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		data := strings.NewReplacer("<BOM>", "\xef\xbb\xbf", "<CR>", "\r").Replace(string(f.Data))
		if err := os.WriteFile(name, []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var quiet = []string{"GOENV=off"}

func find(t *testing.T, dir string, opts Options) *Module {
	t.Helper()
	if opts.Env == nil {
		opts.Env = quiet
	}
	m, err := Find(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// describe lists the packages with the base names of their files, ignored ones after a
// bar.
func describe(m *Module) string {
	var b strings.Builder
	for _, ip := range slices.Sorted(maps.Keys(m.Packages)) {
		p := m.Packages[ip]
		fmt.Fprintf(&b, "%s:", ip)
		for _, f := range p.Files {
			fmt.Fprintf(&b, " %s", filepath.Base(f))
		}
		if len(p.Ignored) > 0 {
			b.WriteString(" |")
		}
		for _, f := range p.Ignored {
			fmt.Fprintf(&b, " %s", filepath.Base(f.Name))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func check(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// The packages are those that "./..." of the go command means.
func TestWalk(t *testing.T) {
	dir := write(t, `
-- go.mod --
module example.com/m
-- m.go --
package m
-- m_test.go --
package m_test
-- a/b/b.go --
package b
-- a/BUILD --
-- a/b/BUILD.bazel --
-- docs/readme.md --
-- vendor/x/x.go --
package x
-- testdata/t/t.go --
package t
-- a/testdata/t.go --
package t
-- .hidden/h.go --
package h
-- _under/u.go --
package u
-- a/b/_b.go --
package no
-- a/b/.b.go --
package no
-- node_modules/n/n.go --
package n
-- nested/go.mod --
module example.com/nested
-- nested/n.go --
package n
-- dirs/go.mod/x.go --
package x
-- vendored/x.go --
package vendored
`)
	m := find(t, dir, Options{})
	check(t, describe(m), `example.com/m: m.go m_test.go
example.com/m/a/b: b.go
example.com/m/dirs/go.mod: x.go
example.com/m/vendored: x.go
`)
	if !m.Packages["example.com/m/a/b"].Bazel || m.Packages["example.com/m"].Bazel {
		t.Error("BUILD files are not told")
	}
	if len(m.Skipped) > 0 {
		t.Errorf("notes: %v", m.Skipped)
	}
}

func TestBuildConfiguration(t *testing.T) {
	const archive = `
-- go.mod --
module example.com/m
-- p.go --
package p
-- p_windows.go --
package p
-- p_arm64_test.go --
package p
-- special.go --
//go:build special

package p

import "fmt"

var _ = fmt.TryLock
-- crlf.go --
//go:build special<CR>
<CR>
package p<CR>
-- ignore.go --
//go:build ignore

package main
-- cgo.go --
package p

import "C"
`
	const linux = "GOOS=linux GOARCH=amd64 CGO_ENABLED=1"
	for _, tc := range []struct {
		name, env string
		tags      []string
		want      string
	}{
		{"default", linux, nil, "cgo.go p.go | crlf.go ignore.go p_arm64_test.go p_windows.go special.go"},
		{"tags", linux, []string{"special"}, "cgo.go crlf.go p.go special.go | ignore.go p_arm64_test.go p_windows.go"},
		{"GOFLAGS", linux + " GOFLAGS=-tags=x,special", nil, "cgo.go crlf.go p.go special.go | ignore.go p_arm64_test.go p_windows.go"},
		{"tags override GOFLAGS", linux + " GOFLAGS=--tags=special", []string{"y"}, "cgo.go p.go | crlf.go ignore.go p_arm64_test.go p_windows.go special.go"},
		{"no cgo", linux + " CGO_ENABLED=0", nil, "p.go | cgo.go crlf.go ignore.go p_arm64_test.go p_windows.go special.go"},
		{"cross", "GOOS=windows GOARCH=arm64 CGO_ENABLED=1", nil, "cgo.go p.go p_arm64_test.go p_windows.go | crlf.go ignore.go special.go"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := find(t, write(t, archive), Options{Env: append(strings.Fields(tc.env), quiet...), Tags: tc.tags, Words: []string{"TryLock"}})
			check(t, describe(m), "example.com/m: "+tc.want+"\n")
			p := m.Packages["example.com/m"]
			if p.Main {
				t.Error("an ignored file makes it a program")
			}
			for _, f := range p.Ignored {
				if filepath.Base(f.Name) == "special.go" && (!f.Mention["TryLock"] || !reflect.DeepEqual(f.Imports, []string{"fmt"}) || p.Mention["TryLock"]) {
					t.Errorf("ignored: %+v", f)
				}
			}
		})
	}
}

// "go env -w" counts, and the environment comes before it.
func TestGoEnvFile(t *testing.T) {
	dir := write(t, `
-- go.mod --
module example.com/m
-- env --
GOOS=plan9
GOFLAGS=-tags=special
-- p_plan9.go --
package p
-- p_aix.go --
package p
`)
	file := "GOENV=" + filepath.Join(dir, "env")
	check(t, describe(find(t, dir, Options{Env: []string{file}})), "example.com/m: p_plan9.go | p_aix.go\n")
	check(t, describe(find(t, dir, Options{Env: []string{file, "GOOS=aix"}})), "example.com/m: p_aix.go | p_plan9.go\n")
	if got := modules.GoFlags([]string{file}); !slices.Equal(got, []string{"-tags=special"}) {
		t.Errorf("GOFLAGS is %q", got)
	}
}

// Files are read whatever their bytes look like, and what cannot be made out is named if
// it may matter.
func TestFiles(t *testing.T) {
	dir := write(t, `
-- go.mod --
module example.com/m
-- bom/bom.go --
<BOM>package bom

import "fmt" // TryLock
-- crlf/crlf.go --
package crlf<CR>
<CR>
import (<CR>
	f "fmt"<CR>
	_ "example.com/m/bom"<CR>
)<CR>
-- body/body.go --
package body

import "fmt"

func { TryLock
-- imports/imports.go --
package imports

import "fmt"
import "example.com/etcd
-- other/other.go --
package other

import "unfinished
-- clause/clause.go --
pakcage clause // TryLock
-- empty/empty.go --
-- tests/x_test.go --
package tests_test

import "testing"
`)
	m := find(t, dir, Options{Words: []string{"TryLock"}, Paths: []string{"example.com/etcd"}})
	for ip, want := range map[string]string{
		"bom": "fmt", "crlf": "example.com/m/bom fmt", "body": "fmt", "tests": "testing",
	} {
		p := m.Packages["example.com/m/"+ip]
		if p == nil || strings.Join(slices.Sorted(maps.Keys(p.Imports)), " ") != want {
			t.Errorf("%s: %+v, want imports %s", ip, p, want)
		}
	}
	if !m.Packages["example.com/m/bom"].Mention["TryLock"] || m.Packages["example.com/m/crlf"].Mention["TryLock"] {
		t.Error("words are not found")
	}
	var notes []string
	for _, n := range m.Skipped {
		notes = append(notes, string(n.Reason)+" "+m.Rel(n.Path))
	}
	want := []string{"syntax-error clause/clause.go:1:1", "syntax-error imports/imports.go:4:8"}
	if !slices.Equal(notes, want) {
		t.Errorf("notes: %q, want %q", notes, want)
	}
}

func symlink(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Skip(err)
	}
}

// Links to files within the repository are read, links to directories are not followed, as by
// the go command. A file behind a link that leads out of it is named, and no go command may
// open it.
func TestSymlinks(t *testing.T) {
	dir := write(t, `
-- m/go.mod --
module example.com/m
-- m/a/a.go --
package a
-- m/_inside/o.go --
package o

import "fmt"
-- outside/o.go --
package o
`)
	root := filepath.Join(dir, "m")
	symlink(t, "../_inside/o.go", filepath.Join(root, "a", "linked.go"))
	symlink(t, "../outside", filepath.Join(root, "followed"))
	symlink(t, "../outside", filepath.Join(root, "dir.go"))
	symlink(t, "nowhere", filepath.Join(root, "a", "dangling.go"))
	m := find(t, root, Options{})
	check(t, describe(m), "example.com/m/a: a.go linked.go\n")
	if len(m.Skipped) != 1 || m.Skipped[0].Reason != finding.SkipUnreadable || m.Rel(m.Skipped[0].Path) != "a/dangling.go" {
		t.Errorf("notes: %+v", m.Skipped)
	}
	if len(m.Unfit) != 0 {
		t.Errorf("not fit: %q", m.Unfit)
	}

	// The module itself behind a link: its files are named as the user names them.
	link := filepath.Join(dir, "link")
	symlink(t, "m", link)
	m = find(t, filepath.Join(link, "a"), Options{})
	check(t, describe(m), "example.com/m/a: a.go linked.go\n")
	if m.Root != link || !strings.HasPrefix(m.Packages["example.com/m/a"].Files[0], link) {
		t.Errorf("the root is %s, a file is %s", m.Root, m.Packages["example.com/m/a"].Files[0])
	}

	symlink(t, "../../outside/o.go", filepath.Join(root, "a", "out.go"))
	symlink(t, "/dev/zero", filepath.Join(root, "a", "zero.s"))
	m = find(t, root, Options{})
	if want := []string{filepath.Join(root, "a", "out.go"), filepath.Join(root, "a", "zero.s")}; !slices.Equal(m.Unfit, want) || len(m.Skipped) != 3 {
		t.Errorf("not fit: %q, notes: %+v", m.Unfit, m.Skipped)
	}
}

func TestUnreadable(t *testing.T) {
	dir := write(t, "-- go.mod --\nmodule m\n-- a/a.go --\npackage a\n-- b/b.go --\npackage b\n-- c/c.go --\npackage c\n")
	os.Chmod(filepath.Join(dir, "a"), 0)
	defer os.Chmod(filepath.Join(dir, "a"), 0o777)
	os.Chmod(filepath.Join(dir, "b", "b.go"), 0)
	if _, err := os.ReadFile(filepath.Join(dir, "b", "b.go")); err == nil {
		t.Skip("permissions do not bind this user")
	}
	m := find(t, dir, Options{})
	check(t, describe(m), "m/c: c.go\n")
	if len(m.Skipped) != 2 || m.Skipped[0].Reason != finding.SkipUnreadable || m.Skipped[1].Reason != finding.SkipUnreadable {
		t.Errorf("notes: %+v", m.Skipped)
	}
}

func TestFindErrors(t *testing.T) {
	dir := write(t, "-- none/x --\n-- dir/go.mod/x --\n-- nameless/go.mod --\ngo 1.26\n-- file --\n")
	for _, tc := range []struct{ dir, want string }{
		{"none", "not in a Go module"},
		{"dir/go.mod", "not in a Go module"}, // a directory of that name is none
		{"nameless", "has no module directive; add one"},
		{"file", "is not a directory"},
		{"missing", "cannot use directory"},
	} {
		_, err := Find(filepath.Join(dir, filepath.FromSlash(tc.dir)), Options{Env: quiet})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.dir, err, tc.want)
		}
		if strings.HasPrefix(tc.want, "not in") && !errors.Is(err, modules.ErrNoModule) {
			t.Errorf("%s: %v does not wrap modules.ErrNoModule", tc.dir, err)
		}
	}
}

// Paths are relative to the repository that the module is really in.
func TestRepository(t *testing.T) {
	dir := write(t, `
-- repo/.git/HEAD --
-- repo/svc/go.mod --
module example.com/svc
-- repo/worktree/.git --
gitdir: ../.git/worktrees/x
-- repo/worktree/go.mod --
module example.com/w
-- alone/go.mod --
module example.com/alone
`)
	symlink(t, filepath.Join("repo", "svc"), filepath.Join(dir, "link"))
	for _, tc := range []struct{ root, file, want string }{
		{"repo/svc", "repo/svc/a/b.go", "svc/a/b.go"},
		{"repo/svc", "repo/other/b.go", "other/b.go"},
		{"repo/svc", "repo/svc", "svc"},
		{"repo/worktree", "repo/worktree/b.go", "b.go"},
		{"alone", "alone/a/b.go:3:4", "a/b.go:3:4"},
		{"alone", "repo/svc/a.go", ""},
		{"link", "link/a/b.go", "svc/a/b.go"},
		{"link", "repo/svc/a/b.go", "svc/a/b.go"},
	} {
		m := find(t, filepath.Join(dir, filepath.FromSlash(tc.root)), Options{})
		name := filepath.Join(dir, filepath.FromSlash(tc.file))
		if tc.want == "" {
			tc.want = filepath.ToSlash(name)
		}
		if got := m.Rel(name); got != tc.want {
			t.Errorf("in %s, %s is %s, want %s", tc.root, tc.file, got, tc.want)
		}
	}
}

func TestWorkspace(t *testing.T) {
	dir := write(t, `
-- go.work --
go 1.26

use (
	./used
	./linked
)
-- used/go.mod --
module example.com/used
-- real/go.mod --
module example.com/real
-- unused/go.mod --
module example.com/unused
-- deep/go.work --
go 1.26

use .
-- deep/go.mod --
module example.com/deep
-- broken/go.work --
use use use
-- broken/go.mod --
module example.com/broken
-- dir/go.work/x --
-- dir/go.mod --
module example.com/dir
`)
	symlink(t, "real", filepath.Join(dir, "linked"))
	work, deep := filepath.Join(dir, "go.work"), filepath.Join(dir, "deep", "go.work")
	for _, tc := range []struct{ root, setting, workspace, outside string }{
		{"used", "", work, ""},
		{"used", "auto", work, ""},
		{"used", "off", "", ""},
		{"used", deep, "", deep},
		{"linked", "", work, ""},
		{"real", "", work, ""},
		{"unused", "", "", work},
		{"deep", "", deep, ""},
		{"broken", "", "", ""},
		{"dir", "", "", work},
		{"used", filepath.Join(dir, "missing"), "", ""},
	} {
		m := find(t, filepath.Join(dir, tc.root), Options{Env: append([]string{"GOWORK=" + tc.setting}, quiet...)})
		if m.Workspace != tc.workspace || m.Outside != tc.outside {
			t.Errorf("%s with GOWORK=%s: in %q, outside of %q; want %q, %q",
				tc.root, tc.setting, m.Workspace, m.Outside, tc.workspace, tc.outside)
		}
	}
}

const graph = `
-- go.mod --
module m
-- cmd/x/main.go --
package main

import _ "m/svc"
-- cmd/x/main_test.go --
package main

import _ "m/only/tests"
-- svc/svc.go --
package svc

import _ "m/lock"
-- lock/lock.go --
package lock

import _ "example.com/etcd/concurrency"
-- only/tests/tests.go --
package tests
-- lib/lib_test.go --
package lib_test

import _ "m/lock"
-- lib/lib.go --
package lib
-- usesLib/u.go --
package usesLib

import _ "m/lib"
-- alone/alone.go --
package alone

import "fmt"
-- cycle/a/a.go --
package a

import _ "m/cycle/b"
-- cycle/b/b.go --
package b

import (
	_ "example.com/etcd/concurrency"
	_ "m/cycle/a"
)
`

func TestImporters(t *testing.T) {
	m := find(t, write(t, graph), Options{})
	var got []string
	for _, p := range m.Importers("example.com/other", "example.com/etcd/concurrency") {
		got = append(got, p.Path)
	}
	// Through tests as well: who imports lib is chosen, although lib's tests alone reach
	// the client. That is more than needed, never less.
	want := []string{"m/cmd/x", "m/cycle/a", "m/cycle/b", "m/lib", "m/lock", "m/svc", "m/usesLib"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := m.Importers("example.com/nobody"); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestMatch(t *testing.T) {
	dir := write(t, `
-- go.mod --
module example.com/m
-- m.go --
package m
-- a/a.go --
package a
-- a/b/b.go --
package b
-- ab/ab.go --
package ab
-- docs/x --
-- testdata/t.go --
package t
-- nested/go.mod --
module example.com/nested
-- nested/n.go --
package n
`)
	m := find(t, dir, Options{})
	for _, tc := range []struct{ dir, patterns, want string }{
		{".", ".", "m"},
		{".", "./...", "m m/a m/a/b m/ab"},
		{".", "./a", "m/a"},
		{".", "./a/", "m/a"},
		{".", "./a/...", "m/a m/a/b"},
		{".", "./a...", "m/a m/a/b m/ab"},
		{".", "./.../b", "m/a/b"},
		{"a", "./...", "m/a m/a/b"},
		{"a", "..", "m"},
		{"a/b", "../../ab", "m/ab"},
		{"docs", "../a ../ab", "m/a m/ab"},
		{".", "all", "m m/a m/a/b m/ab"},
		{"a", "example.com/m/ab", "m/ab"},
		{"a", "example.com/m/...", "m m/a m/a/b m/ab"},
		{"a", "example.com/...", "m m/a m/a/b m/ab"},
		{".", dir + "/a", "m/a"},
		{"docs", "./...", "! packages are directories"},
		{".", "./a ./nope", "! packages are directories"},
		{".", "./testdata", "! testdata, vendor"},
		{".", "fmt", "! packages are directories"},
		{".", "./m.go", "! name its package"},
		{".", "..", "! use -C dir"},
		{".", "./nested/...", "! nested is a module of its own"},
	} {
		got, err := m.Match(filepath.Join(dir, tc.dir), strings.Fields(tc.patterns))
		if hint, fails := strings.CutPrefix(tc.want, "! "); fails {
			var pe *PatternError
			if !errors.As(err, &pe) || !strings.Contains(pe.Hint, hint) {
				t.Errorf("%s in %s: %v, want an error with %q", tc.patterns, tc.dir, err, hint)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s in %s: %v", tc.patterns, tc.dir, err)
			continue
		}
		paths := strings.ReplaceAll(strings.Join(slices.Sorted(maps.Keys(got)), " "), "example.com/", "")
		if paths != tc.want {
			t.Errorf("%s in %s: %s, want %s", tc.patterns, tc.dir, paths, tc.want)
		}
	}
}

// BenchmarkFind walks 5,000 files in 500 packages, of 100 lines each.
func BenchmarkFind(b *testing.B) {
	dir := b.TempDir()
	body := strings.Repeat("\nfunc f%d() { println(%d) }\n\n", 33)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/m\n"), 0o666); err != nil {
		b.Fatal(err)
	}
	for p := range 500 {
		pkg := filepath.Join(dir, fmt.Sprintf("d%d", p%25), fmt.Sprintf("p%d", p))
		if err := os.MkdirAll(pkg, 0o777); err != nil {
			b.Fatal(err)
		}
		for f := range 10 {
			src := fmt.Sprintf("package p%d\n\nimport (\n\t\"context\"\n\t\"fmt\"\n\n\t\"example.com/m/d0/p0\"\n)\n%s", p, body)
			if err := os.WriteFile(filepath.Join(pkg, fmt.Sprintf("f%d.go", f)), []byte(src), 0o666); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		m, err := Find(dir, Options{Env: quiet, Words: []string{"TryLock"}})
		if err != nil || len(m.Packages) != 500 {
			b.Fatal(err, len(m.Packages))
		}
	}
}
