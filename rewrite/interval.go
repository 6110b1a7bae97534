package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
)

// movable reports an interval that may be another one where the loop stands: one that is
// computed anew in every round, or that may change between the clock's making and the
// loop. now says that nothing happens in between.
func (p *program) movable(s *site, k *clock, d ast.Expr, now bool) *finding.Reason {
	f := s.file
	if f.pkg.TypesInfo.Types[d].Value != nil {
		return p.sameNames(s, d)
	}
	varies := func(n ast.Node) *finding.Reason {
		return &finding.Reason{Code: finding.IntervalVaries, Detail: p.text(d), Pos: p.position(n.Pos())}
	}
	var bad *finding.Reason
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if tv := f.pkg.TypesInfo.Types[n.Fun]; !tv.IsType() {
				bad = varies(n)
			}
		case *ast.IndexExpr, *ast.StarExpr, *ast.FuncLit:
			bad = varies(n)
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				bad = varies(n)
			}
		case *ast.Ident:
			v, ok := f.objectOf(n).(*types.Var)
			if !ok || v.IsField() {
				break
			}
			switch {
			case within2(v.Pos(), s.loop):
				bad = varies(n)
			case now: // evaluated at the same time as before
			case isPackageLevel(v) && p.mayChange(s, v) || !isPackageLevel(v) && p.changes(f, v, s.fn, k.made.Pos()):
				bad = varies(n)
			}
		case *ast.SelectorExpr:
			v, ok := f.objectOf(n.Sel).(*types.Var)
			if !ok || !v.IsField() || now {
				break
			}
			for _, field := range append(embedded(f.pkg.TypesInfo.Selections[n]), v) {
				if p.assignedField(field, s, false) != nil {
					bad = varies(n)
				}
			}
		}
		return bad == nil
	})
	if bad != nil {
		return bad
	}
	return p.sameNames(s, d)
}

// mayChange reports whether a variable may be assigned while the loop of s runs.
func (p *program) mayChange(s *site, v *types.Var) bool {
	if !isPackageLevel(v) {
		return p.changes(s.file, v, s.fn, s.loop.Pos())
	}
	for _, f := range p.files {
		if p.assignedIn(f, v, f.ast) {
			return true
		}
	}
	return false
}

// changes reports whether a local variable of fn may change after the position at: it is
// assigned behind it, or in a function literal, or its address is taken.
func (p *program) changes(f *file, v *types.Var, fn ast.Node, at token.Pos) bool {
	found := false
	depth := 0
	var stack []ast.Node
	ast.Inspect(f.ast, func(n ast.Node) bool {
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
				if id, ok := ast.Unparen(l).(*ast.Ident); ok && f.pkg.TypesInfo.Uses[id] == types.Object(v) && (depth > 0 || n.Pos() > at) {
					found = true
				}
			}
		case *ast.IncDecStmt:
			if id, ok := ast.Unparen(n.X).(*ast.Ident); ok && f.objectOf(id) == types.Object(v) && (depth > 0 || n.Pos() > at) {
				found = true
			}
		case *ast.UnaryExpr:
			if id, ok := ast.Unparen(n.X).(*ast.Ident); ok && n.Op == token.AND && f.objectOf(id) == types.Object(v) {
				found = true
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if id, ok := e.(*ast.Ident); ok && f.pkg.TypesInfo.Uses[id] == types.Object(v) {
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
func (c *collapse) adjacent(decl ast.Stmt) bool {
	var loop ast.Stmt = c.site.loop
	if c.site.label != nil {
		loop = c.site.label
	}
	seen := false
	for _, s := range siblings(c.site.fn, decl) {
		switch {
		case s == decl:
			seen = true
		case s == loop:
			return seen
		case seen && !contains(c.drop, s):
			return false
		}
	}
	return false
}

// sameNames reports a name in d that means something else at the loop.
func (p *program) sameNames(s *site, d ast.Expr) *finding.Reason {
	scope := s.file.pkg.Types.Scope().Innermost(s.loop.Pos())
	var bad *finding.Reason
	fields := map[*ast.Ident]bool{}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			fields[n.Sel] = true
		case *ast.Ident:
			obj := s.file.objectOf(n)
			if fields[n] || obj == nil || scope == nil {
				return true
			}
			if _, found := scope.LookupParent(n.Name, s.loop.Pos()); found != obj {
				bad = &finding.Reason{Code: finding.IntervalVaries, Detail: n.Name + " means something else at the loop", Pos: p.position(n.Pos())}
			}
		}
		return true
	})
	return bad
}

// assignedIn reports whether obj is assigned inside n, or its address is taken there.
func (p *program) assignedIn(f *file, obj types.Object, n ast.Node) bool {
	found := false
	names := func(e ast.Expr) bool {
		switch e := ast.Unparen(e).(type) {
		case *ast.Ident:
			return sameObject(f.pkg.TypesInfo.Uses[e], obj) // its definition is no assignment
		case *ast.SelectorExpr:
			return sameObject(f.pkg.TypesInfo.Uses[e.Sel], obj)
		}
		return false
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				found = found || names(l)
			}
		case *ast.IncDecStmt:
			found = found || names(n.X)
		case *ast.UnaryExpr:
			found = found || n.Op == token.AND && names(n.X)
		case *ast.RangeStmt:
			found = found || n.Key != nil && names(n.Key) || n.Value != nil && names(n.Value)
		}
		return !found
	})
	return found
}
