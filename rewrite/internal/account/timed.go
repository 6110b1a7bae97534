package account

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// timed reports whether a context has a deadline that was made in the function that it is
// used in, or on the way to it.
func (c *counter) timed(info *types.Info, in *ast.FuncDecl, ctx ast.Expr, seen []types.Object) bool {
	switch e := ast.Unparen(ctx).(type) {
	case *ast.CallExpr:
		return c.derived(info, in, e, seen)
	case *ast.SelectorExpr:
		field, ok := info.ObjectOf(e.Sel).(*types.Var)
		if !ok || slices.Contains(seen, types.Object(field)) || len(seen) > 8 {
			return false
		}
		seen = append(slices.Clone(seen), field)
		return slices.ContainsFunc(c.kept[field.Origin().Pos()], func(k kept) bool { return c.timed(k.info, k.in, k.expr, seen) })
	case *ast.Ident:
		obj, ok := info.ObjectOf(e).(*types.Var)
		if !ok || in == nil || slices.Contains(seen, types.Object(obj)) || len(seen) > 8 {
			return false
		}
		seen = append(slices.Clone(seen), obj)
		if c.assigned(info, in, obj, seen) {
			return true
		}
		fn, i := parameter(info, in, obj)
		if fn == nil {
			return false
		}
		for _, call := range c.callsOf(fn) {
			if i < len(call.node.Args) && c.timed(call.info, call.in, call.node.Args[i], seen) {
				return true
			}
		}
	}
	return false
}

// callsOf returns the calls of a function, and those through interfaces that may run it.
func (c *counter) callsOf(fn *types.Func) []call {
	calls := slices.Clone(c.calls[fn.Origin().Pos()])
	for _, of := range c.bound[fn.Name()] {
		if fn.Signature().Recv() != nil && types.Identical(of.Signature(), fn.Signature()) {
			calls = append(calls, c.calls[of.Origin().Pos()]...)
		}
	}
	return calls
}

// keep notes a context, or a part of a transaction, that is stored in a field.
func (c *counter) keep(info *types.Info, in *ast.FuncDecl, field types.Object, e ast.Expr) {
	if v, ok := field.(*types.Var); ok && v.IsField() && (isContext(v.Type()) || c.isPart(v.Type())) {
		c.kept[v.Origin().Pos()] = append(c.kept[v.Origin().Pos()], kept{e, in, info})
	}
}

// keeps notes the contexts of a struct literal.
func (c *counter) keeps(info *types.Info, in *ast.FuncDecl, n *ast.CompositeLit) {
	t := info.TypeOf(n)
	if t == nil {
		return
	}
	fields, ok := t.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok {
				c.keep(info, in, info.ObjectOf(id), kv.Value)
			}
		} else if i < fields.NumFields() {
			c.keep(info, in, fields.Field(i), e)
		}
	}
}

// parameter returns the function that v is a parameter of, and its index.
func parameter(info *types.Info, in *ast.FuncDecl, v *types.Var) (*types.Func, int) {
	fn, ok := info.Defs[in.Name].(*types.Func)
	if !ok {
		return nil, 0
	}
	for i := range fn.Signature().Params().Len() {
		if fn.Signature().Params().At(i) == v {
			return fn, i
		}
	}
	return nil, 0
}

// assigned reports whether the function assigns a context with a deadline to v.
func (c *counter) assigned(info *types.Info, in *ast.FuncDecl, v *types.Var, seen []types.Object) (found bool) {
	ast.Inspect(in, func(n ast.Node) bool {
		var lhs []ast.Expr
		var rhs []ast.Expr
		switch n := n.(type) {
		case *ast.AssignStmt:
			lhs, rhs = n.Lhs, n.Rhs
		case *ast.ValueSpec:
			for _, id := range n.Names {
				lhs = append(lhs, id)
			}
			rhs = n.Values
		}
		for i, l := range lhs {
			id, ok := ast.Unparen(l).(*ast.Ident)
			if !ok || info.ObjectOf(id) != types.Object(v) || len(rhs) == 0 {
				continue
			}
			r := rhs[0]
			if len(rhs) == len(lhs) {
				r = rhs[i]
			}
			found = found || c.timed(info, in, r, seen)
		}
		return !found
	})
	return found
}

// derived reports whether a call makes a context with a deadline, or hands one on.
func (c *counter) derived(info *types.Info, in *ast.FuncDecl, n *ast.CallExpr, seen []types.Object) bool {
	fn := callee(info, n)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	if fn.Pkg().Path() == "context" && (strings.HasPrefix(fn.Name(), "WithTimeout") || strings.HasPrefix(fn.Name(), "WithDeadline")) {
		return true
	}
	if fn.Pkg().Path() == "context" && strings.HasPrefix(fn.Name(), "WithCancel") && c.clocked(info, in, n) {
		return true
	}
	own, ok := c.funcs[fn.Origin().Pos()]
	if ok && returnsContext(fn) && len(seen) < 8 {
		made := false
		ast.Inspect(own.decl, func(m ast.Node) bool {
			if m, ok := m.(*ast.CallExpr); ok && !made && m != n {
				if f := callee(own.info, m); f != nil && f.Pkg() != nil && f.Pkg().Path() == "context" {
					made = strings.HasPrefix(f.Name(), "WithTimeout") || strings.HasPrefix(f.Name(), "WithDeadline")
				}
			}
			return !made
		})
		if made {
			return true
		}
	}
	return returnsContext(fn) && len(n.Args) > 0 && c.timed(info, in, n.Args[0], seen)
}

func returnsContext(fn *types.Func) bool {
	res := fn.Signature().Results()
	return res.Len() > 0 && isContext(res.At(0).Type())
}

func isContext(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == "Context" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "context"
}
