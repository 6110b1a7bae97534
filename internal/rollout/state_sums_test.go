package rollout

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"etcdmod/internal/pipeline"
)

// The root of the tree is the directory "mono" of it; "away" is beside it.
const tied = `
-- mono/.git/HEAD --
ref: refs/heads/main
-- mono/.github/CODEOWNERS --
* @org/all
-- mono/go.mod --
module example.com/root
-- mono/x.go --
package root
-- mono/app/go.mod --
module example.com/app

replace example.com/lib => ../lib
-- mono/app/x.go --
package app
-- mono/app/data.txt --
embedded
-- mono/app/testdata/golden.txt --
golden
-- mono/app/testdata/m/go.mod --
module example.com/m
-- mono/app/vendor/modules.txt --
# nothing
-- mono/app/nested/go.mod --
module example.com/nested
-- mono/below/go.mod --
module example.com/app/below
-- mono/tool/go.mod --
module example.com/tool

replace example.com/lib => ../lib
-- mono/lib/go.mod --
module example.com/lib

replace example.com/base => ../base
-- mono/lib/x.go --
package lib
-- mono/base/go.mod --
module example.com/base
-- mono/base/x.go --
package base
-- mono/far/go.mod --
module example.com/far

replace (
	example.com/away => ../../away
	example.com/fake => ./testdata/fake
)
-- mono/far/testdata/fake/go.mod --
module example.com/fake
-- mono/far/testdata/fake/x.go --
package fake
-- away/go.mod --
module example.com/away

replace example.com/further => ./further
-- away/further/go.mod --
module example.com/further
-- away/further/x.go --
package further
-- mono/work/go.work --
go 1.21

use (
	./one
	./two
)

replace example.com/hidden => ./_hidden
-- mono/work/one/go.mod --
module example.com/one
-- mono/work/one/x.go --
package one
-- mono/work/two/go.mod --
module example.com/two
-- mono/work/two/x.go --
package two
-- mono/work/_hidden/go.mod --
module example.com/hidden
-- mono/work/_hidden/x.go --
package hidden
`

// A change redoes the modules whose results may depend on it, and no others.
func TestChanged(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("git", "init", "-q", filepath.Join(top, "mono")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, f := range txtar.Parse([]byte(tied)).Files {
		write(f.Name, string(f.Data))
	}
	root := filepath.Join(top, "mono")
	all := []string{".", "app", "app/nested", "base", "below", "far", "far/testdata/fake", "lib", "tool", "work/one", "work/two"}
	// The state and the output are in the root module, and no part of it.
	opts := Options{Root: root, By: ByModule, Ignored: true, Out: filepath.Join(root, "out"), State: filepath.Join(root, "state"), Resume: true}
	tests := opts
	tests.State, tests.Pipeline = filepath.Join(root, "state-of-tests"), pipeline.Options{Test: true}
	rec := &recorder{}
	run := func(opts Options) []string {
		t.Helper()
		if _, err := start(t.Context(), opts, rec.steps()); err != nil {
			t.Fatal(err)
		}
		return rec.took()
	}
	if d := cmp.Diff(all, run(opts)); d != "" {
		t.Fatalf("-want +got:\n%s", d)
	}
	for _, c := range []struct {
		file, text string // "" removes the file
		want       string
	}{
		{"", "", ""},
		{"mono/.git/HEAD", "ref: refs/heads/other", ""},
		{"mono/app/x.go", "package app // changed", "app base lib"}, // lib and base have to compile with app
		{"mono/tool/new.go", "package tool", "base lib tool"},
		{"mono/lib/x.go", "package lib // changed", "app base lib tool"},
		{"mono/base/x.go", "package base // changed", "app base lib tool"},
		{"mono/app/data.txt", "changed", ""},
		{"mono/app/testdata/golden.txt", "changed", ""},
		{"mono/app/new.txt", "new", "app base lib"},
		{"mono/app/new.txt", "", "app base lib"},
		{"mono/app/vendor/modules.txt", "# changed", "app base lib"},
		{"mono/app/testdata/m/x.go", "package m", ""},
		{"mono/app/nested/x.go", "package nested", "app/nested"},
		{"mono/below/x.go", "package below", "app below"}, // it may import internal packages of app
		{"mono/below/go.mod", "module example.com/application", "app below"},
		{"mono/below/x.go", "package below // changed", "below"},
		{"mono/x.go", "package root // changed", "."},
		{"mono/far/testdata/fake/x.go", "package fake // changed", "far far/testdata/fake"},
		{"away/x.go", "package away", "far far/testdata/fake"},
		{"away/further/x.go", "package further // changed", "far far/testdata/fake"},
		{"mono/work/one/x.go", "package one // changed", "work/one work/two"}, // either may import the other
		{"mono/work/two/go.mod", "module example.com/two // changed", "work/one work/two"},
		{"mono/work/go.work.sum", "changed", ". work/one work/two"}, // a new file of the root module
		{"mono/work/_hidden/x.go", "package hidden // changed", "work/one work/two"},
		{"mono/work/go.work", "go 1.21\n\nuse ./one\n", "work/one work/two"},
		{"mono/.github/CODEOWNERS", "* @org/none", strings.Join(all, " ")},
		{"mono/CODEOWNERS", "* @org/hidden", "."}, // .github comes first: a file of the root module like any
		{"mono/.github/CODEOWNERS", "", strings.Join(all, " ")},
		{"mono/new/go.mod", "module example.com/base/new", "base new"},
	} {
		if c.text != "" {
			write(c.file, c.text)
		} else if c.file != "" {
			if err := os.Remove(filepath.Join(top, c.file)); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(strings.Fields(c.want), run(opts), cmpNil); d != "" {
			t.Errorf("%s: -want +got:\n%s", c.file, d)
		}
	}

	// Tests read what they like.
	run(tests)
	for file, want := range map[string]string{
		"mono/app/data.txt":            "app base lib",
		"mono/app/testdata/golden.txt": "app base lib",
		"mono/app/testdata/m/x.go":     "app base lib",
		"mono/far/x.txt":               "far far/testdata/fake",
	} {
		write(file, "package changed // again")
		if got := run(tests); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("with tests: %s: %v, want %s", file, got, want)
		}
	}
}

// cmpNil takes nil for an empty list.
var cmpNil = cmp.Transformer("list", func(list []string) string { return strings.Join(list, " ") })
