package load

import (
	"context"
	"fmt"
	"go/ast"
	"go/types"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/txtar"

	"etcdmod/internal/gocmd"
)

// What a load gives is the same whether the build cache has all that is imported, some of it, or
// nothing: each archive in testdata is a module and what it is built with.
func TestStates(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { states(t, name) })
	}
}

func states(t *testing.T, name string) {
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() // the name is new, so that no build cache has what lies here
	want := ""
	for _, f := range a.Files {
		if f.Name == "want" {
			want = strings.ReplaceAll(string(f.Data), "$DIR", dir)
			continue
		}
		at := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	r := gocmd.Runner{Dir: filepath.Join(dir, "app")}.With("GOFLAGS=", "GOPROXY=off", "GOWORK=")
	var built string
	var dirs []string
	for line := range strings.Lines(string(a.Comment)) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), " "); key {
		case "needs":
			if _, err := exec.LookPath(value); err != nil {
				t.Skip(err)
			}
		case "env":
			r = r.With(strings.ReplaceAll(value, "$DIR", dir))
		case "go":
			if _, err := r.Run(t.Context(), strings.Fields(value)...); err != nil {
				t.Fatal(err)
			}
		case "layer":
			if r.Layer == nil {
				if r.Layer, err = gocmd.NewLayer(r); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(r.Layer.Remove)
			}
			data, err := os.ReadFile(filepath.Join(dir, "layer", filepath.FromSlash(value)))
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Layer.Put(data, filepath.Join(dir, filepath.FromSlash(value))); err != nil {
				t.Fatal(err)
			}
		case "build": // what the cache has where it has some
			built = value
		case "load":
			dirs = append(dirs, filepath.Join(r.Dir, filepath.FromSlash(value)))
		}
	}
	cold := load(t, r.With("GOCACHE="+t.TempDir()), dirs, func(source, exported int) bool { return exported == 0 })
	if _, err := r.Run(t.Context(), append([]string{"build"}, strings.Fields(built)...)...); err != nil {
		t.Fatal(err)
	}
	some := load(t, r, dirs, func(source, exported int) bool { return source > 0 && exported > 0 })
	r.Run(t.Context(), "list", "-e", "-export", "-deps", "-test", "-pgo=off", "./...") // it fails where something does not build
	warm := load(t, r, dirs, func(source, exported int) bool { return exported > 0 })
	if d := cmp.Diff(warm, some); d != "" {
		t.Errorf("with some of the cache (-all of it, +some):\n%s", d)
	}
	if d := cmp.Diff(warm, cold); d != "" {
		t.Errorf("with an empty cache (-a full one, +an empty one):\n%s", d)
	}
	problems, _, _ := strings.Cut(warm, ends)
	if d := cmp.Diff(want, problems); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
}

// load describes what a load gives, after it made sure where types come from.
func load(t *testing.T, r gocmd.Runner, dirs []string, state func(source, exported int) bool) string {
	t.Helper()
	patterns := []string{}
	for _, dir := range dirs {
		rel, err := filepath.Rel(r.Dir, dir)
		if err != nil {
			t.Fatal(err)
		}
		patterns = append(patterns, "./"+filepath.ToSlash(rel))
	}
	list, _ := lister{Runner: r, flags: []string{"-pgo=off"}}.list(t.Context(), patterns, question...)
	order := graph(r.Dir, list)
	split(order)
	source, exported := 0, 0
	for _, n := range order {
		switch {
		case n.root || n.PkgPath == "unsafe":
		case n.source:
			source++
		default:
			exported++
		}
	}
	if !state(source, exported) {
		t.Fatalf("%d packages come from source and %d from the build cache", source, exported)
	}
	p, err := NewCache().Load(context.Background(), r, dirs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(describe(p), cache(t, r), "$GOCACHE")
}

// cache is the build cache, in which the files lie that cgo makes.
func cache(t *testing.T, r gocmd.Runner) string {
	t.Helper()
	out, err := r.Run(t.Context(), "env", "GOCACHE")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// ends is what ends the problems in a description.
const ends = "-- packages --\n"

// describe prints all that a program says of its packages, and of what they import.
func describe(p *Program) string {
	var b strings.Builder
	for _, pr := range p.Problems() {
		fmt.Fprintf(&b, "%s: %d: %s: %s\n", pr.Package, pr.Kind, pr.Pos, pr.Message)
	}
	b.WriteString(ends)
	slices.SortFunc(p.Packages, func(a, b *packages.Package) int { return strings.Compare(a.ID, b.ID) })
	for _, pkg := range p.Packages {
		if strings.HasSuffix(pkg.ID, ".test") {
			continue // its file is in the cache
		}
		fmt.Fprintf(&b, "%s %s %v %v\n", pkg.ID, pkg.Name, pkg.GoFiles, pkg.Errors)
		for _, path := range slices.Sorted(maps.Keys(pkg.Imports)) {
			imp := pkg.Imports[path]
			fmt.Fprintf(&b, "\timport %s %s %t %v\n", path, imp.ID, imp.Types.Complete(), imp.Types.Imports())
		}
		for _, f := range pkg.Syntax {
			ast.Inspect(f, func(n ast.Node) bool {
				e, ok := n.(ast.Expr)
				if !ok {
					return true
				}
				tv := pkg.TypesInfo.Types[e]
				fmt.Fprintf(&b, "\t%s %T %v %v", p.Fset.Position(e.Pos()), e, tv.Type, tv.Value)
				if id, ok := e.(*ast.Ident); ok {
					for _, obj := range []types.Object{pkg.TypesInfo.Defs[id], pkg.TypesInfo.Uses[id]} {
						if obj != nil {
							fmt.Fprintf(&b, " %s (%s)", obj, types.NewMethodSet(obj.Type()))
						}
					}
				}
				fmt.Fprintln(&b)
				return true
			})
		}
	}
	return b.String()
}
