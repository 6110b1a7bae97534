package proof

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// fixedMutex reports a mutex that may not be the same, or not there yet, at the clock.
// perWait says that the mutex is looked up again for every wait, so that it may change
// outside the loop.
func fixedMutex(s *loop.Site, c *loop.Clock, perWait bool) *finding.Reason {
	mu := s.Mutex()
	// Where a try comes before each wait, the mutex has just been used there. Otherwise it
	// must have been there before.
	for _, q := range s.Paths {
		for _, st := range q.Steps {
			perWait = perWait && (st.Kind != loop.Waits || st.After)
		}
	}
	moved := func(n ast.Node, detail string) *finding.Reason {
		return &finding.Reason{Code: finding.MutexNotFixed, Detail: detail, Pos: s.Position(n.Pos())}
	}
	if sel, ok := ast.Unparen(s.Tries[0].Fun).(*ast.SelectorExpr); ok {
		for _, v := range source.Embedded(s.File.Pkg.TypesInfo.Selections[sel]) {
			if n := assignedField(v, s, perWait); n != nil {
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
		field, ok := s.File.ObjectOf(sel.Sel).(*types.Var)
		if !ok {
			break
		}
		if !field.IsField() { // pkg.Var
			root = sel.Sel
			break
		}
		for _, v := range append(source.Embedded(s.File.Pkg.TypesInfo.Selections[sel]), field) {
			if n := assignedField(v, s, perWait); n != nil {
				return moved(n, s.Text(sel)+" is assigned")
			}
		}
		root = ast.Unparen(sel.X)
	}
	id, ok := root.(*ast.Ident)
	if !ok {
		return &finding.Reason{Code: finding.MutexNotSimple, Detail: s.Text(mu), Pos: s.Position(mu.Pos())}
	}
	obj, ok := s.File.ObjectOf(id).(*types.Var)
	if !ok {
		return &finding.Reason{Code: finding.MutexNotSimple, Detail: s.Text(mu), Pos: s.Position(mu.Pos())}
	}
	if source.PosWithin(obj.Pos(), s.Node) {
		return moved(id, id.Name+" is another one in every round")
	}
	if n := assignedVar(obj, s, perWait); n != nil {
		return moved(n, id.Name+" is assigned")
	}
	if c.Kind == loop.Watch {
		return nil
	}
	// The same name must mean the same variable where the clock is made.
	places := c.Places
	if c.Made != nil {
		places = []token.Pos{c.Made.Pos()}
	}
	for _, at := range places {
		if first, ok := source.RootIdent(mu); !ok || s.File.Lookup(first.Name, at) != s.File.ObjectOf(first) {
			return &finding.Reason{Code: finding.MutexNotFixed, Detail: first.Name + " is not yet declared where the clock is made", Pos: s.Position(at)}
		}
	}
	return nil
}

// assignedVar returns an assignment to obj besides its definition. For a clock that is
// made anew for every wait only those inside the loop count, unless obj is a local.
func assignedVar(obj *types.Var, s *loop.Site, perWait bool) (found ast.Node) {
	global := source.IsPackageLevel(obj)
	for _, f := range s.Files {
		if !global && f != s.File {
			continue
		}
		used := func(e ast.Expr) bool {
			switch e := ast.Unparen(e).(type) {
			case *ast.Ident:
				return source.Same(f.Pkg.TypesInfo.Uses[e], obj)
			case *ast.SelectorExpr: // of another package
				return source.Same(f.Pkg.TypesInfo.Uses[e.Sel], obj)
			}
			return false
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			_, assigns := n.(*ast.AssignStmt)
			for _, t := range targets(f, n) {
				if used(t.expr) && !t.elements && (!assigns || !perWait || !global || source.Within(n, s.Node)) {
					found = n
				}
			}
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 0 && !perWait {
				// var mu *Mutex, assigned later, is caught above; without any value it would be nil.
				for _, name := range spec.Names {
					if source.Same(f.Pkg.TypesInfo.Defs[name], obj) {
						found = n
					}
				}
			}
			return found == nil
		})
	}
	return found
}

// assignedField returns an assignment to the field other than while its struct is under
// construction. For a clock made anew for every wait only those inside the loop count.
func assignedField(field *types.Var, s *loop.Site, perWait bool) (found ast.Node) {
	field = field.Origin()
	for _, f := range s.Files {
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			for _, t := range targets(f, n) {
				sel, isSel := ast.Unparen(t.expr).(*ast.SelectorExpr)
				switch {
				case perWait && !source.Within(n, s.Node), isSel && underConstruction(f, sel):
				case t.whole && hasField(f.TypeOf(t.expr), field), t.elements && hasField(element(f.TypeOf(t.expr)), field):
					found = n
				case isSel:
					if v, ok := f.ObjectOf(sel.Sel).(*types.Var); ok && source.Same(v.Origin(), field) {
						found = n
					}
				}
			}
			return found == nil
		})
	}
	return found
}

// A target is what a node may assign to: the expression itself, all of the struct that it stands
// for, or the elements of the slice or array.
type target struct {
	expr            ast.Expr
	whole, elements bool
}

// targets returns what n may assign to. Addresses may be written through, and what sorts or
// reflects writes to the elements that it is given.
func targets(f *source.File, n ast.Node) (out []target) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, l := range n.Lhs {
			out = append(out, target{expr: l, whole: n.Tok == token.ASSIGN})
		}
	case *ast.RangeStmt:
		for _, e := range []ast.Expr{n.Key, n.Value} {
			if e != nil {
				out = append(out, target{expr: e, whole: n.Tok == token.ASSIGN})
			}
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			out = append(out, target{expr: n.X})
		}
	case *ast.CallExpr:
		switch fn := f.Callee(n).(type) {
		case *types.Builtin:
			switch fn.Name() {
			case "copy", "clear", "append": // which may write in place
				out = append(out, target{expr: n.Args[0], elements: true})
			}
		case *types.Func:
			if fn.Pkg() == nil {
				break
			}
			switch fn.Pkg().Path() {
			case "sort", "slices", "reflect", "math/rand", "math/rand/v2":
				for _, a := range n.Args {
					out = append(out, target{expr: a, elements: true})
				}
			}
		}
	}
	return out
}

// element is what a slice, an array or a pointer to one has, or nil.
func element(t types.Type) types.Type {
	u := source.Under(t)
	if p, ok := u.(*types.Pointer); ok {
		u = source.Under(p.Elem())
	}
	switch u := u.(type) {
	case *types.Slice:
		return u.Elem()
	case *types.Array:
		return u.Elem()
	}
	return nil
}

// hasField reports whether a value of type t, which is no pointer, holds the field.
func hasField(t types.Type, field *types.Var) bool {
	switch u := source.Under(t).(type) {
	case *types.Struct:
		for i := 0; i < u.NumFields(); i++ {
			if source.Same(u.Field(i).Origin(), field) || hasField(u.Field(i).Type(), field) {
				return true
			}
		}
	case *types.Array:
		return hasField(u.Elem(), field)
	}
	return false
}

// underConstruction reports whether x.f = ... sets a field of a struct that the same function has
// just made with a literal or new: in the same round of whatever loops are around, and before
// anything else can have the struct.
func underConstruction(f *source.File, sel *ast.SelectorExpr) bool {
	id, ok := ast.Unparen(sel.X).(*ast.Ident)
	if !ok || f.ObjectOf(id) == nil {
		return false
	}
	obj := f.ObjectOf(id)
	var made ast.Node
	for n := range ast.Preorder(f.Syntax) {
		if a, ok := n.(*ast.AssignStmt); ok && a.Tok == token.DEFINE && len(a.Lhs) == 1 && len(a.Rhs) == 1 && f.DefinedBy(a.Lhs[0]) == obj && constructs(f, a.Rhs[0]) {
			made = a
		}
	}
	if made == nil {
		return false
	}
	fn := f.FuncAround(made)
	if fn == nil || fn != f.FuncAround(sel) {
		return false
	}
	parents := source.Parents(fn)
	for n := parents[ast.Node(sel)]; n != nil && !source.Within(made, n); n = parents[n] {
		switch n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return false // a later round sets it again
		}
	}
	for n := range ast.Preorder(fn) {
		if b, ok := n.(*ast.BranchStmt); ok && b.Tok == token.GOTO {
			return false
		}
	}
	set := parents[ast.Node(sel)]
	for _, use := range f.UsesOf(obj) {
		if use.Pos() > made.End() && use.End() <= set.End() && handedOn(f, parents, use) {
			return false
		}
	}
	return true
}

// handedOn reports whether a use of a variable may give what it stands for to others: it does more
// than to select a field.
func handedOn(f *source.File, parents map[ast.Node]ast.Node, id *ast.Ident) bool {
	sel, ok := parents[id].(*ast.SelectorExpr)
	if !ok {
		return true
	}
	if v, ok := f.ObjectOf(sel.Sel).(*types.Var); !ok || !v.IsField() {
		return true // a method has it
	}
	if u, ok := parents[sel].(*ast.UnaryExpr); ok && u.Op == token.AND {
		return true
	}
	for n := parents[ast.Node(sel)]; n != nil; n = parents[n] {
		if _, ok := n.(*ast.FuncLit); ok {
			return true // it runs whenever
		}
	}
	return false
}

// constructs reports whether e is T{...}, &T{...} or new(T).
func constructs(f *source.File, e ast.Expr) bool {
	e = ast.Unparen(e)
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.AND {
		e = ast.Unparen(u.X)
	}
	switch e := e.(type) {
	case *ast.CompositeLit:
		return true
	case *ast.CallExpr:
		b, ok := f.Callee(e).(*types.Builtin)
		return ok && b.Name() == "new"
	}
	return false
}
