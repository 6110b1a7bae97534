package account

import (
	"go/ast"
	"go/types"
	"slices"
)

// A context that is cancelled when some time has passed has a deadline as well.

// clocked reports whether the call in a function that makes a context with a cancel function hands that to a clock.
func (c *counter) clocked(info *types.Info, in *ast.FuncDecl, made *ast.CallExpr) bool {
	if in == nil {
		return false
	}
	var cancel *types.Var
	for n := range ast.Preorder(in) {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Rhs) == 1 && len(a.Lhs) == 2 && ast.Unparen(a.Rhs[0]) == ast.Expr(made) {
			cancel = variable(info, a.Lhs[1])
		}
	}
	if cancel == nil {
		return false
	}
	is := func(e ast.Expr) bool { return variable(info, e) == cancel }
	for n := range ast.Preorder(in) {
		switch n := n.(type) {
		case *ast.CallExpr:
			if !slices.ContainsFunc(n.Args, is) {
				break
			}
			if isTime(callee(info, n), "AfterFunc") {
				return true
			}
			if own, ok := c.funcs[position(callee(info, n))]; ok && own.decl.Body != nil && waits(own.info, own.decl.Body) {
				return true
			}
		case *ast.FuncLit:
			if calls(info, n.Body, cancel) && (waits(info, n.Body) || c.armed(info, in, n)) {
				return true
			}
		case *ast.CommClause:
			if n.Comm != nil && waits(info, n.Comm) && calls(info, &ast.BlockStmt{List: n.Body}, cancel) {
				return true
			}
		}
	}
	return false
}

// armed reports whether a clock of package time calls a function literal, there or by a variable.
func (c *counter) armed(info *types.Info, in *ast.FuncDecl, lit *ast.FuncLit) bool {
	var held *types.Var
	for n := range ast.Preorder(in) {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == 1 && len(a.Rhs) == 1 && ast.Unparen(a.Rhs[0]) == ast.Expr(lit) {
			held = variable(info, a.Lhs[0])
		}
	}
	for n := range ast.Preorder(in) {
		call, ok := n.(*ast.CallExpr)
		if ok && isTime(callee(info, call), "AfterFunc") && slices.ContainsFunc(call.Args, func(a ast.Expr) bool {
			return ast.Unparen(a) == ast.Expr(lit) || held != nil && variable(info, a) == held
		}) {
			return true
		}
	}
	return false
}

// calls reports whether a function variable is called.
func calls(info *types.Info, in ast.Node, v *types.Var) bool {
	for n := range ast.Preorder(in) {
		if call, ok := n.(*ast.CallExpr); ok && variable(info, call.Fun) == v {
			return true
		}
	}
	return false
}

// waits reports whether something sleeps, sets a clock, or receives from one.
func waits(info *types.Info, in ast.Node) bool {
	for n := range ast.Preorder(in) {
		switch n := n.(type) {
		case *ast.CallExpr:
			if fn := callee(info, n); isTime(fn, "Sleep") || isTime(fn, "AfterFunc") {
				return true
			}
		case *ast.UnaryExpr:
			if t := info.TypeOf(n.X); t != nil {
				if ch, ok := t.Underlying().(*types.Chan); ok && types.TypeString(ch.Elem(), nil) == "time.Time" {
					return true
				}
			}
		}
	}
	return false
}

func isTime(fn *types.Func, name string) bool {
	return fn != nil && fn.Name() == name && fn.Pkg() != nil && fn.Pkg().Path() == "time"
}
