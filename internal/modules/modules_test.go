package modules

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/finding"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// extract writes an archive into a directory of its own and returns that.
func extract(t *testing.T, archive string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name := filepath.Join(root, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func find(t *testing.T, root string, opts Options) *Tree {
	t.Helper()
	tree, err := Find(t.Context(), root, opts)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// dirs gives the modules by their directories.
func (t *Tree) dirs(indexes ...int) []string {
	out := []string{}
	for _, i := range indexes {
		out = append(out, t.Modules[i].Dir)
	}
	return out
}

func (t *Tree) all() []string {
	out := []string{}
	for _, m := range t.Modules {
		out = append(out, m.Dir)
	}
	return out
}

const places = `
-- go.mod --
module example.com/root
-- .gitignore --
/generated/
-- a/go.mod --
module example.com/a
-- a/vendor/v/go.mod --
module example.com/v
-- a/testdata/t/go.mod --
module example.com/t
-- a/deep/er/go.mod --
module example.com/er
-- _old/go.mod --
module example.com/old
-- .tools/go.mod --
module example.com/tools
-- web/node_modules/n/go.mod --
module example.com/n
-- generated/g/go.mod --
module example.com/g
-- gone/go.mod --
module example.com/gone
-- nested/go.mod --
module example.com/nested
-- dir/go.mod/go.mod --
module example.com/odd
`

func TestPlaces(t *testing.T) {
	root := extract(t, places)
	git(t, filepath.Join(root, "nested"), "init", "-q")
	if err := os.Symlink(filepath.Join(root, "a"), filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	everywhere := []string{".", "a", "a/deep/er", "dir/go.mod", "generated/g", "gone"}
	nested := []finding.Note{{Path: "nested", Detail: "a git repository of its own; run there"}}

	plain := find(t, root, Options{})
	if d := cmp.Diff(everywhere, plain.all()); d != "" {
		t.Errorf("without git: -want +got:\n%s", d)
	}
	if d := cmp.Diff(nested, plain.Notes); d != "" {
		t.Errorf("without git: -want +got:\n%s", d)
	}

	git(t, root, "init", "-q")
	git(t, root, "add", "go.mod", "a", "gone")
	if d := cmp.Diff(nested, find(t, root, Options{}).Notes); d != "" {
		t.Errorf("with git: -want +got:\n%s", d)
	}
	git(t, root, "commit", "-q", "-m", "start")
	if err := os.Remove(filepath.Join(root, "gone", "go.mod")); err != nil {
		t.Fatal(err)
	}
	// Untracked modules count, ignored ones do not, deleted ones are no longer there.
	if d := cmp.Diff([]string{".", "a", "a/deep/er", "dir/go.mod"}, find(t, root, Options{}).all()); d != "" {
		t.Errorf("with git: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{".", "a", "a/deep/er", "dir/go.mod", "generated/g"}, find(t, root, Options{Ignored: true}).all()); d != "" {
		t.Errorf("with what git ignores: -want +got:\n%s", d)
	}
	// Below the root of the repository, and through a link.
	if d := cmp.Diff([]string{".", "deep/er"}, find(t, filepath.Join(root, "link"), Options{}).all()); d != "" {
		t.Errorf("through a link: -want +got:\n%s", d)
	}
	inside := find(t, filepath.Join(root, "generated"), Options{})
	if len(inside.Modules) != 0 || len(inside.Notes) != 1 || !strings.Contains(inside.Notes[0].Detail, "-ignored") {
		t.Errorf("in an ignored directory: %+v", inside)
	}
	// Within a hook of another repository.
	env := append(os.Environ(), "GIT_DIR="+filepath.Join(root, "nested", ".git"))
	if d := cmp.Diff([]string{".", "a", "a/deep/er", "dir/go.mod"}, find(t, root, Options{Env: env}).all()); d != "" {
		t.Errorf("with GIT_DIR set: -want +got:\n%s", d)
	}
}

func TestSubmodule(t *testing.T) {
	root := extract(t, "-- go.mod --\nmodule example.com/root\n-- lib/go.mod --\nmodule example.com/lib\n")
	lib := filepath.Join(root, "lib")
	git(t, lib, "init", "-q")
	git(t, lib, "add", ".")
	git(t, lib, "commit", "-q", "-m", "start")
	git(t, root, "init", "-q")
	git(t, root, "submodule", "--quiet", "add", "./lib", "lib")
	check := func() {
		t.Helper()
		tree := find(t, root, Options{})
		if d := cmp.Diff([]string{"."}, tree.all()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		if d := cmp.Diff([]finding.Note{{Path: "lib", Detail: "a git repository of its own; run there"}}, tree.Notes); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	}
	check()
	// Somebody added it with no more than "git add".
	git(t, root, "rm", "-q", "-f", "--cached", ".gitmodules")
	if err := os.Remove(filepath.Join(root, ".gitmodules")); err != nil {
		t.Fatal(err)
	}
	check()
}

func TestTies(t *testing.T) {
	root := extract(t, `
-- app/go.mod --
module example.com/app

require example.com/middle v1.0.0

replace example.com/middle => ../middle
-- middle/go.mod --
module example.com/middle

replace (
	example.com/zlib v1.0.0 => ../zlib
	example.com/other => example.com/fork v1.0.0
	example.com/away => ../../away
)
-- zlib/go.mod --
module example.com/zlib
-- alone/go.mod --
module example.com/alone

replace example.com/app => ../nowhere
-- broken/go.mod --
<<<<<<<
-- cycle/a/go.mod --
module example.com/a

replace example.com/b => ../b
-- cycle/b/go.mod --
module example.com/b

replace example.com/a => ../a
-- work/go.work --
go 1.22

use (
	./one
	./two
)

replace example.com/zlib => ../zlib
-- work/one/go.mod --
module example.com/one

require (
	example.com/two v0.0.0
	example.com/three v0.0.0
	example.com/zlib v1.0.0
)
-- work/two/go.mod --
module example.com/two
-- work/three/go.mod --
module example.com/three
`)
	tree := find(t, root, Options{})
	deps := map[string][]string{}
	for _, m := range tree.Modules {
		if len(m.Deps) > 0 {
			deps[m.Dir] = tree.dirs(m.Deps...)
		}
	}
	want := map[string][]string{
		"app": {"middle"}, "middle": {"zlib"}, "cycle/a": {"cycle/b"}, "cycle/b": {"cycle/a"},
		"work/one": {"work/two", "zlib"}, // three is not in the workspace
	}
	if d := cmp.Diff(want, deps); d != "" {
		t.Errorf("deps: -want +got:\n%s", d)
	}
	var groups [][]string
	for _, g := range tree.Groups() {
		groups = append(groups, tree.dirs(g...))
	}
	if d := cmp.Diff([][]string{
		{"alone"}, {"app", "middle", "work/one", "work/two", "zlib"}, {"broken"}, {"cycle/a", "cycle/b"}, {"work/three"},
	}, groups); d != "" {
		t.Errorf("groups: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{
		"alone", "zlib", "middle", "app", "broken", "cycle/b", "cycle/a", "work/two", "work/one", "work/three",
	}, tree.dirs(tree.Order()...)); d != "" {
		t.Errorf("order: -want +got:\n%s", d)
	}
	of := func(dir string) int {
		i, ok := tree.Index(filepath.Join(root, filepath.FromSlash(dir)))
		if !ok {
			t.Fatalf("%s is no module", dir)
		}
		return i
	}
	if d := cmp.Diff([]string{"middle", "app"}, tree.dirs(tree.Replacers(of("zlib"))...)); d != "" {
		t.Errorf("replacers: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"middle", "app", "work/one"}, tree.dirs(tree.Users(of("zlib"))...)); d != "" {
		t.Errorf("users: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"app", "middle", "zlib"}, tree.dirs(tree.Around(of("middle"))...)); d != "" {
		t.Errorf("around: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"app", "middle", "work/one", "work/two", "zlib"}, tree.dirs(tree.Around(of("zlib"))...)); d != "" {
		t.Errorf("around: -want +got:\n%s", d)
	}
	// A member of a workspace imports others of it without a requirement.
	if d := cmp.Diff([]string{"work/one"}, tree.dirs(tree.Importers(of("work/two"))...)); d != "" {
		t.Errorf("importers: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"work/two"}, tree.dirs(tree.Importers(of("work/one"))...)); d != "" {
		t.Errorf("importers: -want +got:\n%s", d)
	}
	for _, m := range tree.Modules {
		if (m.Problem != "") != (m.Dir == "broken") {
			t.Errorf("%s: problem %q", m.Dir, m.Problem)
		}
		if inside := m.Dir == "work/one" || m.Dir == "work/two"; (m.Workspace == "work/go.work") != inside {
			t.Errorf("%s: workspace %q", m.Dir, m.Workspace)
		}
	}
	off := find(t, root, Options{Env: append(os.Environ(), "GOWORK=off")})
	for _, m := range off.Modules {
		if m.Dir == "work/one" && (len(m.Deps) > 0 || m.Workspace != "") {
			t.Errorf("GOWORK=off: %+v", m)
		}
	}
}

// A directory counts as what it is, by whatever way a replace directive or a go.work gets
// there.
func TestLinks(t *testing.T) {
	root := extract(t, `
-- real/lib/go.mod --
module example.com/lib
-- app/go.mod --
module example.com/app

replace example.com/lib => ./linked
-- deep/app/go.mod --
module example.com/deep

replace example.com/lib => ../../roads/lib
-- work/go.work --
use (
	../road
	./user
)
-- work/user/go.mod --
module example.com/user

require example.com/lib v0.0.0
`)
	for link, to := range map[string]string{
		"app/linked": "../real/lib", // the module
		"roads":      "real",        // above it
		"road":       "roads/lib",   // through another link
	} {
		if err := os.Symlink(filepath.FromSlash(to), filepath.Join(root, filepath.FromSlash(link))); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string][]string{"app": {"real/lib"}, "deep/app": {"real/lib"}}
	// The go command looks for a go.work above the directory as it is spelled, so that lib is
	// in the workspace only if somebody says so.
	tree := find(t, root, Options{Env: append(os.Environ(), "GOWORK="+filepath.Join(root, "work", "go.work"))})
	lib, _ := tree.Index(filepath.Join(root, "roads", "lib"))
	if tree.Modules[lib].Workspace != "work/go.work" {
		t.Errorf("lib is in the workspace %q", tree.Modules[lib].Workspace)
	}
	for _, m := range tree.Modules {
		if d := cmp.Diff(want[m.Dir], tree.dirs(m.Replaces...), cmp.Transformer("len0", func(s []string) string { return strings.Join(s, " ") })); d != "" {
			t.Errorf("%s: -want +got:\n%s", m.Dir, d)
		}
		if m.Dir == "work/user" {
			if d := cmp.Diff([]string{"real/lib"}, tree.dirs(m.Deps...)); d != "" {
				t.Errorf("%s: -want +got:\n%s", m.Dir, d)
			}
		}
	}
	var spelled []string
	for _, name := range tree.Spellings(lib, func(j int) string { return tree.Abs(tree.Modules[j].Dir) }) {
		spelled = append(spelled, tree.inside(name))
	}
	if d := cmp.Diff([]string{"app/linked", "real/lib", "road", "roads/lib"}, spelled); d != "" {
		t.Errorf("lib is reached by: -want +got:\n%s", d)
	}
	// The same of modules that are named, whichever way.
	named, err := In(root, []string{filepath.Join(root, "app"), filepath.Join(root, "app", "linked"), filepath.Join(root, "roads", "lib")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"app", "real/lib"}, named.all()); d != "" {
		t.Errorf("named: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"real/lib", "app"}, named.dirs(named.Order()...)); d != "" {
		t.Errorf("named: -want +got:\n%s", d)
	}
}

// A module that is left out by its name is built all the same where others say so, and then it is
// looked at. What .gitignore leaves out is not.
func TestNamed(t *testing.T) {
	root := extract(t, `
-- .gitignore --
/_ignored/
-- app/go.mod --
module example.com/app

replace (
	example.com/lib => ../testdata/lib
	example.com/ignored => ../_ignored
	example.com/other => ../testdata/other
	example.com/none => ../testdata/none
)
-- testdata/lib/go.mod --
module example.com/lib

replace example.com/deep => ../../.deep
-- .deep/go.mod --
module example.com/deep
-- testdata/alone/go.mod --
module example.com/alone
-- testdata/other/go.mod --
module example.com/other
-- _ignored/go.mod --
module example.com/ignored
-- work/go.work --
use (
	./user
	./_used
)
-- work/user/go.mod --
module example.com/user
-- work/_used/go.mod --
module example.com/used
`)
	git(t, filepath.Join(root, "testdata", "other"), "init", "-q")
	want := []string{".deep", "app", "testdata/lib", "work/_used", "work/user"}
	if d := cmp.Diff(append([]string{".deep", "_ignored"}, want[1:]...), find(t, root, Options{}).all()); d != "" {
		t.Errorf("without git: -want +got:\n%s", d)
	}
	git(t, root, "init", "-q")
	tree := find(t, root, Options{})
	if d := cmp.Diff(want, tree.all()); d != "" {
		t.Errorf("with git: -want +got:\n%s", d)
	}
	if len(tree.Notes) != 0 {
		t.Errorf("notes: %v", tree.Notes)
	}
	if i, _ := tree.Index(filepath.Join(root, "app")); cmp.Diff([]string{"testdata/lib"}, tree.dirs(tree.Modules[i].Replaces...)) != "" {
		t.Errorf("app replaces %v", tree.dirs(tree.Modules[i].Replaces...))
	}
}
