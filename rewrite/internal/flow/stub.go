package flow

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// Stubs.
//
// A test replaces the function in a variable, such as var newMutex = concurrency.NewMutex, by
// handing the address of the variable and another function, or its result, to a library. One
// that cannot name the mutex can only set the variable by reflection, which works as long as the
// two types are the same: they change together. What it is given as anything else may be one as well,
// now or by what the call returns. Without another function nothing tells what the call is for, so its library
// has to be a known one.

// stubs follows a call of such a library in a test. It reports whether n is one.
func (w observer) stubs(n *ast.CallExpr) bool {
	fn, ok := w.file.Callee(n).(*types.Func)
	if !ok || !w.file.Test || fn.Pkg() == nil || w.p.FileAt(fn.Pos()) != nil || w.names(fn.Pkg(), map[*types.Package]bool{}) {
		return false
	}
	var stubbed types.Type
	var place *node
	var join []func()
	for _, a := range n.Args {
		t := w.file.TypeOf(a)
		if source.IsNilExpr(w.file, a) {
			continue
		} else if !w.mutexIn(t) {
			if !plain(t) {
				return false
			}
			continue
		}
		switch addr, isAddr := ast.Unparen(a).(*ast.UnaryExpr); {
		case stubbed == nil && isAddr && addr.Op == token.AND && isFunc(w.file.TypeOf(addr.X)):
			stubbed, place = w.file.TypeOf(addr.X), w.expr(addr.X)
		case stubbed == nil:
			return false
		case types.Identical(t, stubbed):
			join = append(join, func() { unify(place, w.expr(a)) })
		case w.p.IsMutexPtr(t) && w.gives(stubbed):
			join = append(join, func() { unify(place.child("r0"), w.expr(a)) })
		default:
			return false
		}
	}
	for _, f := range join {
		f()
	}
	return len(join) > 0 || stubbed != nil && zeroing(fn)
}

// zeroers are functions that make the one in a variable return what they are given, and zero for nil, by package.
var zeroers = map[string]string{
	"github.com/prashantv/gostub":        "StubFunc",
	"github.com/agiledragon/gomonkey":    "ApplyFuncVarReturn",
	"github.com/agiledragon/gomonkey/v2": "ApplyFuncVarReturn",
}

func zeroing(fn *types.Func) bool {
	name, ok := zeroers[fn.Pkg().Path()]
	return ok && fn.Name() == name
}

// plain reports whether values of type t can bring no mutex with them.
func plain(t types.Type) bool {
	switch u := source.Under(t).(type) {
	case *types.Basic:
		return u.Kind() != types.UnsafePointer
	case *types.Interface:
		return types.Identical(u, errorType) || isContext(t)
	}
	named, ok := types.Unalias(pointedTo(t)).(*types.Named)
	return ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "testing"
}

// gives reports whether functions of type t return a mutex first.
func (w observer) gives(t types.Type) bool {
	sig := source.Under(t).(*types.Signature)
	return sig.Results().Len() > 0 && w.p.IsMutexPtr(sig.Results().At(0).Type())
}

// names reports whether code of a package can name the mutex: it or what it imports imports
// the client's package concurrency.
func (w *Flow) names(pkg *types.Package, seen map[*types.Package]bool) bool {
	if seen[pkg] {
		return false
	}
	seen[pkg] = true
	if _, ok := w.p.ConcurrencyPath(pkg); ok {
		return true
	}
	for _, imported := range pkg.Imports() {
		if w.names(imported, seen) {
			return true
		}
	}
	return false
}
