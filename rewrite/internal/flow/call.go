package flow

import (
	"go/ast"
	"go/types"
	"strconv"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

func (w *walker) call(n *ast.CallExpr) {
	info := w.file.Pkg.TypesInfo
	if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok && w.p.IsConcurrencyObj(w.file.ObjectOf(sel.Sel), "NewMutex") {
		made := w.constructor(sel).child("r0")
		made.Made = append(made.Made, n)
	}
	if tv := info.Types[n.Fun]; tv.IsType() {
		if len(n.Args) == 1 {
			if (observer{w}).unsafeView(n, tv.Type) {
				return
			}
			w.sameFields(tv.Type, w.file.TypeOf(n.Args[0]))
			w.flowTo(tv.Type, func() *node {
				to := w.typeExpr(n.Fun)
				if _, ok := source.Under(w.file.TypeOf(n.Args[0])).(*types.Slice); ok && pointedTo(tv.Type) != tv.Type {
					return to.child("ptr") // a slice becomes a pointer to an array
				}
				return to
			}, n.Args[0])
		}
		return
	}
	if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok {
		if b, ok := w.file.ObjectOf(id).(*types.Builtin); ok {
			w.builtin(b.Name(), n)
			return
		}
	}
	sig, ok := types.Unalias(source.Under(w.file.TypeOf(n.Fun))).(*types.Signature)
	if !ok {
		for _, a := range n.Args {
			if w.mutexIn(w.file.TypeOf(a)) {
				w.poisonNode(w.expr(a), finding.Untyped, n, "an argument of %s", w.p.Text(n.Fun))
			}
		}
		return
	}
	if fn := w.instantiated(n.Fun); fn != nil {
		inst := info.Instances[fn]
		for i := 0; i < inst.TypeArgs.Len(); i++ {
			if w.mutexIn(inst.TypeArgs.At(i)) {
				w.constrained(n, fn, i)
			}
		}
	}
	observer{w}.patches(n)
	w.equal.called(w.file, n)
	if (observer{w}).stubs(n) {
		return
	}
	params := sig.Params()
	if len(n.Args) == 1 { // f(g())
		if inner, ok := ast.Unparen(n.Args[0]).(*ast.CallExpr); ok {
			if _, several := w.file.TypeOf(inner).(*types.Tuple); several {
				w.spreadCall(n, inner, sig)
				return
			}
		}
	}
	for i, a := range n.Args {
		k := i
		dst := parameter(sig, i)
		variadic := sig.Variadic() && i >= params.Len()-1
		if variadic {
			k = params.Len() - 1
			if n.Ellipsis.IsValid() {
				dst = params.At(k).Type()
			}
		}
		w.flowTo(dst, func() *node {
			fn := w.expr(n.Fun)
			if fn == nil {
				return nil
			}
			p := fn.child("p" + strconv.Itoa(k))
			if variadic && !n.Ellipsis.IsValid() {
				p = p.child("elem")
			}
			return p
		}, a)
	}
}

// parameter returns the type of the i-th argument in a list, or nil.
func parameter(sig *types.Signature, i int) types.Type {
	last := sig.Params().Len() - 1
	if sig.Variadic() && i >= last {
		if s, ok := sig.Params().At(last).Type().Underlying().(*types.Slice); ok {
			return s.Elem()
		}
		return nil // append([]byte, string...)
	}
	if i > last {
		return nil
	}
	return sig.Params().At(i).Type()
}

// spreadCall follows f(g()), where g has several results.
func (w *walker) spreadCall(n, inner *ast.CallExpr, sig *types.Signature) {
	results, ok := w.file.TypeOf(inner).(*types.Tuple)
	if !ok {
		return
	}
	from, to := w.expr(inner.Fun), w.expr(n.Fun)
	for i := 0; i < results.Len(); i++ {
		observer{w}.boxing(results.At(i).Type(), parameter(sig, i), inner)
		if !w.mutexIn(results.At(i).Type()) || from == nil {
			continue
		}
		r := from.child("r" + strconv.Itoa(i))
		if sig.Variadic() || i >= sig.Params().Len() || to == nil || !w.mutexIn(sig.Params().At(i).Type()) {
			w.poisonNode(r, finding.UnsupportedUse, n, "results passed on as arguments")
			continue
		}
		unify(to.child("p"+strconv.Itoa(i)), r)
	}
}

// constrained notes the mutex arguments of a generic function: it may call TryLock
// through the constraint of its i-th type parameter.
func (w *walker) constrained(n *ast.CallExpr, fn *ast.Ident, i int) {
	generic, ok := w.file.ObjectOf(fn).(*types.Func)
	if !ok {
		return
	}
	params := generic.Origin().Signature().TypeParams()
	if params == nil || i >= params.Len() {
		return
	}
	iface, ok := params.At(i).Constraint().Underlying().(*types.Interface)
	if !ok {
		return
	}
	for _, a := range n.Args {
		if w.p.IsMutexPtr(w.file.TypeOf(a)) {
			w.Ifaces = append(w.Ifaces, conversion{w.file, a, iface})
		}
	}
}

func (w *walker) builtin(name string, n *ast.CallExpr) {
	if name == "recover" {
		observer{w}.recovered(n)
		return
	}
	if name == "panic" {
		w.looks.panics = append(w.looks.panics, origin{w.file, n.Args[0]})
		observer{w}.boxing(w.file.TypeOf(n.Args[0]), types.Universe.Lookup("any").Type(), n.Args[0])
	}
	switch name {
	case "append":
		if list, ok := source.Under(w.file.TypeOf(n.Args[0])).(*types.Slice); ok && !n.Ellipsis.IsValid() {
			for _, a := range n.Args[1:] {
				observer{w}.boxing(w.file.TypeOf(a), list.Elem(), a)
			}
		}
		base := w.expr(n.Args[0])
		if base == nil {
			for _, a := range n.Args[1:] {
				if w.mutexIn(w.file.TypeOf(a)) {
					w.poisonNode(w.expr(a), finding.EscapesInterface, a, "appended to %s", w.p.Text(n.Args[0]))
				}
			}
			return
		}
		for _, a := range n.Args[1:] {
			if n.Ellipsis.IsValid() {
				unify(base, w.expr(a))
			} else if !source.IsNilExpr(w.file, a) {
				unify(base.child("elem"), w.expr(a))
			}
		}
	case "copy":
		if a, b := w.expr(n.Args[0]), w.expr(n.Args[1]); a != nil && b != nil {
			unify(a.child("elem"), b.child("elem"))
		}
	case "delete":
		if m, ok := source.Under(w.file.TypeOf(n.Args[0])).(*types.Map); ok {
			w.key(n.Args[0], m, n.Args[1])
		}
	case "len", "cap", "make", "new", "close", "clear", "print", "println":
	default:
		for _, a := range n.Args {
			if w.mutexIn(w.file.TypeOf(a)) {
				w.poisonNode(w.expr(a), finding.EscapesInterface, a, "an argument of %s", name)
			}
		}
	}
}
