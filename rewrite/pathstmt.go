package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

func (t *tracer) exprStmt(s *ast.ExprStmt, p *path) []*path {
	e := ast.Unparen(s.X)
	if c := t.clocks[e]; c != nil {
		if c.perWait && c.made != nil && receives(c.made) {
			t.giveUp(s)
		}
		p.do(waits, e, c)
		return []*path{p}
	}
	if call, ok := e.(*ast.CallExpr); ok {
		if t.isTry(call) {
			return t.fork(p, func(*path) {})
		}
		if i, tried := t.checked(call, p); i >= 0 && t.exits(call, i) {
			in := []*path{p}
			if tried {
				in = t.fork(p, func(*path) {})
			}
			for _, q := range in {
				if q.outcome == won {
					q.do(acts, s, nil)
				} else {
					q.end, q.endStmt = left, s
				}
			}
			return in
		}
		if t.tries(call) {
			t.giveUp(s)
		}
		if endsProcess(t.file, call) {
			p.end, p.endStmt = left, s
			return []*path{p}
		}
	}
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.ARROW {
		t.receive(u, s, p)
		return []*path{p}
	}
	if receives(s) {
		t.giveUp(s)
	}
	p.do(acts, s, nil)
	return []*path{p}
}

// receives reports whether evaluating n receives from a channel somewhere inside.
func receives(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			found = found || n.Op == token.ARROW
		}
		return !found
	})
	return found
}

func (t *tracer) assign(s *ast.AssignStmt, p *path) []*path {
	if len(s.Lhs) == 1 && len(s.Rhs) == 1 {
		if call, ok := ast.Unparen(s.Rhs[0]).(*ast.CallExpr); ok && t.isTry(call) {
			obj := t.variable(s.Lhs[0])
			return t.fork(p, func(q *path) {
				if obj != nil && basicBool(t.file, call) { // a function that tries
					q.bools[obj] = truth(q.outcome == won)
				} else if obj != nil {
					q.errs[obj] = true
				} else if !source.IsBlank(s.Lhs[0]) {
					t.giveUp(s)
				}
			})
		}
		if t.tries(s.Rhs[0]) { // ok := mu.TryLock(ctx) == nil
			var out []*path
			for _, b := range t.cond(s.Rhs[0], p) {
				if obj := t.variable(s.Lhs[0]); obj != nil {
					b.path.bools[obj] = b.value
				}
				out = append(out, b.path)
			}
			return out
		}
	} else if t.tries(s) {
		if call, ok := ast.Unparen(s.Rhs[0]).(*ast.CallExpr); ok && len(s.Rhs) == 1 && t.isTry(call) {
			return t.assignResults(s, p)
		}
		t.giveUp(s)
	}
	if len(s.Rhs) == 1 {
		if u, ok := ast.Unparen(s.Rhs[0]).(*ast.UnaryExpr); ok && u.Op == token.ARROW {
			t.receive(u, s, p)
			t.receiver(s, p)
			return []*path{p}
		}
	}
	if receives(s) {
		t.giveUp(s)
	}
	p.do(acts, s, nil)
	for i, l := range s.Lhs {
		obj := t.variable(l)
		if obj == nil {
			continue
		}
		delete(p.errs, obj)
		delete(p.bools, obj)
		if len(s.Lhs) == len(s.Rhs) {
			if src := t.variable(s.Rhs[i]); src != nil && p.errs[src] {
				p.errs[obj] = true
			} else if basicBool(t.file, s.Rhs[i]) {
				if v := t.eval(s.Rhs[i], p); v != unknown {
					p.bools[obj] = v
				}
			}
		}
	}
	return []*path{p}
}

// assignResults walks ok, err := s.try(ctx), where a function or a transaction tries. Its
// bool, or the response, tells whether the lock is held; what its error is then cannot be
// told.
func (t *tracer) assignResults(s *ast.AssignStmt, p *path) []*path {
	isBool, isTxn := false, false
	for _, l := range s.Lhs {
		isBool = isBool || !source.IsBlank(l) && basicBool(t.file, l)
		isTxn = isTxn || !source.IsBlank(l) && t.file.IsTxnResponse(t.file.TypeOf(l))
	}
	return t.fork(p, func(q *path) {
		for _, l := range s.Lhs {
			switch obj := t.variable(l); {
			case obj == nil:
			case basicBool(t.file, l) || t.file.IsTxnResponse(obj.Type()):
				q.bools[obj] = truth(q.outcome == won)
			case source.IsError(obj.Type()) && (isTxn || isBool && t.attempt.replies): // nil, if there is a response
				q.bools[obj] = truth(q.outcome != failed)
			case !isBool && source.IsError(obj.Type()):
				q.errs[obj] = true
			}
		}
	})
}

// receive notes a receive, which is all of statement s or of what it assigns.
func (t *tracer) receive(u *ast.UnaryExpr, s ast.Stmt, p *path) {
	if receives(u.X) {
		t.giveUp(s)
	}
	switch c := t.clocks[u]; {
	case c != nil:
		p.do(waits, u, c)
		return
	case isDone(t.file, u):
		p.do(doneRecv, s, nil)
	default:
		p.do(recv, s, nil)
	}
	t.operand(u.X, p)
}

// operand notes what evaluating the channel of a receive does.
func (t *tracer) operand(ch ast.Expr, p *path) {
	if source.HasCall(ch) {
		p.do(acts, ch, nil)
	}
}

// receiver notes an assignment of what was received to anything but local variables.
func (t *tracer) receiver(s *ast.AssignStmt, p *path) {
	for _, l := range s.Lhs {
		obj := t.variable(l)
		if !source.IsBlank(l) && (obj == nil || source.IsPackageLevel(obj)) {
			p.do(acts, s, nil)
			return
		}
		delete(p.errs, obj)
		delete(p.bools, obj)
	}
}

func basicBool(f *source.File, e ast.Expr) bool {
	t := f.TypeOf(e)
	b, ok := source.Under(t).(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}

// variable returns the local or package variable that e names, or nil.
func (t *tracer) variable(e ast.Expr) types.Object {
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok || id.Name == "_" {
		return nil
	}
	v, ok := t.file.ObjectOf(id).(*types.Var)
	if !ok {
		return nil
	}
	return v
}

// concerns reports whether a nested statement tries, waits for a clock of this loop, or
// jumps out of itself.
func (t *tracer) concerns(s ast.Stmt) bool {
	found := t.leaves(s) || t.tries(s)
	ast.Inspect(s, func(n ast.Node) bool {
		if _, lit := n.(*ast.FuncLit); lit {
			return false
		}
		found = found || n != nil && t.clocks[n] != nil
		return !found
	})
	return found
}

// leaves reports whether a nested statement may leave the loop, or its round, from inside.
func (t *tracer) leaves(s ast.Stmt) bool {
	found := false
	ast.Inspect(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			found = true
		case *ast.BranchStmt:
			_, sw := s.(*ast.TypeSwitchStmt)
			found = found || n.Label != nil || n.Tok == token.GOTO || sw && n.Tok == token.CONTINUE
		}
		return !found
	})
	return found
}

func (t *tracer) tries(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			found = found || t.isTry(n)
		}
		return !found
	})
	return found
}
