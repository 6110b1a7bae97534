package proof

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// appended reports that rounds write to a slice one behind the other, and that others may have it by
// another name: what lies behind its end says how many rounds there were.
//
//	ys := xs
//	xs = append(xs, "refused") // ys[:1] is written to
//
// A slice is the loop's own that the function has made, and that nothing has but to read it.
func appended(c *carried) *finding.Reason {
	for _, w := range c.writes {
		call, ok := ast.Unparen(w.from).(*ast.CallExpr)
		if !ok || len(call.Args) == 0 || !isAppend(c.File, call) {
			continue
		}
		base, known := c.Walker.Variable(call.Args[0]), false
		for _, a := range call.Args {
			known = known || c.mentions(a, true)
		}
		if known && (base == nil || !c.ownSlice(base)) {
			return c.counts(w.node)
		}
	}
	return nil
}

func isAppend(f *source.File, call *ast.CallExpr) bool {
	b, ok := f.Callee(call).(*types.Builtin)
	return ok && b.Name() == "append"
}

// ownSlice reports whether a slice is one that only its variable has.
func (c *carried) ownSlice(obj types.Object) bool {
	v, ok := obj.(*types.Var)
	if !ok || v.Kind() != types.LocalVar || !source.PosWithin(v.Pos(), c.Func) {
		return false
	}
	for n := range ast.Preorder(c.Func) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if c.Walker.Variable(l) == obj && (len(n.Lhs) != len(n.Rhs) || !c.makesSlice(n.Rhs[i], obj)) {
					return false
				}
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if c.File.ObjectOf(name) == obj && len(n.Values) > 0 && (len(n.Names) != len(n.Values) || !c.makesSlice(n.Values[i], obj)) {
					return false
				}
			}
		}
	}
	for _, id := range c.File.UsesOf(v) {
		if !c.readsSlice(id, obj) {
			return false
		}
	}
	return true
}

// makesSlice reports whether e is a new slice, or one that goes on from the variable itself.
func (c *carried) makesSlice(e ast.Expr, obj types.Object) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		return true
	case *ast.CallExpr:
		b, ok := c.File.Callee(e).(*types.Builtin)
		return ok && (b.Name() == "make" || b.Name() == "append" && c.Walker.Variable(e.Args[0]) == obj)
	default:
		return source.IsNilExpr(c.File, e)
	}
}

// readsSlice reports whether a use of a slice gives nobody else what it holds.
func (c *carried) readsSlice(id *ast.Ident, obj types.Object) bool {
	switch p := c.parents[id].(type) {
	case *ast.AssignStmt:
		return c.written(id)
	case *ast.IndexExpr:
		u, addressed := c.parents[p].(*ast.UnaryExpr)
		return p.X == ast.Expr(id) && (!addressed || u.Op != token.AND)
	case *ast.RangeStmt, *ast.BinaryExpr:
		return true
	case *ast.ReturnStmt: // others see it, which is looked at elsewhere
		return true
	case *ast.CallExpr:
		if isAppend(c.File, p) {
			a, ok := c.parents[p].(*ast.AssignStmt)
			return p.Args[0] != ast.Expr(id) || ok && len(a.Lhs) == 1 && c.Walker.Variable(a.Lhs[0]) == obj
		}
		if logs, _ := c.Inert(&ast.ExprStmt{X: p}); logs {
			return true
		}
		_, isSlice := source.Under(c.File.TypeOf(p)).(*types.Slice)
		return loop.Pure(c.File, p) && !isSlice
	}
	return false
}
