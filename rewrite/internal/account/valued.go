package account

import (
	"go/ast"
	"go/types"
)

// timedCall reports whether the method that a selector names, which has a context before other arguments, is called with
// one that has a deadline: there, or wherever it is called as a value.
func (c *counter) timedCall(info *types.Info, in *ast.FuncDecl, sel *ast.SelectorExpr, n *ast.CallExpr, args int) bool {
	first := 0
	if s := info.Selections[sel]; s != nil && s.Kind() == types.MethodExpr {
		first = 1 // the receiver
	}
	if n != nil {
		return len(n.Args) == first+args && c.timed(info, in, n.Args[first], nil)
	}
	v := &valued{counter: c, first: first, args: args, seen: map[*types.Var]bool{}}
	return in != nil && v.goes(info, in, func(e ast.Expr) bool { return e == ast.Expr(sel) })
}

// valued follows a method that is used as a value.
type valued struct {
	*counter
	first, args int // where its context is, and how many arguments there are behind that
	seen        map[*types.Var]bool
}

// goes reports whether what matches in a function is called with a context that has a deadline, there or where it goes.
func (v *valued) goes(info *types.Info, in *ast.FuncDecl, is func(ast.Expr) bool) bool {
	found := false
	matches := func(e ast.Expr) bool { return e != nil && is(ast.Unparen(e)) }
	ast.Inspect(in, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, r := range n.Rhs {
				if len(n.Lhs) == len(n.Rhs) && matches(r) {
					found = found || v.called(variable(info, n.Lhs[i]), info, in)
				}
			}
		case *ast.ValueSpec:
			for i, r := range n.Values {
				if len(n.Names) == len(n.Values) && matches(r) {
					found = found || v.called(variable(info, n.Names[i]), info, in)
				}
			}
		case *ast.CompositeLit:
			for i, e := range n.Elts {
				found = found || v.element(info, in, n, i, e, matches)
			}
		case *ast.CallExpr:
			own, ok := v.funcs[position(callee(info, n))]
			if !ok {
				break
			}
			fn, ok := own.info.Defs[own.decl.Name].(*types.Func)
			for i, a := range n.Args {
				if ok && matches(a) && i < fn.Signature().Params().Len() {
					found = found || v.called(fn.Signature().Params().At(i), own.info, own.decl)
				}
			}
		case *ast.ReturnStmt:
			for i, r := range n.Results {
				if matches(r) {
					found = found || v.returned(info, in, i)
				}
			}
		}
		return !found
	})
	return found
}

// element is goes for an element of a literal.
func (v *valued) element(info *types.Info, in *ast.FuncDecl, lit *ast.CompositeLit, i int, e ast.Expr, matches func(ast.Expr) bool) bool {
	if kv, ok := e.(*ast.KeyValueExpr); ok {
		return matches(kv.Value) && v.called(variable(info, kv.Key), info, in)
	}
	t := info.TypeOf(lit)
	if t == nil || !matches(e) {
		return false
	}
	st, ok := t.Underlying().(*types.Struct)
	return ok && i < st.NumFields() && v.called(st.Field(i), info, in)
}

// called is goes for a variable or field, which is one of a function unless it is of a package.
func (v *valued) called(to *types.Var, info *types.Info, in *ast.FuncDecl) bool {
	if to == nil || v.seen[to.Origin()] {
		return false
	}
	v.seen[to.Origin()] = true
	for _, call := range v.values[to.Origin().Pos()] {
		if len(call.node.Args) == v.first+v.args && v.timed(call.info, call.in, call.node.Args[v.first], nil) {
			return true
		}
	}
	return v.goes(info, in, func(e ast.Expr) bool { return variable(info, e) == to })
}

// returned is goes for a result of a function: it is called at once, or assigned to a variable.
func (v *valued) returned(info *types.Info, in *ast.FuncDecl, i int) bool {
	fn, ok := info.Defs[in.Name].(*types.Func)
	if !ok {
		return false
	}
	for _, from := range v.callsOf(fn) {
		if from.in == nil {
			continue
		}
		found := false
		ast.Inspect(from.in, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if ast.Unparen(n.Fun) == ast.Expr(from.node) && len(n.Args) == v.first+v.args {
					found = found || v.timed(from.info, from.in, n.Args[v.first], nil)
				}
			case *ast.AssignStmt:
				if len(n.Rhs) == 1 && ast.Unparen(n.Rhs[0]) == ast.Expr(from.node) && i < len(n.Lhs) {
					found = found || v.called(variable(from.info, n.Lhs[i]), from.info, from.in)
				}
			}
			return !found
		})
		if found {
			return true
		}
	}
	return false
}

// variable returns the variable or field that an expression names, or nil.
func variable(info *types.Info, e ast.Expr) *types.Var {
	var v *types.Var
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		v, _ = info.ObjectOf(e).(*types.Var)
	case *ast.SelectorExpr:
		v, _ = info.ObjectOf(e.Sel).(*types.Var)
	}
	return v
}
