package proof

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// functions returns the literals and the declared functions that f is, or may be: by its name, by a variable, a
// field or a parameter that holds it, or as what a call returns.
func (b *beside) functions(f ast.Expr) []ast.Node {
	c := callbacks{b, map[types.Object]bool{}, nil}
	c.mayBe(f)
	return c.found
}

// callbacks are the functions that an expression may be.
type callbacks struct {
	*beside
	seen  map[types.Object]bool
	found []ast.Node
}

func (c *callbacks) add(n ast.Node) {
	if !slices.Contains(c.found, n) {
		c.found = append(c.found, n)
	}
}

func (c *callbacks) mayBe(f ast.Expr) {
	switch x := ast.Unparen(f).(type) {
	case *ast.FuncLit:
		c.add(x)
	case *ast.CompositeLit: // that holds them
		for _, e := range x.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				e = kv.Value
			}
			c.mayBe(e)
		}
	case *ast.CallExpr:
		obj := c.object(x.Fun)
		_, converts := obj.(*types.TypeName)
		if converts || source.IsObject(obj, "sync", "OnceFunc") || obj != nil && obj == types.Universe.Lookup("append") {
			for _, a := range x.Args {
				c.mayBe(a)
			}
		}
		if fn, ok := obj.(*types.Func); ok && !c.seen[fn] {
			c.seen[fn] = true
			if d := c.DeclOf(fn.Origin()); d != nil && d.Body != nil {
				for _, e := range returned(d.Body) {
					c.mayBe(e)
				}
			}
		}
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr, *ast.StarExpr:
		switch obj := c.object(x).(type) {
		case *types.Func:
			for _, d := range c.DeclsOf(obj.Origin()) {
				if d.Body != nil {
					c.add(d)
				}
			}
		case *types.Var:
			if c.seen[obj] {
				return
			}
			c.seen[obj] = true
			for _, e := range append(c.assigned(obj), c.passed[obj]...) {
				c.mayBe(e)
			}
		}
	}
}

// returned returns what a function body returns.
func returned(body *ast.BlockStmt) (out []ast.Expr) {
	ast.Inspect(body, func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok {
			out = append(out, r.Results...)
		}
		_, literal := n.(*ast.FuncLit)
		return !literal
	})
	return out
}

// assigned returns what a variable or a field, or an element of it, is given anywhere.
func (b *beside) assigned(v *types.Var) (out []ast.Expr) {
	files := b.Files
	if !v.IsField() && !source.IsPackageLevel(v) {
		f := b.FileAt(v.Pos())
		if f == nil {
			return nil
		}
		files = []*source.File{f}
	}
	for _, f := range files {
		for n := range ast.Preorder(f.Syntax) {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					if len(n.Lhs) == len(n.Rhs) && b.object(l) == v {
						out = append(out, n.Rhs[i])
					}
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if len(n.Names) == len(n.Values) && b.objectOf(name) == v {
						out = append(out, n.Values[i])
					}
				}
			case *ast.RangeStmt:
				if n.Value != nil && b.object(n.Value) == v {
					out = append(out, n.X)
				}
			case *ast.CompositeLit:
				out = append(out, b.fieldGiven(f, n, v)...)
			}
		}
	}
	return out
}

// fieldGiven returns what a composite literal gives a field.
func (b *beside) fieldGiven(f *source.File, lit *ast.CompositeLit, v *types.Var) (out []ast.Expr) {
	if !v.IsField() {
		return nil
	}
	fields, _ := source.Under(f.TypeOf(lit)).(*types.Struct)
	for i, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && b.objectOf(key) == v {
				out = append(out, kv.Value)
			}
		} else if fields != nil && i < fields.NumFields() && fields.Field(i).Origin() == v {
			out = append(out, e)
		}
	}
	return out
}

// named returns what is called: a function, also by a variable of the function around that holds it.
func (b *beside) named(f ast.Expr) types.Object {
	obj := b.object(f)
	if v, ok := obj.(*types.Var); ok && source.PosWithin(v.Pos(), b.top()) {
		for _, e := range b.assigned(v) {
			if fn, ok := b.object(e).(*types.Func); ok {
				return fn
			}
		}
	}
	return obj
}

// timed reports whether code that runs beside the loop does so at times of a clock.
func (b *beside) timed(body ast.Node) bool {
	for n := range ast.Preorder(body) {
		var from ast.Expr
		switch n := n.(type) {
		case *ast.CallExpr:
			fn := b.object(n.Fun)
			if fn != nil && fn.Pkg() != nil && (fn.Pkg().Path() == "time" || fn.Pkg().Path() == "context" && slices.Contains(starters["context"], fn.Name())) {
				return true
			}
			if len(b.functions(n.Fun)) == 0 && b.takesTime(n.Fun) {
				return true
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				from = n.X
			}
		case *ast.RangeStmt:
			from = n.X
		}
		if from == nil {
			continue
		}
		f := b.FileAt(from.Pos())
		if f == nil {
			continue
		}
		if ch, ok := source.Under(f.TypeOf(from)).(*types.Chan); !ok {
			continue
		} else if source.IsNamed(ch.Elem(), "time", "Time") {
			return true // a clock that others have made
		}
		if b.changed[b.object(from)] {
			return true // others with a clock
		}
		if ctx := b.channel(from); ctx != nil && b.runs(ctx) {
			return true
		}
	}
	return false
}

// runs reports whether a clock was started before the loop, also where it is passed to a parameter.
func (b *beside) runs(clock ast.Expr) bool {
	todo := []ast.Expr{ast.Unparen(clock)}
	for i := 0; i < len(todo) && i < maxReached; i++ {
		if b.started[b.key(todo[i])] {
			return true
		}
		for _, e := range b.passed[b.object(todo[i])] {
			todo = append(todo, ast.Unparen(e))
		}
	}
	return false
}

func (b *beside) isFunction(e ast.Expr) bool {
	f := b.FileAt(e.Pos())
	if f == nil {
		return false
	}
	_, is := source.Under(f.TypeOf(e)).(*types.Signature)
	return is
}

// takesTime reports whether a function is told how long something lasts: one that nobody can look into may wait for that.
func (b *beside) takesTime(f ast.Expr) bool {
	file := b.FileAt(f.Pos())
	if file == nil {
		return false
	}
	sig, ok := source.Under(file.TypeOf(f)).(*types.Signature)
	if !ok {
		return false
	}
	for p := range sig.Params().Variables() {
		if source.IsNamed(p.Type(), "time", "Duration") {
			return true
		}
	}
	return false
}
