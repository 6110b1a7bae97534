package source

import "go/ast"

// The Parts of a statement that branches or loops.
type Parts struct {
	Init  ast.Stmt   // runs first, whatever happens then
	Conds []ast.Expr // what decides: a condition, a tag, the values of cases, what is ranged over
	Body  *ast.BlockStmt
	rest  ast.Stmt // an else, or what follows a round
}

// PartsOf returns the parts of n. A statement of another kind has none.
func PartsOf(n ast.Node) (p Parts) {
	add := func(list ...ast.Expr) {
		for _, e := range list {
			if e != nil {
				p.Conds = append(p.Conds, e)
			}
		}
	}
	switch n := n.(type) {
	case *ast.IfStmt:
		p.Init, p.Body, p.rest = n.Init, n.Body, n.Else
		add(n.Cond)
	case *ast.SwitchStmt:
		p.Init, p.Body = n.Init, n.Body
		add(n.Tag)
		for _, clause := range n.Body.List {
			add(clause.(*ast.CaseClause).List...)
		}
	case *ast.TypeSwitchStmt:
		p.Init, p.Body = n.Init, n.Body
		for m := range ast.Preorder(n.Assign) {
			if a, ok := m.(*ast.TypeAssertExpr); ok {
				add(a.X)
			}
		}
	case *ast.ForStmt:
		p.Init, p.Body, p.rest = n.Init, n.Body, n.Post
		add(n.Cond)
	case *ast.RangeStmt:
		p.Body = n.Body
		add(n.X)
	}
	return p
}

// Governed are the parts that run, or do not, as the conditions say.
func (p Parts) Governed() (out []ast.Node) {
	if p.Body != nil {
		out = append(out, p.Body)
	}
	if p.rest != nil {
		out = append(out, p.rest)
	}
	return out
}
