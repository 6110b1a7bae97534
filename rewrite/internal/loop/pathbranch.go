package loop

import (
	"go/ast"
	"go/token"
)

func (t *Walker) ifStmt(s *ast.IfStmt, p *Path) []*Path {
	in := []*Path{p}
	if s.Init != nil {
		in = t.stmt(s.Init, p)
	}
	var out []*Path
	for _, q := range in {
		for _, b := range t.cond(s.Cond, q) {
			if b.value != No {
				out = append(out, t.Block(s.Body.List, []*Path{b.path.fork()})...)
			}
			if b.value != Yes {
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

func (t *Walker) switchStmt(s *ast.SwitchStmt, p *Path) []*Path {
	in := []*Path{p}
	if s.Init != nil {
		in = t.stmt(s.Init, p)
	}
	if s.Tag != nil && t.Tries(s.Tag) {
		call, ok := ast.Unparen(s.Tag).(*ast.CallExpr)
		if !ok || !t.IsTry(call) {
			t.giveUp(s)
			return nil
		}
		var forked []*Path
		for _, q := range in {
			forked = append(forked, t.fork(q, func(*Path) {})...)
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
	var out []*Path
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
			v := No
			for _, e := range clause.List {
				var one Tristate
				if t.Tries(e) || receives(e) {
					t.giveUp(e)
				}
				t.operand(e, rest)
				switch {
				case s.Tag == nil:
					one = t.Eval(e, rest)
				case t.isErr(s.Tag, rest):
					one = t.is(e, rest)
				}
				if one == Yes {
					v = Yes
				} else if one == Unknown && v == No {
					v = Unknown
				}
			}
			if v != No {
				out = append(out, t.Block(clause.Body, []*Path{rest.fork()})...)
			}
			if v == Yes {
				taken = true
				break
			}
		}
		if taken {
			continue
		}
		if deflt != nil {
			out = append(out, t.Block(deflt.Body, []*Path{rest.fork()})...)
		} else {
			out = append(out, rest)
		}
	}
	return out
}

func (t *Walker) selectStmt(s *ast.SelectStmt, p *Path) []*Path {
	// All channels, and all values to send, are evaluated whichever case is taken.
	for _, c := range s.Body.List {
		switch comm := c.(*ast.CommClause).Comm.(type) {
		case nil:
		case *ast.SendStmt:
			if t.Tries(comm) || receives(comm) {
				t.giveUp(s)
			}
			t.operand(comm.Chan, p)
			t.operand(comm.Value, p)
		default:
			u := Received(comm)
			if u == nil || receives(u.X) {
				t.giveUp(s)
				continue
			}
			if t.Clocks[u] == nil {
				t.operand(u.X, p)
			}
		}
	}
	var out []*Path
	for _, c := range s.Body.List {
		clause := c.(*ast.CommClause)
		q := p.fork()
		switch comm := clause.Comm.(type) {
		case nil:
			q.do(TakesDefault, clause, nil)
		case *ast.SendStmt:
			q.do(Receives, comm, nil)
		default:
			u := Received(comm)
			switch {
			case u == nil:
			case t.Clocks[u] != nil:
				q.do(Waits, u, t.Clocks[u])
			case IsDone(t.File, u):
				q.do(ReceivesDone, clause.Comm, nil)
			default:
				q.do(Receives, clause.Comm, nil)
			}
			if a, ok := comm.(*ast.AssignStmt); ok {
				t.receiver(a, q)
			}
		}
		out = append(out, t.Block(clause.Body, []*Path{q})...)
	}
	return out
}

// Received returns the receive expression of a select case, or nil.
func Received(s ast.Stmt) *ast.UnaryExpr {
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
