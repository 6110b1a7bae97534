package callgraph_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"

	"etcdmod/rewrite/internal/callgraph"
)

// graph builds that of a package with some files. What it imports has no bodies.
func graph(t *testing.T, fset *token.FileSet, imp types.Importer, files ...*ast.File) *callgraph.Graph {
	t.Helper()
	p := &packages.Package{ID: "m", PkgPath: "m", Fset: fset, Syntax: files}
	p.TypesInfo = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Instances: map[*ast.Ident]types.Instance{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, FileVersions: map[*ast.File]string{},
	}
	var err error
	if p.Types, err = (&types.Config{Importer: imp}).Check("m", fset, files, p.TypesInfo); err != nil {
		t.Fatal(err)
	}
	return callgraph.New(fset, []*packages.Package{p}, func(types.Type) bool { return false })
}

// TestOrder demands the same order of functions and edges whatever file has been loaded
// first: several are loaded at a time.
func TestOrder(t *testing.T) {
	src := map[string]string{
		"a.go": "package m\n\nfunc a() { z() }\n",
		"m.go": "package m\n\nfunc both(f func()) { f() }\n\nfunc m() { both(a); both(z) }\n",
		"z.go": "package m\n\nfunc z() {}\n",
	}
	print := func(order ...string) string {
		fset := token.NewFileSet()
		files := map[string]*ast.File{}
		for _, name := range order {
			f, err := parser.ParseFile(fset, name, src[name], 0)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = f
		}
		g := graph(t, fset, nil, files["a.go"], files["m.go"], files["z.go"])
		var out []string
		for _, f := range g.All() {
			out = append(out, f.Name()+":")
			for _, e := range g.From(f) {
				out = append(out, e.Callee.Name())
			}
		}
		return strings.Join(out, " ")
	}
	want := print("a.go", "m.go", "z.go")
	if !strings.Contains(want, "a: z both: a z") {
		t.Errorf("functions are in no order of files: %s", want)
	}
	for _, order := range [][]string{{"z.go", "m.go", "a.go"}, {"m.go", "z.go", "a.go"}} {
		if got := print(order...); got != want {
			t.Errorf("loaded in the order %v: %s\nwant %s", order, got, want)
		}
	}
}

// importer has one package.
type importer struct{ *types.Package }

func (i importer) Import(string) (*types.Package, error) { return i.Package, nil }

// TestFunctionsInInterfaces demands the functions that go to code without a body in an interface, however
// few of its type there are: as what implements it, in what does, and beside those that do not.
func TestFunctionsInInterfaces(t *testing.T) {
	const lib = "package lib\n\nfunc Log(args ...any) {}\n\nfunc Keep(err error) {}\n"
	for name, test := range map[string]struct{ src, want string }{
		"a function is an error": {
			"type failed func()\n\nfunc (failed) Error() string { return \"\" }\n\nfunc gives(err error) { lib.Log(err) }\n\nfunc m() { gives(failed(one)) }\n", "one",
		},
		"an error holds a function": {
			"type failed struct{ f func() }\n\nfunc (failed) Error() string { return \"\" }\n\nfunc gives(err error) { lib.Log(err) }\n\nfunc m() { gives(failed{one}) }\n", "one",
		},
		"a pointer to such an error, returned": {
			"type failed struct{ f func() }\n\nfunc (*failed) Error() string { return \"\" }\n\nfunc err() error { return &failed{one} }\n\nfunc gives() { lib.Log(err()) }\n", "one",
		},
		"no error holds one, and something else does": {
			"type failed struct{}\n\nfunc (failed) Error() string { return \"\" }\n\nfunc gives(err error, v any) { lib.Log(err, v); lib.Keep(err) }\n\nfunc m() { gives(failed{}, one) }\n", "one",
		},
		"no error holds one": {
			"type failed struct{}\n\nfunc (failed) Error() string { return \"\" }\n\nfunc gives(err error) { lib.Log(err) }\n\nfunc m() { gives(failed{}); lib.Log(one) }\n", "",
		},
		"of a type parameter": {
			"func gives[T any](v T) { lib.Log(v) }\n\nfunc m() { gives(one) }\n", "one",
		},
	} {
		t.Run(name, func(t *testing.T) {
			fset := token.NewFileSet()
			parse := func(name, src string) *ast.File {
				f, err := parser.ParseFile(fset, name, src, 0)
				if err != nil {
					t.Fatal(err)
				}
				return f
			}
			imported, err := new(types.Config).Check("lib", fset, []*ast.File{parse("lib.go", lib)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			g := graph(t, fset, importer{imported}, parse("m.go", "package m\n\nimport \"lib\"\n\nfunc one() {}\n\n"+test.src))
			got := map[string]bool{}
			for _, f := range g.All() {
				for _, e := range g.From(f) {
					if e.Kind == callgraph.Handed && e.Method == "" && strings.HasPrefix(f.Name(), "gives") {
						got[e.Callee.Name()] = true
					}
				}
			}
			if want := test.want != ""; got[test.want] != want || len(got) > 1 {
				t.Errorf("handed on are %v, want %q", got, test.want)
			}
		})
	}
}
