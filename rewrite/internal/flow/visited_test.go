package flow

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"testing"
)

// Identical instances are one, whoever made them, and ever deeper ones come to an end.
func TestVisited(t *testing.T) {
	const src = `package p
type list[T any] struct { next *list[T] }
type plain struct{}
`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := new(types.Config).Check("p", fset, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	instance := func(arg types.Type) types.Type {
		inst, err := types.Instantiate(nil, pkg.Scope().Lookup("list").Type(), []types.Type{arg}, true)
		if err != nil {
			t.Fatal(err)
		}
		return inst
	}
	number, text := types.Typ[types.Int], types.Typ[types.String]
	if instance(number) == instance(number) {
		t.Fatal("go/types has one value for both: nothing is shown")
	}
	seen := newVisited()
	for _, c := range []struct {
		what  string
		t     types.Type
		first bool
	}{
		{"an instance", instance(number), true},
		{"the same, made again", instance(number), false},
		{"another", instance(text), true},
		{"what is declared", pkg.Scope().Lookup("list").Type(), true},
		{"a type without parameters", pkg.Scope().Lookup("plain").Type(), true},
		{"the same", pkg.Scope().Lookup("plain").Type(), false},
		{"nothing", nil, false},
	} {
		if got := seen.first(c.t); got != c.first {
			t.Errorf("%s: %v, want %v", c.what, got, c.first)
		}
	}
	for name, deeper := range map[string]func(types.Type) types.Type{
		"itself":   func(t types.Type) types.Type { return instance(t) },
		"pointers": func(t types.Type) types.Type { return types.NewPointer(t) },
		"functions": func(t types.Type) types.Type {
			return types.NewSignatureType(nil, nil, nil, nil, types.NewTuple(types.NewVar(0, nil, "", t)), false)
		},
		"structs": func(t types.Type) types.Type {
			return types.NewStruct([]*types.Var{types.NewField(0, nil, "f", t, false)}, nil)
		},
	} {
		seen, arg, n := newVisited(), types.Type(number), 0
		for seen.first(instance(arg)) {
			if arg, n = deeper(arg), n+1; n > 10*deepest {
				t.Fatalf("%s in %s have no end", name, name)
			}
		}
		if n == 0 {
			t.Errorf("%s: none was followed", name)
		}
	}
}
