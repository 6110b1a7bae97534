package proof

import (
	"go/ast"
	"go/token"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// unended returns a condition in the loop, behind its wait and before the next try, by which it ends since a context has not
// ended yet: that has had less time where the wait has ended early.
func unended(s *loop.Site) (found ast.Node) {
	ast.Inspect(s.Node, func(n ast.Node) bool {
		list := source.List(n)
		for i, st := range list {
			if ifs, ok := st.(*ast.IfStmt); ok && found == nil && endsAlive(s, ifs, list[i+1:], n == ast.Node(source.PartsOf(s.Node).Body)) {
				found = ifs
			}
			if clause, ok := st.(*ast.CaseClause); ok && found == nil && len(clause.List) == 1 {
				if alive(s, nil, clause.List[0]) > 0 && onlyLeaves(s, clause.Body, false) && behindWait(s, clause.List[0]) {
					found = clause
				}
			}
		}
		_, literal := n.(*ast.FuncLit)
		return !literal
	})
	return found
}

// endsAlive reports whether the loop ends by an if statement, or by what comes behind that, while all contexts live.
func endsAlive(s *loop.Site, ifs *ast.IfStmt, rest []ast.Stmt, breaks bool) bool {
	var then []ast.Stmt
	switch alive(s, ifs.Init, ifs.Cond) {
	case 0:
		return false
	case 1:
		then = ifs.Body.List
	case -1:
		then = rest
		if body, ok := ifs.Else.(*ast.BlockStmt); ok {
			then = body.List
		} else if ifs.Else != nil {
			return false
		}
	}
	return onlyLeaves(s, then, breaks) && behindWait(s, ifs.Cond)
}

// alive says what a condition is while all contexts live: 1 that it holds, -1 that it does not, 0 that this is not known.
func alive(s *loop.Site, init ast.Stmt, e ast.Expr) int {
	switch x := ast.Unparen(e).(type) {
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			return -alive(s, init, x.X)
		}
	case *ast.BinaryExpr:
		switch x.Op {
		case token.LAND:
			return min(alive(s, init, x.X), alive(s, init, x.Y))
		case token.LOR:
			return max(alive(s, init, x.X), alive(s, init, x.Y))
		}
		if !source.IsNilExpr(s.File, x.Y) || !isContextError(s, init, x.X) {
			return 0
		}
		switch x.Op {
		case token.EQL:
			return 1
		case token.NEQ:
			return -1
		}
	}
	return 0
}

// isContextError reports whether e asks a context whether it has ended, or is what init has got by that.
func isContextError(s *loop.Site, init ast.Stmt, e ast.Expr) bool {
	switch x := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		sel, ok := ast.Unparen(x.Fun).(*ast.SelectorExpr)
		return ok && (sel.Sel.Name == "Err" && source.IsNamed(s.File.TypeOf(sel.X), "context", "Context") ||
			source.IsObject(s.File.Callee(x), "context", "Cause"))
	case *ast.Ident:
		a, ok := init.(*ast.AssignStmt)
		return ok && len(a.Lhs) == 1 && len(a.Rhs) == 1 && s.File.ObjectOf(x) == s.Walker.Variable(a.Lhs[0]) && isContextError(s, nil, a.Rhs[0])
	}
	return false
}

// onlyLeaves reports whether statements end the loop without another condition, and without a try. breaks says that a break
// without a label is one of the loop.
func onlyLeaves(s *loop.Site, list []ast.Stmt, breaks bool) bool {
	for _, st := range list {
		switch st := st.(type) {
		case *ast.ReturnStmt:
			return !s.Walker.Tries(st)
		case *ast.BranchStmt:
			return st.Tok == token.BREAK && (st.Label == nil && breaks || st.Label != nil && s.Label != nil && st.Label.Name == s.Label.Label.Name)
		case *ast.AssignStmt, *ast.ExprStmt, *ast.DeclStmt, *ast.IncDecStmt:
			if s.Walker.Tries(st) {
				return false
			}
			if e, ok := st.(*ast.ExprStmt); ok {
				if call, ok := e.X.(*ast.CallExpr); ok && loop.NeverReturns(s.File, call) {
					return true
				}
			}
		default:
			return false
		}
	}
	return false
}

// behindWait reports whether a way out of the loop comes to a condition behind a wait, and before the next try.
func behindWait(s *loop.Site, cond ast.Expr) bool {
	for _, q := range s.Paths {
		waited := map[bool]bool{}
		for _, st := range q.Steps {
			if st.Kind == loop.Waits {
				waited[st.After] = true
			}
			if waited[st.After] && q.End != loop.Next && source.Within(cond, st.Node) {
				return true
			}
		}
	}
	return false
}
