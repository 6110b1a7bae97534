package loop

import (
	"go/ast"
	"go/token"
	"go/types"
)

// Counters returns the variables and fields that a round counts up, and what is computed
// from them.
func (s *Site) Counters() map[types.Object]bool {
	counters := map[types.Object]bool{}
	ast.Inspect(s.Node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IncDecStmt:
			counters[s.Walker.Variable(n.X)] = true
			if sel, ok := ast.Unparen(n.X).(*ast.SelectorExpr); ok {
				counters[s.File.ObjectOf(sel.Sel)] = true
			}
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				obj := s.Walker.Variable(l)
				if obj == nil || n.Tok == token.DEFINE {
					continue
				}
				if n.Tok != token.ASSIGN || len(n.Rhs) == len(n.Lhs) && s.File.Mentions(n.Rhs[i], obj) {
					counters[obj] = true
				}
			}
		}
		return true
	})
	delete(counters, nil)
	// What is computed from a counter counts too.
	for grown := true; grown; {
		grown = false
		ast.Inspect(s.Node, func(n ast.Node) bool {
			var lhs, rhs []ast.Expr
			switch n := n.(type) {
			case *ast.AssignStmt:
				lhs, rhs = n.Lhs, n.Rhs
			case *ast.ValueSpec:
				rhs = n.Values
				for _, name := range n.Names {
					lhs = append(lhs, name)
				}
			}
			for i, l := range lhs {
				obj := s.Walker.Variable(l)
				for j, r := range rhs {
					if obj == nil || counters[obj] || len(lhs) == len(rhs) && i != j {
						continue
					}
					for c := range counters {
						if s.File.Mentions(r, c) {
							counters[obj], grown = true, true
						}
					}
				}
			}
			return true
		})
	}
	return counters
}
