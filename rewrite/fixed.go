package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
)

// fixedMutex reports a mutex that may not be the same, or not there yet, at the clock.
// perWait says that the mutex is looked up again for every wait, so that it may change
// outside the loop.
func (p *program) fixedMutex(s *site, c *clock, perWait bool) *finding.Reason {
	mu := s.mutex()
	// Where a try comes before each wait, the mutex has just been used there. Otherwise it
	// must have been there before.
	for _, q := range s.paths {
		for _, st := range q.steps {
			perWait = perWait && (st.kind != waits || st.after)
		}
	}
	moved := func(n ast.Node, detail string) *finding.Reason {
		return &finding.Reason{Code: finding.MutexNotFixed, Detail: detail, Pos: p.position(n.Pos())}
	}
	if sel, ok := ast.Unparen(s.tries[0].Fun).(*ast.SelectorExpr); ok {
		for _, v := range embedded(s.file.pkg.TypesInfo.Selections[sel]) {
			if n := p.assignedField(v, s, perWait); n != nil {
				return moved(n, v.Name()+" is assigned")
			}
		}
	}
	root := mu
	for {
		sel, ok := root.(*ast.SelectorExpr)
		if !ok {
			break
		}
		field, ok := s.file.objectOf(sel.Sel).(*types.Var)
		if !ok {
			break
		}
		if !field.IsField() { // pkg.Var
			root = sel.Sel
			break
		}
		for _, v := range append(embedded(s.file.pkg.TypesInfo.Selections[sel]), field) {
			if n := p.assignedField(v, s, perWait); n != nil {
				return moved(n, p.text(sel)+" is assigned")
			}
		}
		root = ast.Unparen(sel.X)
	}
	id, ok := root.(*ast.Ident)
	if !ok {
		return &finding.Reason{Code: finding.MutexNotSimple, Detail: p.text(mu), Pos: p.position(mu.Pos())}
	}
	obj, ok := s.file.objectOf(id).(*types.Var)
	if !ok {
		return &finding.Reason{Code: finding.MutexNotSimple, Detail: p.text(mu), Pos: p.position(mu.Pos())}
	}
	if within2(obj.Pos(), s.loop) {
		return moved(id, id.Name+" is another one in every round")
	}
	if n := p.assignedVar(obj, s, perWait); n != nil {
		return moved(n, id.Name+" is assigned")
	}
	if c.kind == watchClock {
		return nil
	}
	// The same name must mean the same variable where the clock is made.
	places := c.into
	if c.made != nil {
		places = []token.Pos{c.made.Pos()}
	}
	for _, at := range places {
		if first, ok := rootIdent(mu); !ok || s.file.lookup(first.Name, at) != s.file.objectOf(first) {
			return &finding.Reason{Code: finding.MutexNotFixed, Detail: first.Name + " is not yet declared where the clock is made", Pos: p.position(at)}
		}
	}
	return nil
}

// lookup returns what a name means at a position, or nil.
func (f *file) lookup(name string, at token.Pos) types.Object {
	scope := f.pkg.Types.Scope().Innermost(at)
	if scope == nil {
		return nil
	}
	_, obj := scope.LookupParent(name, at)
	return obj
}

// rootIdent returns the leftmost identifier of a selector chain.
func rootIdent(e ast.Expr) (*ast.Ident, bool) {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.Ident:
			return x, true
		case *ast.SelectorExpr:
			e = x.X
		default:
			return nil, false
		}
	}
}

// assignedVar returns an assignment to obj besides its definition. For a clock that is
// made anew for every wait only those inside the loop count, unless obj is a local.
func (p *program) assignedVar(obj *types.Var, s *site, perWait bool) (found ast.Node) {
	global := isPackageLevel(obj)
	for _, f := range p.files {
		if !global && f != s.file {
			continue
		}
		used := func(e ast.Expr) bool {
			switch e := ast.Unparen(e).(type) {
			case *ast.Ident:
				return sameObject(f.pkg.TypesInfo.Uses[e], obj)
			case *ast.SelectorExpr: // of another package
				return sameObject(f.pkg.TypesInfo.Uses[e.Sel], obj)
			}
			return false
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, l := range n.Lhs {
					if used(l) {
						if !perWait || within(n, s.loop) || !global {
							found = n
						}
					}
				}
			case *ast.RangeStmt:
				for _, e := range []ast.Expr{n.Key, n.Value} {
					if used(e) {
						found = n
					}
				}
			case *ast.UnaryExpr:
				if n.Op == token.AND && used(n.X) {
					found = n
				}
			case *ast.ValueSpec:
				// var mu *Mutex, assigned later, is caught above; without any value
				// it would be nil.
				for _, name := range n.Names {
					if sameObject(f.pkg.TypesInfo.Defs[name], obj) && len(n.Values) == 0 && !perWait {
						found = n
					}
				}
			}
			return found == nil
		})
	}
	return found
}

// sameObject compares objects that may come from two variants of one package.
func sameObject(a, b types.Object) bool {
	return a != nil && b != nil && (a == b || a.Pos() == b.Pos() && a.Pos().IsValid())
}

// assignedField returns an assignment to the field other than while its struct is under
// construction. For a clock made anew for every wait only those inside the loop count.
func (p *program) assignedField(field *types.Var, s *site, perWait bool) (found ast.Node) {
	field = field.Origin()
	for _, f := range p.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			var targets []ast.Expr
			whole := false // a whole struct may be set
			switch n := n.(type) {
			case *ast.AssignStmt:
				targets, whole = n.Lhs, n.Tok == token.ASSIGN
			case *ast.RangeStmt:
				for _, e := range []ast.Expr{n.Key, n.Value} {
					if e != nil {
						targets = append(targets, e)
					}
				}
				whole = n.Tok == token.ASSIGN
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					targets = []ast.Expr{n.X}
				}
			}
			for _, l := range targets {
				if perWait && !within(n, s.loop) {
					continue
				}
				sel, ok := ast.Unparen(l).(*ast.SelectorExpr)
				if ok && p.underConstruction(f, sel) {
					continue
				}
				if whole && hasField(f.typeOf(l), field) {
					found = n
				}
				if !ok {
					continue
				}
				if v, ok := f.objectOf(sel.Sel).(*types.Var); ok && sameObject(v.Origin(), field) {
					found = n
				}
			}
			return found == nil
		})
	}
	return found
}

// hasField reports whether a value of type t, which is no pointer, holds the field.
func hasField(t types.Type, field *types.Var) bool {
	switch u := typeUnder(t).(type) {
	case *types.Struct:
		for i := 0; i < u.NumFields(); i++ {
			if sameObject(u.Field(i).Origin(), field) || hasField(u.Field(i).Type(), field) {
				return true
			}
		}
	case *types.Array:
		return hasField(u.Elem(), field)
	}
	return false
}

// underConstruction reports whether x.f = ... sets a field of a struct that the same
// function has just made with a literal or new.
func (p *program) underConstruction(f *file, sel *ast.SelectorExpr) bool {
	id, ok := ast.Unparen(sel.X).(*ast.Ident)
	if !ok {
		return false
	}
	obj := f.objectOf(id)
	var fn ast.Node // the innermost function around each node
	var stack []ast.Node
	var madeIn, setIn ast.Node
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if n == nil {
			switch stack[len(stack)-1].(type) {
			case *ast.FuncDecl, *ast.FuncLit:
				fn = nil
				for i := len(stack) - 2; i >= 0 && fn == nil; i-- {
					switch stack[i].(type) {
					case *ast.FuncDecl, *ast.FuncLit:
						fn = stack[i]
					}
				}
			}
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		switch n := n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			fn = n
		case *ast.SelectorExpr:
			if n == sel {
				setIn = fn
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE && len(n.Lhs) == 1 && len(n.Rhs) == 1 && obj != nil && f.definedBy(n.Lhs[0]) == obj && f.constructs(n.Rhs[0]) {
				madeIn = fn
			}
		}
		return true
	})
	return madeIn != nil && madeIn == setIn
}

// constructs reports whether e is T{...}, &T{...} or new(T).
func (f *file) constructs(e ast.Expr) bool {
	e = ast.Unparen(e)
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.AND {
		e = ast.Unparen(u.X)
	}
	switch e := e.(type) {
	case *ast.CompositeLit:
		return true
	case *ast.CallExpr:
		b, ok := f.callee(e).(*types.Builtin)
		return ok && b.Name() == "new"
	}
	return false
}
