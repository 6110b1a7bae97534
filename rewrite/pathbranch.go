package rewrite

import (
	"go/ast"
	"go/token"
)

func (t *tracer) ifStmt(s *ast.IfStmt, p *path) []*path {
	in := []*path{p}
	if s.Init != nil {
		in = t.stmt(s.Init, p)
	}
	var out []*path
	for _, q := range in {
		for _, b := range t.cond(s.Cond, q) {
			if b.value != no {
				out = append(out, t.block(s.Body.List, []*path{b.path.fork()})...)
			}
			if b.value != yes {
				if s.Else != nil {
					out = append(out, t.stmt(s.Else, b.path)...)
				} else {
					out = append(out, b.path)
				}
			}
		}
	}
	return out
}

func (t *tracer) switchStmt(s *ast.SwitchStmt, p *path) []*path {
	in := []*path{p}
	if s.Init != nil {
		in = t.stmt(s.Init, p)
	}
	if s.Tag != nil && t.tries(s.Tag) {
		call, ok := ast.Unparen(s.Tag).(*ast.CallExpr)
		if !ok || !t.isTry(call) {
			t.giveUp(s)
			return nil
		}
		var forked []*path
		for _, q := range in {
			forked = append(forked, t.fork(q, func(*path) {})...)
		}
		in = forked
	} else if s.Tag != nil {
		if receives(s.Tag) {
			t.giveUp(s)
		}
		for _, q := range in {
			t.operand(s.Tag, q)
		}
	}
	var out []*path
	for _, q := range in {
		rest := q // what no case has taken for certain
		var deflt *ast.CaseClause
		taken := false
		for _, c := range s.Body.List {
			clause := c.(*ast.CaseClause)
			if clause.List == nil {
				deflt = clause
				continue
			}
			v := no
			for _, e := range clause.List {
				var one tristate
				if t.tries(e) || receives(e) {
					t.giveUp(e)
				}
				t.operand(e, rest)
				switch {
				case s.Tag == nil:
					one = t.eval(e, rest)
				case t.isErr(s.Tag, rest):
					one = t.is(e, rest)
				}
				if one == yes {
					v = yes
				} else if one == unknown && v == no {
					v = unknown
				}
			}
			if v != no {
				out = append(out, t.block(clause.Body, []*path{rest.fork()})...)
			}
			if v == yes {
				taken = true
				break
			}
		}
		if taken {
			continue
		}
		if deflt != nil {
			out = append(out, t.block(deflt.Body, []*path{rest.fork()})...)
		} else {
			out = append(out, rest)
		}
	}
	return out
}

func (t *tracer) selectStmt(s *ast.SelectStmt, p *path) []*path {
	// All channels, and all values to send, are evaluated whichever case is taken.
	for _, c := range s.Body.List {
		switch comm := c.(*ast.CommClause).Comm.(type) {
		case nil:
		case *ast.SendStmt:
			if t.tries(comm) || receives(comm) {
				t.giveUp(s)
			}
			t.operand(comm.Chan, p)
			t.operand(comm.Value, p)
		default:
			u := received(comm)
			if u == nil || receives(u.X) {
				t.giveUp(s)
				continue
			}
			if t.clocks[u] == nil {
				t.operand(u.X, p)
			}
		}
	}
	var out []*path
	for _, c := range s.Body.List {
		clause := c.(*ast.CommClause)
		q := p.fork()
		switch comm := clause.Comm.(type) {
		case nil:
			q.do(polls, clause, nil)
		case *ast.SendStmt:
			q.do(recv, comm, nil)
		default:
			u := received(comm)
			switch {
			case u == nil:
			case t.clocks[u] != nil:
				q.do(waits, u, t.clocks[u])
			case isDone(t.file, u):
				q.do(doneRecv, clause.Comm, nil)
			default:
				q.do(recv, clause.Comm, nil)
			}
			if a, ok := comm.(*ast.AssignStmt); ok {
				t.receiver(a, q)
			}
		}
		out = append(out, t.block(clause.Body, []*path{q})...)
	}
	return out
}

// received returns the receive expression of a select case, or nil.
func received(s ast.Stmt) *ast.UnaryExpr {
	var e ast.Expr
	switch s := s.(type) {
	case *ast.ExprStmt:
		e = s.X
	case *ast.AssignStmt:
		if len(s.Rhs) == 1 {
			e = s.Rhs[0]
		}
	}
	if e == nil {
		return nil
	}
	u, ok := ast.Unparen(e).(*ast.UnaryExpr)
	if !ok || u.Op != token.ARROW {
		return nil
	}
	return u
}
