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
		p := &packages.Package{ID: "m", PkgPath: "m", Fset: fset, Syntax: []*ast.File{files["a.go"], files["m.go"], files["z.go"]}}
		p.TypesInfo = &types.Info{
			Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
			Implicits: map[ast.Node]types.Object{}, Instances: map[*ast.Ident]types.Instance{}, Scopes: map[ast.Node]*types.Scope{},
			Selections: map[*ast.SelectorExpr]*types.Selection{}, FileVersions: map[*ast.File]string{},
		}
		var err error
		if p.Types, err = new(types.Config).Check("m", fset, p.Syntax, p.TypesInfo); err != nil {
			t.Fatal(err)
		}
		g := callgraph.New(fset, []*packages.Package{p}, func(types.Type) bool { return false })
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
