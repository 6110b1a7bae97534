package proof

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// Present proves that the mutex is there where a gate needs it: where its clock is made, or where
// it waits. The loop needs it at its first try. It is there if it was used before, or was made in
// this function, or if nothing comes in between that may keep the loop from trying: no condition
// but of a context, no channel but the clock and a context's Done, no call that may end or wait. A mutex
// that is nil panics a little earlier then, and else never.
func Present(s *loop.Site) *finding.Reason {
	p := present{Site: s, clock: s.Clocks[0], try: s.Tries[0]}
	if p.atTry() || p.known() {
		return nil
	}
	n := p.inLoop()
	if n == nil && !p.clock.PerWait && !source.Within(p.clock.Made, s.Node) {
		n = p.beforeLoop()
	}
	if n == nil {
		return nil
	}
	return &finding.Reason{
		Code: finding.MutexMaybeNil, Pos: s.Position(n.Pos()),
		Detail: s.Text(s.Mutex()) + " is needed by the clock before " + source.FirstLine(s.Text(n)),
	}
}

type present struct {
	*loop.Site
	clock *loop.Clock
	try   *ast.CallExpr
}

// atTry reports whether a try comes before each wait of its round, and the clock is not needed
// before.
func (p present) atTry() bool {
	if len(p.clock.Places) > 0 { // at the ends of rounds that tried
		return true
	}
	if !p.clock.PerWait {
		return source.Within(p.clock.Made, p.Node) && p.clock.Made.Pos() > p.try.End()
	}
	for _, q := range p.Paths {
		for _, st := range q.Steps {
			if st.Kind == loop.Waits && !st.After {
				return false
			}
		}
	}
	return true
}

// known reports whether the mutex was made in this function, or used by something that comes
// before the clock whenever that is made.
func (p present) known() bool {
	at := p.Node.Pos()
	if !p.clock.PerWait && p.clock.Made.Pos() < at {
		at = p.clock.Made.Pos()
	}
	mu := p.Text(p.Mutex())
	parents := source.Parents(p.Func)
	var child ast.Node = p.Node
	if !p.clock.PerWait {
		child = p.clock.Made
	}
	for n := parents[child]; n != nil; child, n = n, parents[n] {
		if _, ok := n.(*ast.FuncLit); ok && n != p.Func {
			return false
		}
		for _, st := range source.List(n) {
			if ast.Node(st) == child || st.Pos() >= at {
				break
			}
			if p.uses(st, mu) {
				return true
			}
		}
	}
	return false
}

// uses reports whether a statement, when it is over, has made the mutex or called a method of it.
func (p present) uses(st ast.Stmt, mu string) bool {
	var parts []ast.Node
	switch st := st.(type) {
	case *ast.ExprStmt, *ast.AssignStmt, *ast.DeclStmt:
		parts = []ast.Node{st}
	case *ast.IfStmt:
		if st.Init != nil {
			parts = append(parts, st.Init)
		}
		cond := st.Cond
		for {
			b, ok := ast.Unparen(cond).(*ast.BinaryExpr)
			if !ok || b.Op != token.LAND && b.Op != token.LOR {
				break
			}
			cond = b.X // the rest may not be evaluated
		}
		parts = append(parts, cond)
	}
	for _, part := range parts {
		found := false
		ast.Inspect(part, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.BinaryExpr:
				if n.Op == token.LAND || n.Op == token.LOR {
					return false
				}
			case *ast.CallExpr:
				sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
				fn, _ := p.File.Callee(n).(*types.Func)
				found = found || ok && fn != nil && fn.Signature().Recv() != nil && p.Text(sel.X) == mu && p.File.IsMutexPtr(fn.Signature().Recv().Type())
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					found = found || p.Text(l) == mu && len(n.Lhs) == len(n.Rhs) && p.made(n.Rhs[i])
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					found = found || name.Name == mu && len(n.Names) == len(n.Values) && p.made(n.Values[i])
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

// made reports whether e makes a mutex.
func (p present) made(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	return ok && p.File.IsConcurrencyObj(p.File.Callee(call), "NewMutex")
}

// inLoop returns something in the loop, before the try, that may keep it from trying.
func (p present) inLoop() ast.Node {
	for _, q := range p.Paths {
		for _, st := range q.Steps {
			if !st.After && st.Kind == loop.Receives {
				return st.Node
			}
		}
	}
	var found ast.Node
	parents := source.Parents(p.Func)
	ast.Inspect(p.Node, func(n ast.Node) bool {
		if n == nil || found != nil || n.Pos() > p.try.Pos() {
			return false
		}
		leaves := n == ast.Node(p.Node)
		if !leaves {
			leaves, _ = governs(p.Site, parents, n)
		}
		for _, e := range source.PartsOf(n).Conds {
			if found == nil && leaves && e.Pos() < p.try.Pos() && !source.Within(p.try, e) && n != p.waitedFor() && !p.ofContext(e) {
				found = e
			}
			if b, ok := ast.Unparen(e).(*ast.BinaryExpr); ok && source.Within(p.try, e) && (b.Op == token.LAND || b.Op == token.LOR) && !source.Within(p.try, b.X) && !p.ofContext(b.X) {
				found = b.X
			}
		}
		return found == nil
	})
	return found
}

// waitedFor is the loop where it ranges over the ticks of its clock.
func (p present) waitedFor() ast.Node {
	if r, ok := p.Node.(*ast.RangeStmt); ok && p.clock.Wait == ast.Node(r.X) {
		return r
	}
	return nil
}

// ofContext reports whether nothing but contexts, and constants, decides a condition.
func (p present) ofContext(e ast.Expr) bool {
	ok := loop.Pure(p.File, e)
	for n := range ast.Preorder(e) {
		id, isIdent := n.(*ast.Ident)
		if !isIdent {
			continue
		}
		switch obj := p.File.ObjectOf(id).(type) {
		case *types.Var:
			ok = ok && (source.IsNamed(obj.Type(), "context", "Context") || p.contextError(obj) || source.IsPackageLevel(obj) && source.IsError(obj.Type()))
		}
	}
	return ok
}

// contextError reports whether a variable is set by the Err of a context alone, in an if before the
// try: if err := ctx.Err(); err != nil.
func (p present) contextError(v *types.Var) bool {
	if !source.IsError(v.Type()) || !source.PosWithin(v.Pos(), p.Node) {
		return false
	}
	set, other := false, false
	for n := range ast.Preorder(p.Node) {
		a, ok := n.(*ast.AssignStmt)
		if !ok {
			continue
		}
		for i, l := range a.Lhs {
			if p.Walker.Variable(l) != types.Object(v) {
				continue
			}
			if len(a.Lhs) == len(a.Rhs) && loop.IsContextCall(p.File, a.Rhs[i]) {
				set = true
			} else {
				other = true
			}
		}
	}
	return set && !other
}

// beforeLoop returns something between the clock's making and the loop that may keep the loop from
// being reached.
func (p present) beforeLoop() ast.Node {
	parents := source.Parents(p.Func)
	var stop ast.Node = p.Node
	for n := parents[stop]; n != nil; stop, n = n, parents[n] {
		list := source.List(n)
		for _, st := range list {
			if ast.Node(st) == stop {
				break
			}
			if st.Pos() > p.clock.Made.End() && !p.passes(st) {
				return st
			}
		}
		if source.Within(p.clock.Made, n) && list != nil {
			return nil
		}
		if cond := source.PartsOf(n).Conds; len(cond) > 0 {
			return cond[0] // the loop is in a branch
		}
		if _, ok := n.(*ast.SelectStmt); ok {
			return n
		}
	}
	return p.Node
}

// passes reports whether what comes after a statement is reached, whatever the mutex is.
func (p present) passes(st ast.Stmt) bool {
	switch st := st.(type) {
	case *ast.DeferStmt:
		return p.plainCall(st.Call)
	case *ast.GoStmt:
		return p.plainCall(st.Call)
	case *ast.LabeledStmt, *ast.EmptyStmt:
		return true
	}
	if e, ok := st.(*ast.ExprStmt); ok {
		if call, ok := ast.Unparen(e.X).(*ast.CallExpr); ok && p.Returns(p.File, call) {
			return true
		}
	}
	ok, _ := p.Inert(st)
	return ok
}

// plainCall reports whether evaluating what a deferred or started call is given has no effect.
func (p present) plainCall(call *ast.CallExpr) bool {
	for _, a := range call.Args {
		if !loop.Pure(p.File, a) {
			return false
		}
	}
	fun := ast.Unparen(call.Fun)
	if sel, ok := fun.(*ast.SelectorExpr); ok {
		return loop.Pure(p.File, sel.X)
	}
	_, lit := fun.(*ast.FuncLit)
	return lit || loop.Pure(p.File, fun)
}
