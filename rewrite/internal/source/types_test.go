package source

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"testing"
)

// TestMethodKey holds keys against the identity of types, for signatures that are spelled in
// different ways.
func TestMethodKey(t *testing.T) {
	const src = `package p

type (
	own    struct{}
	same   = own
	list   = []*own
	call   = func(same) error
	box[T any] struct{ v T }
	boxed  = box[same]
)

type a struct{}; func (a) M(own, ...[]*own) (func(own) error, map[string]box[own]) { return nil, nil }
type b struct{}; func (b) M(_ same, rest ...list) (f call, m map[string]boxed) { return nil, nil }
type c struct{}; func (c) M(own, []*own) (func(own) error, map[string]box[own]) { return nil, nil }
type d struct{}; func (d) M(own, ...list) (call, map[string]box[*own]) { return nil, nil }
type e struct{}; func (e) M(any, chan<- same, [2]interface{}) {}
type f struct{}; func (f) M(interface{}, chan<- own, [2]any) {}
type g struct{}; func (g) M(any, <-chan own, [2]any) {}
type h struct{}; func (h) M(struct{ o own; l []*own }, interface{ B(); A(call) }) {}
type i struct{}; func (i) M(struct{ o same; l list }, interface{ A(func(own) error); B() }) {}
type j struct{}; func (j) M(struct{ o same; L list }, interface{ A(func(own) error); B() }) {}
type k struct{}; func (k) M(struct{ o same; l list }, interface{ A(func(own)); B() }) {}
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
	var methods []*types.Func
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"} {
		methods = append(methods, pkg.Scope().Lookup(name).Type().(*types.Named).Method(0))
	}
	for _, m := range methods {
		for _, n := range methods {
			identical := types.Identical(m.Signature(), n.Signature())
			if same := MethodKey(m) == MethodKey(n); same != identical {
				t.Errorf("%s and %s: identical is %v, keys are %q and %q", m.FullName(), n.FullName(), identical, MethodKey(m), MethodKey(n))
			}
		}
	}
}
