package tries

import (
	"go/ast"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// Who else has to do with an election.
//
// A call of Campaign that writes nothing while another session leads is missed by whoever looks at
// the queue, or waits in it, and leaves the election as it was. The questions here are about all
// elections of the module, but for those that are known to be others.

// Beside returns what may campaign beside some calls of Campaign and is none of those that are
// polled, or what takes an election to where that cannot be seen; nil if there is nothing.
func (p Elections) Beside(all []Candidacy, polled map[ast.Expr]bool) ast.Node {
	var starts []string
	for _, c := range all {
		starts = append(starts, c.Starts()...)
	}
	other := func(f *source.File, e ast.Expr) bool { return apart(Candidacy{from: p.origin(f, e)}.Starts(), starts) }
	for _, f := range p.Files {
		if f.IsHelper() {
			continue
		}
		var parents map[ast.Node]ast.Node
		for n := range ast.Preorder(f.Syntax) {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if fn, ok := f.ObjectOf(n.Sel).(*types.Func); ok && !polled[n] && isCampaign(p.Program, fn) && !other(f, n.X) {
					return n
				}
			case *ast.Field:
				if len(n.Names) == 0 && p.isConcurrency(pointed(f.TypeOf(n.Type)), "Election") && isEmbedded(f, n) {
					return n
				}
			}
			e, ok := n.(ast.Expr)
			if tv := f.Pkg.TypesInfo.Types[e]; !ok || !tv.IsValue() || !p.isConcurrency(pointed(tv.Type), "Election") {
				continue
			}
			if parents == nil {
				parents = source.Parents(f.Syntax)
			}
			if !p.isElection(f.TypeOf(e)) || !p.seen(f, parents, e) && !other(f, e) {
				return e
			}
		}
	}
	return nil
}

// isEmbedded reports whether a field without a name is one of a struct.
func isEmbedded(f *source.File, field *ast.Field) bool {
	id := source.NameIn(starless(field.Type))
	if id == nil {
		return false
	}
	around := f.Around(field)
	for _, n := range around[max(0, len(around)-2):] {
		if _, ok := n.(*ast.StructType); ok {
			return true
		}
	}
	return false
}

func starless(e ast.Expr) ast.Expr {
	if s, ok := ast.Unparen(e).(*ast.StarExpr); ok {
		return s.X
	}
	return e
}

// origin returns what may have made an election, or nil.
func (p Elections) origin(f *source.File, e ast.Expr) (out []made) {
	if x, ok := ast.Unparen(e).(*ast.SelectorExpr); ok {
		return p.kept(f, x).from
	}
	if m := p.madeBy(f, e); m.call != nil {
		return []made{m}
	}
	v := f.VariableOf(e)
	if v == nil || v.IsField() || source.IsPackageLevel(v) || f.AssignedIn(v, f.Syntax) {
		return nil
	}
	if x, ok := valueOf(f, v).(*ast.SelectorExpr); ok {
		return p.origin(f, x)
	}
	calls, i := p.callsWith(f, v)
	for _, c := range calls {
		m := p.madeBy(c.File, c.Expr.Args[i])
		if m.call == nil {
			return nil
		}
		out = append(out, m)
	}
	return out
}

// seen reports whether all that becomes of an election at an expression can be seen: it stays one in
// the module.
func (p Elections) seen(f *source.File, parents map[ast.Node]ast.Node, e ast.Expr) bool {
	var child ast.Node = e
	parent := parents[child]
	for {
		if paren, ok := parent.(*ast.ParenExpr); ok {
			child, parent = paren, parents[paren]
			continue
		}
		break
	}
	stays := func(t types.Type) bool { return t == nil || p.isElection(t) }
	switch n := parent.(type) {
	case *ast.SelectorExpr, *ast.BinaryExpr, *ast.ExprStmt, *ast.RangeStmt, *ast.Field:
		return true
	case *ast.KeyValueExpr:
		if lit, ok := parents[n].(*ast.CompositeLit); ok && ast.Node(n.Value) == child {
			return stays(element(f, lit, n))
		}
		return true
	case *ast.CompositeLit:
		return stays(element(f, n, child.(ast.Expr)))
	case *ast.AssignStmt:
		i := slices.IndexFunc(n.Rhs, func(r ast.Expr) bool { return ast.Node(r) == child })
		return i < 0 || len(n.Lhs) == len(n.Rhs) && stays(f.TypeOf(n.Lhs[i]))
	case *ast.ValueSpec:
		return n.Type == nil || stays(f.TypeOf(n.Type))
	case *ast.CallExpr:
		return p.given(f, n, child, stays)
	case *ast.ReturnStmt:
		return p.returned(f, n, child, stays)
	}
	return false
}

// element is the type that an element of a literal gets.
func element(f *source.File, lit *ast.CompositeLit, e ast.Expr) types.Type {
	switch t := source.Under(pointed(f.TypeOf(lit))).(type) {
	case *types.Struct:
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			return f.TypeOf(kv.Key)
		}
		if i := slices.Index(lit.Elts, e); i >= 0 && i < t.NumFields() {
			return t.Field(i).Type()
		}
	case *types.Map:
		return t.Elem()
	case *types.Slice:
		return t.Elem()
	case *types.Array:
		return t.Elem()
	}
	return types.Typ[types.Invalid]
}

// given reports whether an argument of a call stays an election in the module.
func (p Elections) given(f *source.File, call *ast.CallExpr, arg ast.Node, stays func(types.Type) bool) bool {
	i := slices.IndexFunc(call.Args, func(a ast.Expr) bool { return ast.Node(a) == arg })
	if i < 0 {
		return true // it is what is called
	}
	if b, ok := f.Callee(call).(*types.Builtin); ok {
		s, ok := source.Under(f.TypeOf(call.Args[0])).(*types.Slice)
		return b.Name() == "append" && ok && stays(s.Elem())
	}
	sig, ok := source.Under(f.TypeOf(call.Fun)).(*types.Signature)
	if _, literal := ast.Unparen(call.Fun).(*ast.FuncLit); !literal {
		fn, declared := f.Callee(call).(*types.Func)
		ok = ok && declared && p.DeclOf(fn) != nil && fn.Origin().Signature().TypeParams().Len() == 0
	}
	return ok && i < sig.Params().Len() && (!sig.Variadic() || i < sig.Params().Len()-1) && stays(sig.Params().At(i).Type())
}

// returned is given for a result.
func (p Elections) returned(f *source.File, ret *ast.ReturnStmt, result ast.Node, stays func(types.Type) bool) bool {
	var t types.Type
	switch fn := f.FuncAround(ret).(type) {
	case *ast.FuncDecl:
		t = f.TypeOf(fn.Name)
	case *ast.FuncLit:
		t = f.TypeOf(fn)
	}
	sig, ok := t.(*types.Signature)
	i := slices.IndexFunc(ret.Results, func(r ast.Expr) bool { return ast.Node(r) == result })
	return ok && i >= 0 && len(ret.Results) == sig.Results().Len() && stays(sig.Results().At(i).Type())
}

// Reads returns what reads Key, Rev or Header of one of the elections where after does not say that
// it has won; nil if nothing does.
func (p Elections) Reads(all []Candidacy, after func(f *source.File, n ast.Node) bool) ast.Node {
	for _, f := range p.Files {
		if f.IsHelper() {
			continue
		}
		for n := range ast.Preorder(f.Syntax) {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Key", "Rev", "Header"}, sel.Sel.Name) {
				continue
			}
			fn, ok := f.ObjectOf(sel.Sel).(*types.Func)
			if !ok || fn.Signature().Recv() == nil || !p.isElection(fn.Signature().Recv().Type()) || p.another(f, sel.X, all) || after(f, sel) {
				continue
			}
			return sel
		}
	}
	return nil
}

// another reports whether an election is known to be none of some others.
func (p Elections) another(f *source.File, e ast.Expr, all []Candidacy) bool {
	from := p.origin(f, e)
	return len(from) > 0 && !slices.ContainsFunc(all, func(c Candidacy) bool {
		return slices.ContainsFunc(c.from, func(m made) bool { return slices.Contains(from, m) })
	})
}

// Resumed returns a use of ResumeElection, or nil.
func (p Elections) Resumed() ast.Node {
	for _, f := range p.Files {
		if f.IsHelper() {
			continue
		}
		for n := range ast.Preorder(f.Syntax) {
			if id, ok := n.(*ast.Ident); ok && p.IsConcurrencyObj(f.ObjectOf(id), "ResumeElection") {
				return id
			}
		}
	}
	return nil
}
