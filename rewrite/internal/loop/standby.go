package loop

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// StandsBy reports whether the loop tries only while a flag, or a function that is asked
// for one, is false, or in one of several states: if !leading { try }, or if leading {
// continue } before, or switch state { case waiting: try }. Nobody can say then that it
// tries while it holds the lock.
func (s Nature) StandsBy() bool {
	calls := append(s.Calls, s.Tries...)
	for _, call := range calls {
		if !unlessFlag(s.Site, call) {
			return false
		}
	}
	return len(calls) > 0
}

// TakesItems reports whether what a round tries is what it has received, has taken from a
// queue, or finds in a collection from which rounds remove something. Nobody can say then
// that a lock which it has got comes again.
func (s Nature) TakesItems() bool {
	return slices.ContainsFunc(slices.Concat(s.Calls, s.Tries), func(call *ast.CallExpr) bool {
		return slices.ContainsFunc(append([]ast.Expr{call.Fun}, call.Args...), func(e ast.Expr) bool {
			e = ast.Unparen(e)
			for sel, ok := e.(*ast.SelectorExpr); ok; sel, ok = e.(*ast.SelectorExpr) {
				e = ast.Unparen(sel.X)
			}
			v := s.File.VariableOf(e)
			return v != nil && s.isItem(v)
		})
	})
}

// isItem reports whether a variable is an item of a round.
func (s Nature) isItem(v *types.Var) bool {
	found := false
	ast.Inspect(s.Node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.RangeStmt:
			is := n.Key != nil && s.File.VariableOf(n.Key) == v || n.Value != nil && s.File.VariableOf(n.Value) == v
			_, isChan := source.Under(s.File.TypeOf(n.X)).(*types.Chan)
			found = found || is && (isChan || s.loses(n.X))
		case *ast.AssignStmt:
			found = found || s.File.VariableOf(n.Lhs[0]) == v && s.takes(n.Rhs[0])
		}
		return !found
	})
	return found
}

// loses reports whether rounds assign a collection anew, or delete from it.
func (s Nature) loses(e ast.Expr) bool {
	v := s.File.VariableOf(e)
	if v == nil || s.File.AssignedIn(v, s.Node) {
		return v != nil
	}
	for n := range ast.Preorder(s.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 || s.File.VariableOf(call.Args[0]) != v {
			continue
		}
		if name, ok := ast.Unparen(call.Fun).(*ast.Ident); ok && s.File.ObjectOf(name) == types.Universe.Lookup("delete") {
			return true
		}
	}
	return false
}

// takes reports whether e receives, or is an element of a slice that rounds assign anew.
func (s Nature) takes(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.UnaryExpr:
		return e.Op == token.ARROW
	case *ast.IndexExpr:
		queue := s.File.VariableOf(e.X)
		return queue != nil && s.File.AssignedIn(queue, s.Node)
	}
	return false
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
				found = found || demandsNot(s, m.Cond)
			case m.Else != nil && source.Within(n, m.Else):
				found = found || isFlag(s.File, m.Cond) || isState(s, m.Cond)
			}
		case *ast.SwitchStmt:
			found = found || inState(s, m, n)
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
		if i, ok := stmt.(*ast.IfStmt); ok && len(i.Body.List) > 0 && (isFlag(s.File, i.Cond) || isState(s, i.Cond)) {
			if b, ok := i.Body.List[len(i.Body.List)-1].(*ast.BranchStmt); ok && b.Tok == token.CONTINUE {
				return true
			}
		}
	}
	return false
}

// demandsNot reports whether a condition holds only where a flag is not set.
func demandsNot(s *Site, cond ast.Expr) bool {
	switch e := ast.Unparen(cond).(type) {
	case *ast.BinaryExpr:
		if e.Op == token.LAND {
			return demandsNot(s, e.X) || demandsNot(s, e.Y)
		}
		return isState(s, e)
	case *ast.UnaryExpr:
		return e.Op == token.NOT && isFlag(s.File, e.X)
	}
	return false
}

// inState reports whether a case of a switch, which holds only in one state, is around n.
func inState(s *Site, sw *ast.SwitchStmt, n ast.Node) bool {
	for _, c := range sw.Body.List {
		c := c.(*ast.CaseClause)
		if !source.Within(n, c) {
			continue
		}
		for _, e := range c.List {
			if sw.Tag == nil && demandsNot(s, e) || sw.Tag != nil && names(s, sw.Tag, e) {
				return true
			}
		}
	}
	return false
}

// isState reports whether a condition compares a state with one of several.
func isState(s *Site, cond ast.Expr) bool {
	e, ok := ast.Unparen(cond).(*ast.BinaryExpr)
	return ok && (e.Op == token.EQL || e.Op == token.NEQ) && (names(s, e.X, e.Y) || names(s, e.Y, e.X))
}

// names reports whether a value is the constant for a state that is kept in a field, or in a
// variable that rounds assign: a name, and no number that somebody counts.
func names(s *Site, state, value ast.Expr) bool {
	v := s.File.VariableOf(state)
	if v == nil || s.File.Pkg.TypesInfo.Types[value].Value == nil || !v.IsField() && !s.File.AssignedIn(v, s.Node) {
		return false
	}
	b, ok := v.Type().Underlying().(*types.Basic)
	_, named := types.Unalias(v.Type()).(*types.Named)
	return ok && b.Info()&types.IsBoolean == 0 && (named || b.Info()&types.IsString != 0)
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
