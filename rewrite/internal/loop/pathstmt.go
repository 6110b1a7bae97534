package loop

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

func (t *Walker) exprStmt(s *ast.ExprStmt, p *Path) []*Path {
	e := ast.Unparen(s.X)
	if c := t.Clocks[e]; c != nil {
		if c.PerWait && c.Made != nil && receives(c.Made) {
			t.giveUp(s)
		}
		p.do(Waits, e, c)
		return []*Path{p}
	}
	if call, ok := e.(*ast.CallExpr); ok {
		if t.IsTry(call) {
			return t.fork(p, func(*Path) {})
		}
		if i, tried := t.checked(call, p); i >= 0 && t.exits(call, i) {
			in := []*Path{p}
			if tried {
				in = t.fork(p, func(*Path) {})
			}
			for _, q := range in {
				if q.Outcome == Won {
					q.do(Acts, s, nil)
				} else {
					q.End, q.EndStmt = Left, s
				}
			}
			return in
		}
		if t.Tries(call) {
			t.giveUp(s)
		}
		if endsProcess(t.File, call) {
			p.End, p.EndStmt = Left, s
			return []*Path{p}
		}
	}
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.ARROW {
		t.receive(u, s, p)
		return []*Path{p}
	}
	if receives(s) {
		t.giveUp(s)
	}
	p.do(Acts, s, nil)
	return []*Path{p}
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

func (t *Walker) assign(s *ast.AssignStmt, p *Path) []*Path {
	if len(s.Lhs) == 1 && len(s.Rhs) == 1 {
		if call, ok := ast.Unparen(s.Rhs[0]).(*ast.CallExpr); ok && t.IsTry(call) {
			obj := t.Variable(s.Lhs[0])
			return t.fork(p, func(q *Path) {
				if obj != nil && source.IsBool(t.File.TypeOf(call)) { // a function that tries
					q.Bools[obj] = t.reply(call, q)
				} else if obj != nil {
					t.failed(obj, call, q)
				} else if !source.IsBlank(s.Lhs[0]) {
					t.giveUp(s)
				}
			})
		}
		if t.Tries(s.Rhs[0]) { // ok := mu.TryLock(ctx) == nil
			var out []*Path
			for _, b := range t.cond(s.Rhs[0], p) {
				if obj := t.Variable(s.Lhs[0]); obj != nil {
					b.path.Bools[obj] = b.value
				}
				out = append(out, b.path)
			}
			return out
		}
	} else if t.Tries(s) {
		if call, ok := ast.Unparen(s.Rhs[0]).(*ast.CallExpr); ok && len(s.Rhs) == 1 && t.IsTry(call) {
			return t.assignResults(s, call, p)
		}
		t.giveUp(s)
	}
	if len(s.Rhs) == 1 {
		if u, ok := ast.Unparen(s.Rhs[0]).(*ast.UnaryExpr); ok && u.Op == token.ARROW {
			t.receive(u, s, p)
			t.receiver(s, p)
			return []*Path{p}
		}
	}
	if receives(s) {
		t.giveUp(s)
	}
	p.do(Acts, s, nil)
	for i, l := range s.Lhs {
		obj := t.Variable(l)
		if obj == nil {
			continue
		}
		delete(p.Errs, obj)
		delete(p.Bools, obj)
		if len(s.Lhs) == len(s.Rhs) {
			if src := t.Variable(s.Rhs[i]); src != nil && p.Errs[src] {
				p.Errs[obj] = true
			} else if source.IsBool(t.File.TypeOf(s.Rhs[i])) {
				if v := t.Eval(s.Rhs[i], p); v != Unknown {
					p.Bools[obj] = v
				}
			}
		}
	}
	return []*Path{p}
}

// assignResults walks ok, err := s.try(ctx), where a function or a transaction tries. Its
// bool, or the response, tells whether the lock is held; what its error is then cannot be
// told.
func (t *Walker) assignResults(s *ast.AssignStmt, call *ast.CallExpr, p *Path) []*Path {
	isBool, isTxn := false, false
	for _, l := range s.Lhs {
		isBool = isBool || !source.IsBlank(l) && source.IsBool(t.File.TypeOf(l))
		isTxn = isTxn || !source.IsBlank(l) && t.File.IsTxnResponse(t.File.TypeOf(l))
	}
	return t.fork(p, func(q *Path) {
		for _, l := range s.Lhs {
			switch obj := t.Variable(l); {
			case obj == nil:
			case source.IsBool(t.File.TypeOf(l)) || t.File.IsTxnResponse(obj.Type()):
				q.Bools[obj] = t.reply(call, q)
			case source.IsError(obj.Type()) && (isTxn || isBool && t.Attempt.Replies): // nil, if there is a response
				q.Bools[obj] = truth(q.Outcome != Failed)
			case !isBool && source.IsError(obj.Type()):
				t.failed(obj, call, q)
			}
		}
	})
}

// failed notes that a variable holds the error of a call that tries.
func (t *Walker) failed(obj types.Object, call *ast.CallExpr, p *Path) {
	if !isFailure(obj.Type()) {
		return
	}
	if t.reply(call, p) == plainly.of(p.Outcome) {
		p.Errs[obj] = true
	} else {
		p.Bools[obj] = t.reply(call, p)
	}
}

// receive notes a receive, which is all of statement s or of what it assigns.
func (t *Walker) receive(u *ast.UnaryExpr, s ast.Stmt, p *Path) {
	if receives(u.X) {
		t.giveUp(s)
	}
	switch c := t.Clocks[u]; {
	case c != nil:
		p.do(Waits, u, c)
		return
	case IsDone(t.File, u):
		p.do(ReceivesDone, s, nil)
	default:
		p.do(Receives, s, nil)
	}
	t.operand(u.X, p)
}

// operand notes what evaluating the channel of a receive does.
func (t *Walker) operand(ch ast.Expr, p *Path) {
	if source.HasCall(ch) {
		p.do(Acts, ch, nil)
	}
}

// receiver notes an assignment of what was received to anything but local variables.
func (t *Walker) receiver(s *ast.AssignStmt, p *Path) {
	for _, l := range s.Lhs {
		obj := t.Variable(l)
		if !source.IsBlank(l) && (obj == nil || source.IsPackageLevel(obj)) {
			p.do(Acts, s, nil)
			return
		}
		delete(p.Errs, obj)
		delete(p.Bools, obj)
	}
}

// Variable returns the local or package variable that e names, or nil.
func (t *Walker) Variable(e ast.Expr) types.Object {
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok || id.Name == "_" {
		return nil
	}
	v, ok := t.File.ObjectOf(id).(*types.Var)
	if !ok {
		return nil
	}
	return v
}

// concerns reports whether a nested statement tries, waits for a clock of this loop, or
// jumps out of itself.
func (t *Walker) concerns(s ast.Stmt) bool {
	found := t.leaves(s) || t.Tries(s)
	ast.Inspect(s, func(n ast.Node) bool {
		if _, lit := n.(*ast.FuncLit); lit {
			return false
		}
		found = found || n != nil && t.Clocks[n] != nil
		return !found
	})
	return found
}

// leaves reports whether a nested statement may leave the loop, or its round, from inside.
func (t *Walker) leaves(s ast.Stmt) bool {
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

// Tries reports whether n holds a try, outside of function literals.
func (t *Walker) Tries(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			found = found || t.IsTry(n)
		}
		return !found
	})
	return found
}
