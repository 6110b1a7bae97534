package told

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"etcdmod/rewrite/internal/source"
)

// changes is what a function, with those of the module that it calls, does to what it has not made.
type changes struct {
	p    *source.Program
	seen map[ast.Node]bool  // functions
	vars map[token.Pos]bool // variables and fields that it sets, by where they are declared
	more bool               // it does something else that others may see
}

// changesOf looks at a function: a declaration or a literal.
func changesOf(p *source.Program, fn ast.Node) *changes {
	c := &changes{p: p, seen: map[ast.Node]bool{}, vars: map[token.Pos]bool{}}
	c.walk(p.FileAt(fn.Pos()), fn)
	return c
}

// any reports whether there is anything.
func (c *changes) any() bool { return c.more || len(c.vars) > 0 }

// read reports whether others than the functions themselves may read what they set.
func (c *changes) read() bool {
	if c.more {
		return true
	}
	for _, f := range c.p.Files {
		found := false
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl, *ast.FuncLit:
				return !c.seen[n] && !found
			case *ast.KeyValueExpr: // what a field begins with is not read
				if id, ok := n.Key.(*ast.Ident); ok && c.sets(f, id) {
					ast.Inspect(n.Value, func(n ast.Node) bool {
						id, ok := n.(*ast.Ident)
						found = found || ok && c.sets(f, id)
						return !found
					})
					return false
				}
			case *ast.Ident:
				found = found || f.Pkg.TypesInfo.Uses[n] != nil && c.sets(f, n)
			}
			return !found
		})
		if found {
			return true
		}
	}
	return false
}

func (c *changes) sets(f *source.File, id *ast.Ident) bool {
	v, ok := f.ObjectOf(id).(*types.Var)
	return ok && c.vars[v.Origin().Pos()]
}

func (c *changes) walk(f *source.File, fn ast.Node) {
	if f == nil || c.seen[fn] {
		return
	}
	c.seen[fn] = true
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, l := range n.Lhs {
					c.write(f, fn, l, false)
				}
			}
		case *ast.IncDecStmt:
			c.write(f, fn, n.X, false)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				c.write(f, fn, n.Key, false)
				if n.Value != nil {
					c.write(f, fn, n.Value, false)
				}
			}
		case *ast.SendStmt, *ast.GoStmt:
			c.more = true
		case *ast.CallExpr:
			c.call(f, fn, n)
		}
		return !c.more
	})
}

// write notes what an assignment sets. through says that it is set by way of a pointer.
func (c *changes) write(f *source.File, fn ast.Node, e ast.Expr, through bool) {
	var set *types.Var // the field
	shared := false    // what is set has no name that tells it from others
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.SelectorExpr:
			sel := f.Pkg.TypesInfo.Selections[x]
			if sel == nil {
				e = x.Sel // of another package
				continue
			}
			if v, ok := sel.Obj().(*types.Var); ok && set == nil {
				set = v
			}
			through = through || sel.Indirect()
			e = x.X
			continue
		case *ast.IndexExpr:
			if _, array := source.Under(f.TypeOf(x.X)).(*types.Array); !array {
				through, shared = true, shared || set == nil
			}
			e = x.X
			continue
		case *ast.StarExpr:
			through, shared = true, shared || set == nil
			e = x.X
			continue
		case *ast.Ident:
			v, ok := f.ObjectOf(x).(*types.Var)
			if !ok {
				return // _
			}
			if source.PosWithin(v.Pos(), fn) && (!through || c.fresh(f, fn, v)) {
				return
			}
			switch {
			case shared:
				c.more = true
			case set != nil:
				c.vars[set.Origin().Pos()] = true
			case through:
				c.more = true
			default:
				c.vars[v.Pos()] = true
			}
		default:
			c.more = true
		}
		return
	}
}

// fresh reports whether a local variable refers to nothing but what the function has made.
func (c *changes) fresh(f *source.File, fn ast.Node, v *types.Var) bool {
	made, other := false, false
	note := func(name ast.Expr, val ast.Expr) {
		id, ok := ast.Unparen(name).(*ast.Ident)
		if !ok || f.ObjectOf(id) != types.Object(v) {
			return
		}
		if val == nil || c.makes(f, val) {
			made = true
		} else {
			other = true
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if len(n.Lhs) == len(n.Rhs) {
					note(l, n.Rhs[i])
				} else if id, ok := l.(*ast.Ident); ok && f.ObjectOf(id) == types.Object(v) {
					other = true
				}
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				var val ast.Expr
				if i < len(n.Values) {
					val = n.Values[i]
				}
				note(name, val)
			}
		}
		return true
	})
	return made && !other
}

// makes reports whether e makes what it refers to.
func (c *changes) makes(f *source.File, e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.CompositeLit, *ast.BasicLit:
		return true
	case *ast.UnaryExpr:
		_, lit := ast.Unparen(e.X).(*ast.CompositeLit)
		return e.Op == token.AND && lit
	case *ast.CallExpr:
		if f.Pkg.TypesInfo.Types[e.Fun].IsType() {
			return true
		}
		b, ok := f.Callee(e).(*types.Builtin)
		return ok && slices.Contains([]string{"make", "new", "append"}, b.Name())
	}
	return false
}

// keeping are packages whose values keep what they are given.
var keeping = []string{"sync/atomic", "sync", "bytes", "strings", "container/list", "container/ring", "expvar", "math/big"}

// keeps reports whether a method of such a package changes its receiver.
func keeps(fn *types.Func) bool {
	if fn.Pkg() == nil || !slices.Contains(keeping, fn.Pkg().Path()) {
		return false
	}
	return slices.ContainsFunc([]string{"Add", "Store", "Swap", "CompareAnd", "Set", "Write", "Read", "Reset", "Push", "Insert", "Remove", "Delete", "LoadOr", "LoadAnd", "And", "Or", "Done"},
		func(prefix string) bool { return strings.HasPrefix(fn.Name(), prefix) })
}

func (c *changes) call(f *source.File, fn ast.Node, call *ast.CallExpr) {
	if f.Pkg.TypesInfo.Types[call.Fun].IsType() {
		return
	}
	switch callee := f.Callee(call).(type) {
	case *types.Builtin:
		switch callee.Name() {
		case "close":
			c.more = true
		case "delete", "clear", "copy":
			c.write(f, fn, call.Args[0], true)
		}
	case *types.Func:
		if decls := c.p.DeclsOf(callee); len(decls) > 0 {
			for _, d := range decls {
				if d.Body != nil {
					c.walk(c.p.FileAt(d.Pos()), d)
				}
			}
			return
		}
		if !keeps(callee) {
			return
		}
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && callee.Signature().Recv() != nil {
			_, pointer := source.Under(f.TypeOf(sel.X)).(*types.Pointer)
			c.write(f, fn, sel.X, pointer)
			return
		}
		for _, a := range call.Args {
			if u, ok := ast.Unparen(a).(*ast.UnaryExpr); ok && u.Op == token.AND {
				c.write(f, fn, u.X, false)
			} else if _, pointer := source.Under(f.TypeOf(a)).(*types.Pointer); pointer {
				c.more = true
			}
		}
	case *types.Var: // a function value
		c.more = c.more || !source.PosWithin(callee.Pos(), fn) || !c.fresh(f, fn, callee) && !c.literal(f, fn, callee)
	default:
		if _, lit := ast.Unparen(call.Fun).(*ast.FuncLit); !lit {
			c.more = true
		}
	}
}

// literal reports whether a variable of the function holds a literal of its own, which is looked at
// with it.
func (c *changes) literal(f *source.File, fn ast.Node, v *types.Var) (found bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == len(a.Rhs) {
			for i, l := range a.Lhs {
				_, lit := a.Rhs[i].(*ast.FuncLit)
				found = found || lit && f.DefinedBy(l) == types.Object(v)
			}
		}
		return true
	})
	return found
}
