package loop

import (
	"go/ast"
	"go/token"

	"etcdmod/rewrite/internal/source"
)

// StandsBy reports whether the loop tries only while a flag, or a function that is asked
// for one, is false: if !leading { try }, or if leading { continue } before. Nobody can say
// then that it tries while it holds the lock.
func (s *Site) StandsBy() bool {
	calls := append(s.Calls, s.Tries...)
	for _, call := range calls {
		if !unlessFlag(s, call) {
			return false
		}
	}
	return len(calls) > 0
}

// unlessFlag reports whether a flag that is set keeps a round from reaching n.
func unlessFlag(s *Site, n ast.Node) bool {
	found := false
	ast.Inspect(s.Node, func(m ast.Node) bool {
		if m == nil || !source.Within(n, m) {
			return false
		}
		switch m := m.(type) {
		case *ast.IfStmt:
			switch {
			case source.Within(n, m.Body):
				found = found || demandsNot(s.File, m.Cond)
			case m.Else != nil && source.Within(n, m.Else):
				found = found || isFlag(s.File, m.Cond)
			}
		default:
			found = found || skips(s, source.List(m), n)
		}
		return !found
	})
	return found
}

// skips reports whether a list of statements leaves the round before n where a flag is set.
func skips(s *Site, list []ast.Stmt, n ast.Node) bool {
	for _, stmt := range list {
		if stmt.End() > n.Pos() {
			return false
		}
		if i, ok := stmt.(*ast.IfStmt); ok && len(i.Body.List) > 0 && isFlag(s.File, i.Cond) {
			if b, ok := i.Body.List[len(i.Body.List)-1].(*ast.BranchStmt); ok && b.Tok == token.CONTINUE {
				return true
			}
		}
	}
	return false
}

// demandsNot reports whether a condition holds only where a flag is not set.
func demandsNot(f *source.File, cond ast.Expr) bool {
	switch e := ast.Unparen(cond).(type) {
	case *ast.BinaryExpr:
		return e.Op == token.LAND && (demandsNot(f, e.X) || demandsNot(f, e.Y))
	case *ast.UnaryExpr:
		return e.Op == token.NOT && isFlag(f, e.X)
	}
	return false
}

// isFlag reports whether e is a variable or field of type bool, or a call without arguments
// that returns one.
func isFlag(f *source.File, e ast.Expr) bool {
	if !source.IsBool(f.TypeOf(e)) {
		return false
	}
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		return len(call.Args) == 0
	}
	return f.VariableOf(e) != nil
}
