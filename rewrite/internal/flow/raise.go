package flow

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// addressed notes that the address of what another module declares is taken: who writes there
// writes for that module.
func addressed(w observer, n *ast.UnaryExpr) {
	if n.Op != token.AND {
		return
	}
	to := w.file.Container(n.X)
	if to == nil || to.Pkg() == nil || w.p.FileAt(to.Pos()) != nil {
		return
	}
	for _, iface := range outgoing(w.p, w.file.TypeOf(n.X)) {
		w.meet(calls, iface, to.Pkg().Path()+"."+to.Name(), n.Pos(), origin{})
	}
}

// raises notes an assertion by which what is in an interface with methods comes into one without.
func raises(w observer, x, asked ast.Expr) {
	if x == nil || source.IsNilExpr(w.file, asked) {
		return
	}
	from, ok := source.Under(w.file.TypeOf(x)).(*types.Interface)
	to, is := source.Under(w.file.TypeOf(asked)).(*types.Interface)
	if ok && is && from.NumMethods() > 0 && to.NumMethods() == 0 && !isTypeParam(w.file.TypeOf(asked)) {
		w.looks.raised = append(w.looks.raised, from)
	}
}

// askedMethods notes an assertion to an interface of this module: what is in the other one may be of another
// module, and gets what its methods are called with.
func askedMethods(w observer, asked ast.Expr) {
	t := w.file.TypeOf(asked)
	iface, ok := source.Under(t).(*types.Interface)
	if !ok || isTypeParam(t) {
		return
	}
	for m := range iface.Methods() {
		if m.Pkg() == nil || w.p.FileAt(m.Pos()) == nil {
			continue
		}
		for v := range m.Signature().Params().Variables() {
			for _, to := range outgoing(w.p, v.Type()) {
				w.meet(calls, to, "what has "+m.Name()+" and is asserted", asked.Pos(), origin{})
			}
		}
	}
}

// asksByPointer notes a call like errors.As, by which another module asserts what is pointed to.
func asksByPointer(w *walker, n *ast.CallExpr) {
	fn, ok := w.file.Callee(n).(*types.Func)
	if !ok || w.p.FileAt(fn.Pos()) != nil {
		return
	}
	for _, a := range n.Args {
		t := w.file.TypeOf(a)
		if t == nil {
			continue
		}
		if to, ok := source.Under(t).(*types.Pointer); ok && types.IsInterface(to.Elem()) {
			w.asksForHelper(to.Elem(), a.Pos())
		}
	}
}
