package tries

import (
	"go/ast"
	"go/types"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// hasLease reports whether a key has the id of a lease in it: then no other client asks for
// it, as etcd's own mutex puts a key of each waiter's own. fn is the function around it.
func (p Txns) hasLease(f *source.File, fn ast.Node, key ast.Expr, seen map[types.Object]bool) bool {
	found := false
	ast.Inspect(key, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok || found {
			return !found
		}
		if f.IsLeaseID(f.TypeOf(e)) {
			found = true
		} else if id, ok := e.(*ast.Ident); ok {
			if v, ok := f.ObjectOf(id).(*types.Var); ok && !v.IsField() && !seen[v] {
				seen[v] = true
				if def := definition(f, fn, id); def != ast.Expr(id) {
					found = p.hasLease(f, fn, def, seen)
				} else {
					found = p.givenLease(f, fn, v, seen)
				}
			}
		}
		return !found
	})
	return found
}

// keepsLease reports whether a key is made of a field that is assigned one with the id of a lease in
// it, as the Mutex of etcd keeps its own key.
func (p Txns) keepsLease(f *source.File, fn ast.Node, key ast.Expr) bool {
	for n := range ast.Preorder(definition(f, fn, key)) {
		e, ok := n.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		field := f.VariableOf(e)
		if field == nil || !field.IsField() {
			continue
		}
		for _, a := range p.AssignmentsTo(field) {
			if around := p.FuncAround(a.Stmt); around != nil && p.hasLease(a.File, around, a.Value, map[types.Object]bool{}) {
				return true
			}
		}
	}
	return false
}

// givenLease reports whether v is a parameter of fn for which every call in the module
// gives a key with a lease in it.
func (p Txns) givenLease(f *source.File, fn ast.Node, v *types.Var, seen map[types.Object]bool) bool {
	decl, ok := fn.(*ast.FuncDecl)
	if !ok {
		return false
	}
	obj, ok := f.Pkg.TypesInfo.Defs[decl.Name].(*types.Func)
	if !ok {
		return false
	}
	at := -1
	for i := range obj.Signature().Params().Len() {
		if obj.Signature().Params().At(i) == v {
			at = i
		}
	}
	if at < 0 || obj.Signature().Variadic() && at == obj.Signature().Params().Len()-1 {
		return false
	}
	calls := 0
	for _, c := range p.CallsOf(obj) {
		if at >= len(c.Expr.Args) {
			continue
		}
		calls++
		if around := p.FuncAround(c.Expr); around == nil || !p.hasLease(c.File, around, c.Expr.Args[at], seen) {
			return false
		}
	}
	return calls > 0
}

// drawn reports whether the key is another one in each round of the loop: a function on the
// way gives it on, and the loop, or another function on the way, computes it anew.
func (p Txns) drawn(s *loop.Site, key ast.Expr) bool {
	keys := []ast.Expr{key}
	for i := len(s.Chain) - 1; i > 0 && len(keys) > 0; i-- {
		decl, ok := p.FuncAround(s.Chain[i].Node).(*ast.FuncDecl)
		if !ok {
			return false
		}
		call, ok := ast.Unparen(s.Chain[i-1].Node).(*ast.CallExpr)
		if !ok {
			return false
		}
		given := given(s.Chain[i].File, decl, keys, call)
		for _, arg := range given {
			if p.varies(s.Chain[i-1].File, call, arg) {
				return true
			}
		}
		keys = given
	}
	return false
}

// given returns the arguments of a call of decl for the parameters that some expressions of
// decl are made of.
func given(f *source.File, decl *ast.FuncDecl, exprs []ast.Expr, call *ast.CallExpr) (out []ast.Expr) {
	obj, ok := f.Pkg.TypesInfo.Defs[decl.Name].(*types.Func)
	if !ok {
		return nil
	}
	params, seen := obj.Signature().Params(), map[types.Object]bool{}
	var add func(e ast.Expr)
	add = func(e ast.Expr) {
		ast.Inspect(e, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok || f.ObjectOf(id) == nil || seen[f.ObjectOf(id)] {
				return true
			}
			seen[f.ObjectOf(id)] = true
			for i := range params.Len() {
				if params.At(i) == f.ObjectOf(id) && i < len(call.Args) {
					out = append(out, call.Args[i])
				}
			}
			if def := definition(f, decl, id); def != ast.Expr(id) {
				add(def)
			}
			return true
		})
	}
	for _, e := range exprs {
		add(e)
	}
	return out
}

// entered reports whether the way from a site leads into a function literal through the
// function that has it. Where the literal is an argument, what calls the parameter may be
// called by others as well, who give it something else.
func (p Txns) entered(s *loop.Site, lit *ast.FuncLit) bool {
	decl := p.FuncAround(lit)
	if decl == nil {
		return true
	}
	var given *ast.CallExpr
	ast.Inspect(decl, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			for _, arg := range call.Args {
				if ast.Unparen(arg) == ast.Expr(lit) {
					given = call
				}
			}
		}
		return given == nil
	})
	if given == nil || source.Within(given, s.Node) {
		return true
	}
	fn, ok := p.FileAt(lit.Pos()).Callee(given).(*types.Func)
	if !ok || p.DeclOf(fn) == nil || source.Within(s.Node, p.DeclOf(fn)) {
		return true // the loop is in the function that the literal is given to
	}
	for _, h := range s.Chain {
		if h.To.IsValid() && source.PosWithin(h.To, decl) && h.To < lit.Pos() {
			return true
		}
	}
	return false
}
