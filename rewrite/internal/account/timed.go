package account

import (
	"go/ast"
	"go/constant"
	"go/token"
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
		calls := slices.Clone(c.calls[fn.Origin().Pos()])
		for _, of := range c.bound[fn.Name()] { // calls that may run the method
			if fn.Signature().Recv() != nil && types.Identical(of.Signature(), fn.Signature()) {
				calls = append(calls, c.calls[of.Origin().Pos()]...)
			}
		}
		for _, call := range calls {
			if i < len(call.node.Args) && c.timed(call.info, call.in, call.node.Args[i], seen) {
				return true
			}
		}
	}
	return false
}

// keep notes a context that is stored in a field.
func (c *counter) keep(info *types.Info, in *ast.FuncDecl, field types.Object, e ast.Expr) {
	if v, ok := field.(*types.Var); ok && v.IsField() && isContext(v.Type()) {
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

// creates reports whether a transaction, whose value e is, puts a key if it is missing.
func (c *counter) creates(info *types.Info, in *ast.FuncDecl, e ast.Expr) bool {
	var ifs, thens []ast.Expr
	seen := map[types.Object]bool{}
	var chain func(e ast.Expr)
	var args func(list []ast.Expr) []ast.Expr
	args = func(list []ast.Expr) (out []ast.Expr) {
		for _, a := range list {
			out = append(out, a)
			ast.Inspect(a, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					if obj, ok := info.ObjectOf(id).(*types.Var); ok && !seen[obj] {
						seen[obj] = true
						out = append(out, args(definitions(info, in, obj))...)
					}
				}
				return true
			})
		}
		return out
	}
	link := func(n *ast.CallExpr) ast.Expr {
		sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
		if !ok {
			return nil
		}
		switch sel.Sel.Name {
		case "If":
			ifs = append(ifs, args(n.Args)...)
		case "Then":
			thens = append(thens, args(n.Args)...)
		case "Else":
		default:
			return nil
		}
		return sel.X
	}
	chain = func(e ast.Expr) {
		switch e := ast.Unparen(e).(type) {
		case *ast.CallExpr:
			if x := link(e); x != nil {
				chain(x)
			}
		case *ast.Ident:
			obj := info.ObjectOf(e)
			if obj == nil || seen[obj] {
				return
			}
			seen[obj] = true
			for _, d := range definitions(info, in, obj) {
				chain(d)
			}
			ast.Inspect(in, func(n ast.Node) bool { // txn.If(...); txn.Then(...)
				if n, ok := n.(*ast.CallExpr); ok {
					if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok {
						if id, ok := ast.Unparen(sel.X).(*ast.Ident); ok && info.ObjectOf(id) == obj {
							link(n)
						}
					}
				}
				return true
			})
		}
	}
	chain(e)
	missing, puts := false, false
	each := func(list []ast.Expr, do func(*types.Info, *ast.CallExpr)) {
		parts := map[ast.Node]bool{}
		for _, e := range list {
			c.parts(info, e, parts, do)
		}
	}
	each(ifs, func(info *types.Info, n *ast.CallExpr) { missing = missing || c.demandsMissing(info, n) })
	each(thens, func(info *types.Info, n *ast.CallExpr) {
		fn := callee(info, n)
		puts = puts || fn != nil && fn.Name() == "OpPut" && fn.Pkg() != nil && slices.Contains(c.paths.Client, unvendored(fn.Pkg().Path()))
	})
	return missing && puts
}

// parts calls do for the calls in an expression, in the values of the package variables that
// it names, and in the functions of the module that it calls.
func (c *counter) parts(info *types.Info, e ast.Node, seen map[ast.Node]bool, do func(*types.Info, *ast.CallExpr)) {
	if seen[e] {
		return
	}
	seen[e] = true
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			do(info, n)
			if fn := callee(info, n); fn != nil {
				if own, ok := c.funcs[fn.Origin().Pos()]; ok && own.decl.Body != nil {
					c.parts(own.info, own.decl.Body, seen, do)
				}
			}
		case *ast.Ident:
			if obj := info.ObjectOf(n); obj != nil {
				if v, ok := c.vars[obj.Pos()]; ok {
					c.parts(v.info, v.expr, seen, do)
				}
			}
		}
		return true
	})
}

// definitions returns what a variable of a function is assigned, and appended.
func definitions(info *types.Info, in *ast.FuncDecl, obj types.Object) (out []ast.Expr) {
	ast.Inspect(in, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if id, ok := ast.Unparen(l).(*ast.Ident); ok && info.ObjectOf(id) == obj && len(n.Lhs) == len(n.Rhs) {
					out = append(out, n.Rhs[i])
				}
			}
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if info.ObjectOf(id) == obj && i < len(n.Values) {
					out = append(out, n.Values[i])
				}
			}
		}
		return true
	})
	return out
}

// demandsMissing reports whether a comparison holds only where a key is missing.
func (c *counter) demandsMissing(info *types.Info, n *ast.CallExpr) bool {
	fn := callee(info, n)
	if fn == nil || fn.Pkg() == nil {
		return false
	}
	path := unvendored(fn.Pkg().Path())
	if client, ok := strings.CutSuffix(path, "/clientv3util"); ok && fn.Name() == "KeyMissing" {
		return slices.Contains(c.paths.Client, client)
	}
	if fn.Name() != "Compare" || !slices.Contains(c.paths.Client, path) || len(n.Args) != 3 {
		return false
	}
	of, ok := ast.Unparen(n.Args[0]).(*ast.CallExpr)
	if !ok {
		return false
	}
	target := callee(info, of)
	if target == nil || target.Name() != "CreateRevision" && target.Name() != "ModRevision" && target.Name() != "Version" {
		return false
	}
	op, bound := info.Types[n.Args[1]].Value, info.Types[n.Args[2]].Value
	if op == nil || op.Kind() != constant.String || bound == nil {
		return false
	}
	zero, one := constant.MakeInt64(0), constant.MakeInt64(1)
	switch constant.StringVal(op) {
	case "=":
		return constant.Compare(constant.ToInt(bound), token.EQL, zero)
	case "<":
		return constant.Compare(constant.ToInt(bound), token.EQL, one)
	}
	return false
}
