package vendoring

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/goproxytest"

	"etcdmod/internal/change"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
)

const (
	oldVersion = "github.com/coreos/etcd v3.2.9+incompatible"
	newVersion = "github.com/coreos/etcd v3.2.26+incompatible"

	gomod = "module example.com/app\n\ngo 1.16\n\nrequire (\n\t" + oldVersion + "\n" +
		"\tgoogle.golang.org/genproto v0.1.0\n\tgoogle.golang.org/grpc v1.5.1\n)\n"
	source = "package app\n\nimport (\n\t_ \"github.com/coreos/etcd/clientv3\"\n\t_ \"google.golang.org/genproto/googleapis/api/annotations\"\n)\n"
)

// bumped is a go.mod with the new version.
func bumped(gomod string) string { return strings.Replace(gomod, oldVersion, newVersion, 1) }

// vendored makes a module that is vendored, and gives its states before and after a bump.
func vendored(t *testing.T, source string) (r gocmd.Runner, before, after State) {
	t.Helper()
	r = gocmd.Runner{Dir: t.TempDir()}.With(
		"GOPROXY="+goproxytest.NewTestServer(t, "../../../testdata/proxy", "").URL, "GOSUMDB=off", "GOENV=off",
		"GOFLAGS=-modcacherw", "GOMODCACHE="+filepath.Join(t.TempDir(), "modcache"))
	state := func(gomod string) State {
		write(t, filepath.Join(r.Dir, "go.mod"), gomod)
		if _, err := r.Run(t.Context(), "list", "-mod=mod", "-deps", "./..."); err != nil {
			t.Fatal(err)
		}
		sum, err := os.ReadFile(filepath.Join(r.Dir, "go.sum"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return State{GoMod: []byte(gomod), GoSum: sum}
	}
	write(t, filepath.Join(r.Dir, "app.go"), source)
	after = state(bumped(gomod))
	before = state(gomod)
	if _, err := r.Run(t.Context(), "mod", "vendor"); err != nil {
		t.Fatal(err)
	}
	return r, before, after
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte(text), 0o666)); err != nil {
		t.Fatal(err)
	}
}

// alone is the vendor directory of the module in the directory of r.
func alone(r gocmd.Runner) Directory { return Directory{Home: r.Dir, Go: r} }

// tree maps the files below a directory to their content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		all[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The changes, made, give what "go mod vendor" gives; finding them out writes nothing.
func TestChanges(t *testing.T) {
	r, before, after := vendored(t, source)
	was := tree(t, r.Dir)
	res, err := alone(r).Changes(t.Context(), before, after)
	if err != nil {
		t.Fatal(err)
	}
	changes := res.Changes
	if d := cmp.Diff(was, tree(t, r.Dir)); d != "" {
		t.Fatalf("the module changed: -was +is:\n%s", d)
	}
	var names []string
	for _, c := range changes {
		rel, err := filepath.Rel(filepath.Join(r.Dir, "vendor"), c.Path)
		if err != nil {
			t.Fatal(err)
		}
		kind := " changed"
		switch {
		case c.Created && !c.Deleted && c.Old == nil:
			kind = " created"
			err = os.WriteFile(c.Path, c.New, 0o666)
		case c.Deleted && !c.Created && c.New == nil:
			kind = " deleted"
			err = os.Remove(c.Path)
		default:
			if c.Created || c.Deleted || was[c.Path] != string(c.Old) || bytes.Equal(c.Old, c.New) {
				t.Errorf("%+v", c)
			}
			err = os.WriteFile(c.Path, c.New, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.ToSlash(rel)+kind)
	}
	if d := cmp.Diff([]string{
		"github.com/coreos/etcd/clientv3/client.go changed",
		"github.com/coreos/etcd/clientv3/new.go created",
		"github.com/coreos/etcd/clientv3/old.go deleted",
		"modules.txt changed",
	}, names); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	write(t, filepath.Join(r.Dir, "go.mod"), string(after.GoMod))
	write(t, filepath.Join(r.Dir, "go.sum"), string(after.GoSum))
	made := tree(t, filepath.Join(r.Dir, "vendor"))
	if _, err := r.Run(t.Context(), "mod", "vendor"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tree(t, filepath.Join(r.Dir, "vendor")), made); d != "" {
		t.Errorf("\"go mod vendor\" makes another one: -go +changes:\n%s", d)
	}
	if _, err := r.Run(t.Context(), "build", "-mod=vendor", "./..."); err != nil {
		t.Error(err)
	}
	if again, err := alone(r).Changes(t.Context(), after, after); err != nil || len(again.Changes)+len(again.Edited) > 0 {
		t.Errorf("the same again: %+v, %v", again, err)
	}
}

// A vendor directory that somebody edited is left alone where it would change, and elsewhere
// what is edited is named.
func TestChangesEdited(t *testing.T) {
	for _, test := range []struct {
		name, file string
		text       string // "" removes the file
		says       string
	}{
		{"a file that changes", "clientv3/client.go", "package clientv3 // patched\n", "client.go is not what \"go mod vendor\" makes"},
		{"a file that goes", "clientv3/old.go", "package clientv3 // patched\n", "old.go is not what"},
		{"a file that changes is missing", "clientv3/client.go", "", "client.go is not what"},
		{"a file that goes is missing", "clientv3/old.go", "", "old.go is not what"},
		{"a file that comes is there", "clientv3/new.go", "package clientv3\n", "new.go is not what"},
		{"a file of another name", "clientv3/patch.go", "package clientv3\n", ""},
		{"another module", "../../../google.golang.org/grpc/patch.go", "package grpc\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, before, after := vendored(t, source)
			name := filepath.Join(r.Dir, "vendor/github.com/coreos/etcd", test.file)
			if test.text == "" {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, name, test.text)
			}
			res, err := alone(r).Changes(t.Context(), before, after)
			if test.says == "" {
				if err != nil || len(res.Changes) != 4 || !slices.Equal(res.Edited, []string{name}) {
					t.Errorf("%+v, %v", res, err)
				}
				return
			}
			if err == nil || res != nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "run \"go mod vendor\" first") {
				t.Errorf("want %q, got %v, %+v", test.says, err, res)
			}
		})
	}
}

// What cannot be vendored, before or after, is an error that says which.
func TestChangesErrors(t *testing.T) {
	r, before, after := vendored(t, source)
	gone := State{GoMod: bytes.Replace(after.GoMod, []byte("v3.2.26"), []byte("v3.2.99"), 1), GoSum: after.GoSum}
	if _, err := alone(r).Changes(t.Context(), before, gone); err == nil || !strings.Contains(err.Error(), "cannot be made for the edited go.mod") || !strings.Contains(err.Error(), "v3.2.99") {
		t.Errorf("after: %v", err)
	}
	// What is there says itself what it is, where all of it is as the modules have it.
	if res, err := alone(r).Changes(t.Context(), gone, after); err != nil || len(res.Refresh) > 0 || len(res.Changes) != 4 {
		t.Errorf("before, with what modules.txt says: %+v, %v", res, err)
	}
	write(t, filepath.Join(r.Dir, "vendor/github.com/coreos/etcd/clientv3/client.go"), "package clientv3 // patched\n")
	if _, err := alone(r).Changes(t.Context(), gone, after); err == nil || !strings.Contains(err.Error(), "cannot be compared with go.mod") {
		t.Errorf("before: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := alone(r).Changes(ctx, before, after); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A module of whose requirements no package is imported has nothing to vendor.
func TestChangesNothing(t *testing.T) {
	r, before, after := vendored(t, "package app\n")
	res, err := alone(r).Changes(t.Context(), before, after)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.Changes {
		if filepath.Base(c.Path) != "modules.txt" {
			t.Errorf("%s changes", c.Path)
		}
	}
	none := State{GoMod: []byte("module example.com/app\n\ngo 1.16\n")}
	if res, err := (Directory{Home: t.TempDir(), Go: r}).Changes(t.Context(), none, none); err != nil || len(res.Changes) > 0 {
		t.Errorf("without requirements and go.sum: %+v, %v", res, err)
	}
}

// What an earlier go command made of the same go.mod means the same: modules.txt in another
// order and without remarks, and with files that no build reads. That is put right first, and is
// not among what changes with the go.mod.
func TestChangesMeaning(t *testing.T) {
	r, before, after := vendored(t, source)
	name := filepath.Join(r.Dir, "vendor", "modules.txt")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var modules []string // the last one first
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "##"):
		case strings.HasPrefix(line, "#"):
			modules = append([]string{line}, modules...)
		default:
			modules[0] += line
		}
	}
	write(t, name, strings.Join(modules, ""))
	client := filepath.Join(r.Dir, "vendor/github.com/coreos/etcd/clientv3")
	for base, text := range map[string]string{
		"gen.go": "// +build ignore\n\npackage main\n", "doc.md": "text\n", "BUILD.bazel": "\n",
		"old_gen.go": "// Makes tables.\n\n//go:build tools && ignore\n\npackage main\n",
	} {
		write(t, filepath.Join(client, base), text)
	}
	res, err := alone(r).Changes(t.Context(), before, after)
	if err != nil || len(res.Edited) > 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	if d := cmp.Diff([]string{"gen.go -", "old_gen.go -", "modules.txt"}, kinds(res.Refresh)); d != "" {
		t.Errorf("the refresh: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"client.go", "new.go +", "old.go -", "modules.txt"}, kinds(res.Changes)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	first, then := res.Refresh[len(res.Refresh)-1], res.Changes[len(res.Changes)-1]
	if string(first.Old) != strings.Join(modules, "") || string(first.New) != string(text) || string(then.Old) != string(text) || string(then.New) != bumped(string(text)) {
		t.Errorf("modules.txt:\n%s\n%s", first.New, then.New)
	}
	// Another version, or a package more, means something else.
	for _, edit := range []string{strings.ReplaceAll(string(text), "v1.5.1", "v1.7.5"), string(text) + "google.golang.org/grpc/naming\n", strings.Replace(string(text), "# google.golang.org/grpc v1.5.1", "# google.golang.org/grpc v1.5.1 => ../grpc", 1)} {
		write(t, name, edit)
		if res, err := alone(r).Changes(t.Context(), before, after); err == nil {
			t.Errorf("%+v with\n%s", res, edit)
		}
	}
}

// kinds gives the base names of what changes, with "+" or "-" after what comes or goes.
func kinds(changes []change.Change) (out []string) {
	for _, c := range changes {
		name := filepath.Base(c.Path)
		switch {
		case c.Created:
			name += " +"
		case c.Deleted:
			name += " -"
		}
		out = append(out, name)
	}
	return out
}

// A go.mod that was edited without vendoring again leaves a directory of other versions. It is
// brought up to the go.mod first, where it is as those versions are.
func TestChangesStale(t *testing.T) {
	r, before, after := vendored(t, source)
	const stale = "github.com/coreos/etcd v3.2.5+incompatible"
	write(t, filepath.Join(r.Dir, "go.mod"), strings.Replace(gomod, oldVersion, stale, 1))
	if _, err := r.Run(t.Context(), "list", "-mod=mod", "-deps", "./..."); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), "mod", "vendor"); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(r.Dir, "go.mod"), gomod)
	res, err := alone(r).Changes(t.Context(), before, after)
	if err != nil || len(res.Edited) > 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	if d := cmp.Diff([]string{"client.go", "old.go +", "grpc.go +", "modules.txt"}, kinds(res.Refresh)); d != "" {
		t.Errorf("the refresh: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"client.go", "new.go +", "old.go -", "modules.txt"}, kinds(res.Changes)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	// Where a file of it was edited, nothing is overwritten.
	name := filepath.Join(r.Dir, "vendor/github.com/coreos/etcd/clientv3/client.go")
	was, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, string(was)+"\n// patched\n")
	if res, err := alone(r).Changes(t.Context(), before, after); err == nil || !strings.Contains(err.Error(), "is not what \"go mod vendor\" makes") {
		t.Errorf("%+v, %v", res, err)
	}
}

// The directories that modules.txt names for what is replaced are those from the go.work on,
// wherever the go.work was copied to.
func TestRespelled(t *testing.T) {
	home, copied := filepath.FromSlash("/repo/work"), filepath.FromSlash("/tmp/x/work")
	file, err := modules.ParseGoWork(filepath.Join(home, "go.work"), []byte("go 1.22\n\nuse ./a\n\nreplace (\n\texample.com/b => ../b\n\texample.com/c => /src/c\n)\n"))
	if err != nil {
		t.Fatal(err)
	}
	text := "## workspace\n# example.com/a v1.0.0 => ../../../repo/work/a/fork\n## explicit\n# example.com/b v1.0.0 => /repo/b\nexample.com/b\n" +
		"# example.com/c => /src/c\n# example.com/d v1.0.0 => example.com/e v1.0.0\n# example.com/f v1.0.0 => ../../../repo/f\n"
	want := "## workspace\n# example.com/a v1.0.0 => ./a/fork\n## explicit\n# example.com/b v1.0.0 => ../b\nexample.com/b\n" +
		"# example.com/c => /src/c\n# example.com/d v1.0.0 => example.com/e v1.0.0\n# example.com/f v1.0.0 => ../f\n"
	if d := cmp.Diff(want, string(respelled([]byte(text), copied, file, home))); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A file is left out of every build where its constraint does not hold without "ignore".
func TestLeftOut(t *testing.T) {
	for text, want := range map[string]bool{
		"//go:build ignore\n\npackage p\n":            true,
		"// +build ignore\n\npackage p\n":             true,
		"//go:build linux && ignore\n\npackage p\n":   true,
		"//go:build linux || ignore\n\npackage p\n":   false,
		"//go:build !ignore\n\npackage p\n":           false,
		"//go:build !linux && !cgo\n\npackage p\n":    false,
		"package p\n\n//go:build ignore\n":            false,
		"// Text.\n\n// +build ignore\n\npackage p\n": true,
		"no Go": false,
		"// +build ignore\n\npackage p // and an import\nimpor\n": true,
	} {
		if got := leftOut("p.go", []byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if leftOut("p.s", []byte("// +build ignore\n")) || !compiled("p.s", nil) || compiled("p_test.go", []byte("package p\n")) || compiled("README.md", nil) {
		t.Error("files that are no Go files, or tests")
	}
}
