package account

import (
	"go/ast"
	"go/constant"
	"go/types"

	"golang.org/x/tools/go/packages"
)

// given counts the mutexes that a call gives to a function that is not loaded, as something
// that has the method: it may try them.
func (c *counter) given(p *packages.Package, in *ast.FuncDecl, n *ast.CallExpr) {
	fn := callee(p.TypesInfo, n)
	if fn == nil || fn.Pkg() == nil || c.local[fn.Pkg().Path()] {
		return
	}
	sig := fn.Origin().Signature()
	for i, a := range n.Args {
		last := sig.Params().Len() - 1
		if last < 0 {
			return
		}
		t := sig.Params().At(min(i, last)).Type()
		if slice, ok := t.(*types.Slice); ok && sig.Variadic() && i >= last && !n.Ellipsis.IsValid() {
			t = slice.Elem()
		}
		c.giveAs(p, in, a, t)
	}
}

// stored counts the mutexes that are stored in the fields of a type that is not loaded.
func (c *counter) stored(p *packages.Package, in *ast.FuncDecl, n *ast.CompositeLit) {
	t := p.TypesInfo.TypeOf(n)
	if t == nil {
		return
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Pkg() == nil || c.local[named.Obj().Pkg().Path()] {
		return
	}
	fields, ok := named.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && p.TypesInfo.ObjectOf(id) != nil {
				c.giveAs(p, in, kv.Value, p.TypesInfo.ObjectOf(id).Type())
			}
		} else if i < fields.NumFields() {
			c.giveAs(p, in, e, fields.Field(i).Type())
		}
	}
}

// placed counts a mutex that is assigned to a variable or field of a package that is not loaded, or
// to an element of one, or is sent to a channel that is one.
func (c *counter) placed(p *packages.Package, in *ast.FuncDecl, place, e ast.Expr) {
	as := p.TypesInfo.TypeOf(place)
	if as == nil {
		return
	}
	if ch, ok := as.Underlying().(*types.Chan); ok {
		as = ch.Elem()
	}
	for {
		switch x := ast.Unparen(place).(type) {
		case *ast.IndexExpr:
			place = x.X
		case *ast.StarExpr:
			place = x.X
		case *ast.SelectorExpr:
			if v, ok := p.TypesInfo.ObjectOf(x.Sel).(*types.Var); ok && v.Pkg() != nil && !c.local[v.Pkg().Path()] {
				c.giveAs(p, in, e, as)
			}
			return
		default:
			return
		}
	}
}

// giveAs counts a mutex that becomes a value of an interface, or of a type parameter, that
// demands the method.
func (c *counter) giveAs(p *packages.Package, in *ast.FuncDecl, e ast.Expr, as types.Type) {
	t := p.TypesInfo.TypeOf(e)
	if t == nil || !c.isClient(t, c.paths.Concurrency, "Mutex") || c.found[e.Pos()] {
		return
	}
	if param, ok := types.Unalias(as).(*types.TypeParam); ok {
		as = param.Constraint()
	}
	iface, ok := as.Underlying().(*types.Interface)
	if !ok || types.NewMethodSet(iface).Lookup(nil, string(TryLock)) == nil {
		return
	}
	c.found[e.Pos()] = true
	c.out = append(c.out, Try{Kind: TryLock, Form: Given, Pos: e.Pos(), Node: e, Func: in, Package: p, Typed: len(p.TypeErrors) == 0})
}

// named counts the calls by which reflection looks for the method.
func (c *counter) named(p *packages.Package, in *ast.FuncDecl, n *ast.CallExpr) {
	fn := callee(p.TypesInfo, n)
	if fn == nil || fn.Name() != "MethodByName" || fn.Pkg() == nil || fn.Pkg().Path() != "reflect" || len(n.Args) != 1 || c.found[n.Args[0].Pos()] {
		return
	}
	name := p.TypesInfo.Types[n.Args[0]].Value
	if name == nil || name.Kind() != constant.String || constant.StringVal(name) != string(TryLock) {
		return
	}
	c.found[n.Args[0].Pos()] = true
	c.out = append(c.out, Try{Kind: TryLock, Form: Named, Pos: n.Args[0].Pos(), Node: n, Func: in, Package: p, Typed: len(p.TypeErrors) == 0})
}
