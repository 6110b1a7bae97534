package proof

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// movable reports an interval that may be another one where the loop stands: one that is
// computed anew in every round, or that may change between the clock's making and the
// loop. now says that nothing happens in between.
func movable(s *loop.Site, k *loop.Clock, d ast.Expr, now bool) *finding.Reason {
	f := s.File
	if f.Pkg.TypesInfo.Types[d].Value != nil {
		return sameNames(s, d)
	}
	varies := func(n ast.Node) *finding.Reason {
		return &finding.Reason{Code: finding.IntervalVaries, Detail: s.Text(d), Pos: s.Position(n.Pos())}
	}
	var bad *finding.Reason
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if tv := f.Pkg.TypesInfo.Types[n.Fun]; !tv.IsType() {
				bad = varies(n)
			}
		case *ast.IndexExpr, *ast.StarExpr, *ast.FuncLit:
			bad = varies(n)
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				bad = varies(n)
			}
		case *ast.Ident:
			v, ok := f.ObjectOf(n).(*types.Var)
			if !ok || v.IsField() {
				break
			}
			switch {
			case source.PosWithin(v.Pos(), s.Node):
				bad = varies(n)
			case now: // evaluated at the same time as before
			case source.IsPackageLevel(v) && mayChange(s, v) || !source.IsPackageLevel(v) && changes(f, v, s.Func, k.Made.Pos()):
				bad = varies(n)
			}
		case *ast.SelectorExpr:
			v, ok := f.ObjectOf(n.Sel).(*types.Var)
			if !ok || !v.IsField() || now {
				break
			}
			for _, field := range append(source.Embedded(f.Pkg.TypesInfo.Selections[n]), v) {
				if assignedField(field, s, false) != nil {
					bad = varies(n)
				}
			}
		}
		return bad == nil
	})
	if bad != nil {
		return bad
	}
	return sameNames(s, d)
}

// mayChange reports whether a variable may be assigned while the loop of s runs.
func mayChange(s *loop.Site, v *types.Var) bool {
	if !source.IsPackageLevel(v) {
		return changes(s.File, v, s.Func, s.Node.Pos())
	}
	for _, f := range s.Files {
		if f.AssignedIn(v, f.Syntax) {
			return true
		}
	}
	return false
}

// changes reports whether a local variable of fn may change after the position at: it is
// assigned behind it, or in a function literal, or its address is taken.
func changes(f *source.File, v *types.Var, fn ast.Node, at token.Pos) bool {
	found := false
	depth := 0
	var stack []ast.Node
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		if n == nil {
			if lit, ok := stack[len(stack)-1].(*ast.FuncLit); ok && lit != fn {
				depth--
			}
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		if lit, ok := n.(*ast.FuncLit); ok && lit != fn {
			depth++
		}
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				if id, ok := ast.Unparen(l).(*ast.Ident); ok && f.Pkg.TypesInfo.Uses[id] == types.Object(v) && (depth > 0 || n.Pos() > at) {
					found = true
				}
			}
		case *ast.IncDecStmt:
			if id, ok := ast.Unparen(n.X).(*ast.Ident); ok && f.ObjectOf(id) == types.Object(v) && (depth > 0 || n.Pos() > at) {
				found = true
			}
		case *ast.UnaryExpr:
			if id, ok := ast.Unparen(n.X).(*ast.Ident); ok && n.Op == token.AND && f.ObjectOf(id) == types.Object(v) {
				found = true
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if id, ok := e.(*ast.Ident); ok && f.Pkg.TypesInfo.Uses[id] == types.Object(v) {
					found = true
				}
			}
		}
		return true
	})
	return found
}

// adjacent reports whether nothing happens between the statement that makes the clock
// and the loop, but what goes with the clock.
func (c *Collapse) adjacent(decl ast.Stmt) bool {
	var loop ast.Stmt = c.Site.Node
	if c.Site.Label != nil {
		loop = c.Site.Label
	}
	seen := false
	for _, s := range source.Siblings(c.Site.Func, decl) {
		switch {
		case s == decl:
			seen = true
		case s == loop:
			return seen
		case seen && !slices.Contains(c.drop, s):
			return false
		}
	}
	return false
}

// sameNames reports a name in d that means something else at the loop.
func sameNames(s *loop.Site, d ast.Expr) *finding.Reason {
	scope := s.File.Pkg.Types.Scope().Innermost(s.Node.Pos())
	var bad *finding.Reason
	fields := map[*ast.Ident]bool{}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			fields[n.Sel] = true
		case *ast.Ident:
			obj := s.File.ObjectOf(n)
			if fields[n] || obj == nil || scope == nil {
				return true
			}
			if _, found := scope.LookupParent(n.Name, s.Node.Pos()); found != obj {
				bad = &finding.Reason{Code: finding.IntervalVaries, Detail: n.Name + " means something else at the loop", Pos: s.Position(n.Pos())}
			}
		}
		return true
	})
	return bad
}
