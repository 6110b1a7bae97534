package tries

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"etcdmod/rewrite/internal/source"
)

// Cancelled reports whether the context of a call is made where the call is repeated, or by who gives it to the function
// around the call, and is cancelled by something else than that function on its way: a clock, a goroutine or a function
// that gets the cancel function.
func Cancelled(p *source.Program, f *source.File, call *ast.CallExpr) bool {
	return len(call.Args) > 0 && cancelled(p, f, call, call.Args[0], 0)
}

func cancelled(p *source.Program, f *source.File, call *ast.CallExpr, ctx ast.Expr, depth int) bool {
	v := f.VariableOf(ctx)
	scope := p.RepeatedAround(call)
	if v == nil || v.IsField() || scope == nil || depth > 3 {
		return false
	}
	for n := range ast.Preorder(scope) {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Rhs) != 1 || f.VariableOf(a.Lhs[0]) != v {
			continue
		}
		derived, ok := ast.Unparen(a.Rhs[0]).(*ast.CallExpr)
		if !ok {
			continue
		}
		fn, ok := f.Callee(derived).(*types.Func)
		if !ok || fn.Pkg() == nil || fn.Pkg().Path() != "context" || len(derived.Args) == 0 {
			continue
		}
		if strings.HasPrefix(fn.Name(), "WithCancel") && len(a.Lhs) == 2 && beside(f, f.FuncAround(a), f.VariableOf(a.Lhs[1])) {
			return true
		}
		if cancelled(p, f, call, derived.Args[0], depth+1) {
			return true
		}
	}
	if lit, ok := scope.(*ast.FuncLit); ok && !source.PosWithin(v.Pos(), lit) {
		run := runs(f, lit)
		return run != nil && cancelled(p, f, run, ctx, depth+1)
	}
	decl, ok := scope.(*ast.FuncDecl)
	if !ok {
		return false
	}
	fn, ok := f.Pkg.TypesInfo.Defs[decl.Name].(*types.Func)
	if !ok {
		return false
	}
	i := slices.Index(slices.Collect(fn.Signature().Params().Variables()), v)
	return i >= 0 && slices.ContainsFunc(p.CallsOf(fn), func(c source.Call) bool {
		return i < len(c.Expr.Args) && cancelled(p, c.File, c.Expr, c.Expr.Args[i], depth+1)
	})
}

// beside reports whether a cancel function of fn is used by something else than fn: it is given to somebody, or a literal
// or a clause of a select statement calls it.
func beside(f *source.File, fn ast.Node, cancel *types.Var) bool {
	if fn == nil || cancel == nil {
		return false
	}
	names := func(e ast.Expr) bool { return f.VariableOf(e) == cancel }
	for n := range ast.Preorder(fn) {
		switch n := n.(type) {
		case *ast.CallExpr:
			if slices.ContainsFunc(n.Args, names) {
				return true
			}
			if !names(n.Fun) {
				break
			}
			if f.FuncAround(n) != fn || slices.ContainsFunc(f.Around(n), func(m ast.Node) bool { _, ok := m.(*ast.CommClause); return ok && source.Within(m, fn) }) {
				return true
			}
		}
	}
	return false
}
