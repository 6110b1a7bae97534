package flow

import (
	"go/ast"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// Ways out.
//
// A value in an interface leaves the module not only as an argument. Code outside reads what lies
// in a map, behind a pointer, or comes out of a channel or a function that it was given; and it
// gives such things itself: a channel to send on, a map to fill, a function to call. Who made a
// map is not followed: whatever has the type of one that comes from outside may be it.

// ways are the interfaces without methods through which values go out with a value of some type,
// and the places to put values into that come in with one.
type ways struct {
	p      *source.Program
	out    []*types.Interface
	asked  []*types.Interface // likewise, with methods
	places []types.Type
	only   bool // interfaces with methods do not count
	gone   *visited
	come   *visited
	any    bool // one is as good as all: the walk ends with the first
}

func newWays(p *source.Program) *ways {
	return &ways{p: p, gone: newVisited(), come: newVisited()}
}

// outgoing returns the interfaces without methods through which code outside the module may get what is in
// one, if it has a value of type t. A context is asked for values by their keys.
func outgoing(p *source.Program, t types.Type) []*types.Interface {
	w := newWays(p)
	w.goes(t)
	return w.out
}

// leaving is outgoing with the interfaces that have methods as well, unless who gets them only calls these.
func leaving(p *source.Program, t types.Type, only bool) []*types.Interface {
	all := newWays(p)
	all.goes(t)
	if only {
		return all.out
	}
	return append(all.out, all.asked...)
}

// leaves reports whether leaving returns any.
func leaves(p *source.Program, t types.Type, only bool) bool {
	w := newWays(p)
	w.any, w.only = true, only
	w.goes(t)
	return w.enough()
}

func (w *ways) enough() bool { return w.any && len(w.out)+len(w.asked) > 0 }

// goes follows a value of type t out of the module.
func (w *ways) goes(t types.Type) {
	if t == nil || w.enough() || isContext(t) || !w.gone.first(t) {
		return
	}
	switch t := t.(type) {
	case *types.Alias:
		w.goes(types.Unalias(t))
	case *types.Named:
		for arg := range t.TypeArgs().Types() {
			w.goes(arg)
		}
		if pkg := t.Obj().Pkg(); pkg != nil && containers[pkg.Path()] != nil {
			w.out = append(w.out, anything)
		}
		if _, isStruct := t.Underlying().(*types.Struct); !isStruct || w.p.FileAt(t.Obj().Pos()) != nil {
			w.goes(t.Underlying())
		}
	case *types.Interface:
		if t.NumMethods() == 0 {
			w.out = append(w.out, t)
		} else if !w.any || !w.only {
			w.asked = append(w.asked, t)
		}
	case *types.Map:
		w.goes(t.Key())
		w.goes(t.Elem())
	case *types.Struct:
		for v := range t.Fields() {
			w.goes(v.Type())
		}
	case *types.Signature:
		for v := range t.Results().Variables() {
			w.goes(v.Type())
		}
		for v := range t.Params().Variables() {
			w.comes(v.Type())
		}
	case interface{ Elem() types.Type }:
		w.goes(t.Elem())
	}
}

// comes follows a value of type t into the module.
func (w *ways) comes(t types.Type) {
	if !w.come.first(t) {
		return
	}
	place := func(parts ...types.Type) {
		if slices.ContainsFunc(parts, func(t types.Type) bool { return leaves(w.p, t, w.only) }) {
			w.places = append(w.places, t)
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Map:
		place(u.Key(), u.Elem())
		w.comes(u.Elem())
	case *types.Signature:
		for v := range u.Params().Variables() {
			place(v.Type())
			w.goes(v.Type())
		}
		for v := range u.Results().Variables() {
			w.comes(v.Type())
		}
	case *types.Array:
		w.comes(u.Elem())
	case interface{ Elem() types.Type }: // pointer, slice, channel
		place(u.Elem())
		w.comes(u.Elem())
	}
}

// A givenPlaces is a list of types of places that code outside the module gives, and reads what is put into them.
type givenPlaces []types.Type

// read notes the places that the code of a file is given.
func (g *givenPlaces) read(p *source.Program, file *source.File) {
	all, only := newWays(p), newWays(p)
	only.only = true
	of := func(obj types.Object) *ways {
		if onlyCalls(obj.Pkg().Path()) {
			return only
		}
		return all
	}
	foreign := func(obj types.Object) bool { return obj != nil && obj.Pkg() != nil && p.FileAt(obj.Pos()) == nil }
	for n := range ast.Preorder(file.Syntax) {
		switch n := n.(type) {
		case *ast.CallExpr:
			fn, ok := file.Callee(n).(*types.Func)
			if !ok || !foreign(fn) {
				continue
			}
			sig := fn.Origin().Signature()
			for v := range sig.Results().Variables() {
				of(fn).comes(v.Type())
			}
			for v := range sig.Params().Variables() {
				if isFunc(v.Type()) {
					of(fn).goes(v.Type())
				}
			}
		case *ast.Ident:
			if v, ok := file.ObjectOf(n).(*types.Var); ok && foreign(v) && !v.Embedded() {
				of(v).comes(v.Origin().Type())
			}
		}
	}
	for _, t := range slices.Concat(all.places, only.places) {
		if !g.have(t) {
			*g = append(*g, t)
		}
	}
}

// have reports whether a place of type t may come from outside the module.
func (g *givenPlaces) have(t types.Type) bool {
	if t == nil {
		return false
	}
	same := func(a types.Type) bool { return types.Identical(a.Underlying(), t.Underlying()) }
	if ch, ok := t.Underlying().(*types.Chan); ok { // whichever way it is open
		same = func(a types.Type) bool {
			other, ok := a.Underlying().(*types.Chan)
			return ok && types.Identical(ch.Elem(), other.Elem())
		}
	}
	return slices.ContainsFunc(*g, same)
}

// called reports whether a call is one of a function that may come from outside the module.
func (g *givenPlaces) called(f *source.File, call *ast.CallExpr) bool {
	switch f.Callee(call).(type) {
	case *types.Builtin, *types.TypeName, *types.Func:
		return false
	}
	if _, own := ast.Unparen(call.Fun).(*ast.FuncLit); own || f.Pkg.TypesInfo.Types[call.Fun].IsType() {
		return false
	}
	return g.have(f.TypeOf(call.Fun))
}

// assigned reports whether e is an element of, or what is pointed to by, something that may come from
// outside the module.
func (g *givenPlaces) assigned(f *source.File, e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.IndexExpr:
		return g.have(f.TypeOf(e.X))
	case *ast.StarExpr:
		return g.have(f.TypeOf(e.X))
	}
	return false
}

// containers are functions of the standard library that keep a value for the module, or look
// for one by it.
var containers = map[string][]string{
	"sync":           {"Store", "LoadOrStore", "Swap", "CompareAndSwap", "Put", "Load", "LoadAndDelete", "Delete", "CompareAndDelete"},
	"sync/atomic":    {"Store", "Swap", "CompareAndSwap"},
	"container/list": {"PushBack", "PushFront", "InsertBefore", "InsertAfter"},
	"context":        {"WithValue", "Value"},
}

var anything = types.NewInterfaceType(nil, nil).Complete()

func isContext(t types.Type) bool { return source.IsNamed(t, "context", "Context") }

func isFunc(t types.Type) bool {
	_, ok := source.Under(t).(*types.Signature)
	return ok
}
