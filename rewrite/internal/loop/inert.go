package loop

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// Inert reports whether doing a statement once more, or earlier, is harmless: it logs,
// counts, or sets a local variable. quiet says that it does not even log or count.
func (s *Site) Inert(n ast.Node) (ok, quiet bool) {
	f := s.File
	switch n := n.(type) {
	case *ast.ExprStmt:
		call, isCall := ast.Unparen(n.X).(*ast.CallExpr)
		if !isCall {
			return false, false
		}
		if s.IsClockCall(call) {
			return s.pureArgs(call), true
		}
		if source.IsObject(f.Callee(call), "runtime", "Gosched") || s.cancelsRound(call) {
			return true, true
		}
		return isLog(f, call) && s.pureArgs(call), false
	case *ast.AssignStmt:
		for _, l := range n.Lhs {
			if obj := s.Walker.Variable(l); !source.IsBlank(l) && (obj == nil || source.IsPackageLevel(obj)) {
				return false, false
			}
		}
		for _, r := range n.Rhs {
			if call, ok := ast.Unparen(r).(*ast.CallExpr); ok && !slices.ContainsFunc(n.Lhs, func(l ast.Expr) bool { return !source.IsBlank(l) }) && isLog(f, call) {
				return s.pureArgs(call), false // as if it stood alone
			}
			if !Pure(f, r) && !IsContextCall(f, r) && !s.makesClock(r) {
				return false, false
			}
		}
		return true, !s.counts(n) && !logsIn(f, n.Rhs)
	case *ast.DeclStmt:
		gen, isGen := n.Decl.(*ast.GenDecl)
		if !isGen {
			return false, false
		}
		quiet = true
		for _, spec := range gen.Specs {
			if v, isValue := spec.(*ast.ValueSpec); isValue {
				quiet = quiet && !logsIn(f, v.Values)
				for _, e := range v.Values {
					if !Pure(f, e) && !IsContextCall(f, e) && !s.makesClock(e) {
						return false, false
					}
				}
			}
		}
		return true, quiet
	case *ast.IncDecStmt:
		obj := s.Walker.Variable(n.X)
		return obj != nil && !source.IsPackageLevel(obj), false
	case ast.Expr: // a condition
		pure := s.PureCondition(n)
		return pure, pure
	}
	return false, false
}

// cancelsRound reports whether a call cancels a context that each round makes anew: where it is another
// one, the rounds after it are of another kind.
func (s *Site) cancelsRound(call *ast.CallExpr) bool {
	obj := s.Walker.Variable(call.Fun)
	return isCancel(s.File, call) && obj != nil && source.PosWithin(obj.Pos(), s.Node)
}

// counts reports whether an assignment hands on what rounds add up: n += 1, or errs = append(errs, err).
func (s *Site) counts(n *ast.AssignStmt) bool {
	for i, l := range n.Lhs {
		obj := s.Walker.Variable(l)
		if obj == nil || source.PosWithin(obj.Pos(), s.Node) {
			continue
		}
		if n.Tok != token.ASSIGN && n.Tok != token.DEFINE {
			return true
		}
		for m := range ast.Preorder(n.Rhs[min(i, len(n.Rhs)-1)]) {
			if id, ok := m.(*ast.Ident); ok && s.File.ObjectOf(id) == obj && !source.IsError(obj.Type()) {
				return true
			}
		}
	}
	return false
}

// logsIn reports whether expressions write a line or a metric.
func logsIn(f *source.File, list []ast.Expr) bool {
	for _, e := range list {
		for n := range ast.Preorder(e) {
			if call, ok := n.(*ast.CallExpr); ok && isLog(f, call) {
				return true
			}
		}
	}
	return false
}

// PureCondition is Pure for a condition, which may hold the try itself.
func (s *Site) PureCondition(e ast.Expr) bool {
	pure := true
	ast.Inspect(e, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return pure
		}
		if s.Walker.IsTry(call) {
			return false
		}
		fn, _ := s.File.Callee(call).(*types.Func)
		tv := s.File.Pkg.TypesInfo.Types[call.Fun]
		_, builtin := s.File.Callee(call).(*types.Builtin)
		if !tv.IsType() && !builtin && (fn == nil || !harmless(fn)) {
			pure = false
		}
		return pure
	})
	return pure
}

// IsClockCall reports whether call is Stop or Reset of the site's clock.
func (s *Site) IsClockCall(call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || len(s.Clocks) != 1 || s.Clocks[0].Var == nil {
		return false
	}
	return s.Walker.Variable(sel.X) == s.Clocks[0].Var && (sel.Sel.Name == "Stop" || sel.Sel.Name == "Reset")
}

// Resets reports whether n is a Reset of the site's clock.
func (s *Site) Resets(n ast.Node) bool {
	stmt, ok := n.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := ast.Unparen(stmt.X).(*ast.CallExpr)
	if !ok || !s.IsClockCall(call) {
		return false
	}
	return ast.Unparen(call.Fun).(*ast.SelectorExpr).Sel.Name == "Reset"
}

// makesClock reports whether e makes the site's timer, or its channel, anew in every round.
func (s *Site) makesClock(e ast.Expr) bool {
	if len(s.Clocks) != 1 {
		return false
	}
	c := s.Clocks[0]
	return (c.Kind == Timer || c.Kind == After) && ast.Unparen(e) == ast.Expr(c.Made) && Pure(s.File, c.Made.Args[0])
}

// pureArgs allows what log calls are given: values, and calls of log packages, Error and
// String methods, and errors such as status texts.
func (s *Site) pureArgs(call *ast.CallExpr) bool {
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		if inner, ok := ast.Unparen(sel.X).(*ast.CallExpr); ok && !isLog(s.File, inner) {
			return false
		}
	}
	for _, a := range call.Args {
		if !Pure(s.File, a) {
			return false
		}
	}
	return true
}
