package tries

import (
	"go/ast"
	"go/token"
	"slices"
)

// Errors that one statement tells apart.
//
// A switch over the error of a try, or with conditions about it, says in its clauses what if statements say one after the
// other, and so do an if statement and what follows its else. Which clause runs is known where all that are asked before
// are about nil, ErrLocked and the deadline.

// A clause is one of such a statement, with what it asks; nothing for the default.
type clause struct {
	asks []ast.Expr
	body []ast.Stmt
}

// clauses returns those of a statement in the order in which they are asked, the default last; false where it has none,
// or one does not end by its end.
func clauses(st ast.Stmt) (out []clause, ok bool) {
	for st := st; ; {
		alone, ok := st.(*ast.IfStmt)
		if !ok {
			break
		}
		out = append(out, clause{[]ast.Expr{alone.Cond}, alone.Body.List})
		switch other := alone.Else.(type) {
		case nil:
			return out, true
		case *ast.BlockStmt:
			return append(out, clause{nil, other.List}), true
		case *ast.IfStmt:
			if other.Init != nil {
				return nil, false
			}
		}
		st = alone.Else
	}
	sw, ok := st.(*ast.SwitchStmt)
	if !ok {
		return nil, false
	}
	otherwise := []clause(nil)
	for _, st := range sw.Body.List {
		c := st.(*ast.CaseClause)
		for n := range ast.Preorder(c) {
			if br, ok := n.(*ast.BranchStmt); ok && (br.Tok == token.FALLTHROUGH || br.Tok == token.BREAK && br.Label == nil) {
				return nil, false
			}
		}
		if c.List == nil {
			otherwise = []clause{{nil, c.Body}}
			continue
		}
		var asks []ast.Expr
		for _, e := range c.List {
			if sw.Tag != nil {
				e = &ast.BinaryExpr{X: sw.Tag, OpPos: e.Pos(), Op: token.EQL, Y: e}
			}
			asks = append(asks, e)
		}
		out = append(out, clause{asks, c.Body})
	}
	return append(out, otherwise...), true
}

// never reports whether a clause is none of an error that is no verdict on the lock, and whether it is none of success.
func (b plain) never(c clause) (failure, success bool) {
	failure, success = len(c.asks) > 0, len(c.asks) > 0
	for _, e := range c.asks {
		verdict, is := b.verdict(e)
		failure = failure && (verdict && is || b.isNil(e, token.EQL))
		success = success && (verdict && is || b.isNil(e, token.NEQ))
	}
	return failure, success
}

// always reports whether a clause is that of every error that is no verdict on the lock and comes so far.
func (b plain) always(c clause) bool {
	return len(c.asks) == 0 || slices.ContainsFunc(c.asks, func(e ast.Expr) bool {
		verdict, is := b.verdict(e)
		return verdict && !is || b.isNil(e, token.NEQ)
	}) && !slices.ContainsFunc(c.asks, func(e ast.Expr) bool {
		verdict, _ := b.verdict(e)
		return !verdict && !b.isNil(e, token.NEQ) && !b.isNil(e, token.EQL)
	})
}

// taken returns the statements of such a statement that run after an error which is no verdict on the lock; false where that is
// not known.
func (b plain) taken(st ast.Stmt) ([]ast.Stmt, bool) {
	all, ok := clauses(st)
	if !ok || !b.tried || b.err == nil || !b.begins(st) {
		return nil, false
	}
	for _, c := range all {
		if failure, _ := b.never(c); failure {
			continue
		}
		return c.body, b.always(c)
	}
	return nil, true
}

// begins reports whether a statement begins with the try, or with nothing.
func (b plain) begins(st ast.Stmt) bool {
	var init ast.Stmt
	switch st := st.(type) {
	case *ast.IfStmt:
		init = st.Init
	case *ast.SwitchStmt:
		init = st.Init
	}
	a, ok := init.(*ast.AssignStmt)
	return init == nil || ok && b.assigns(a)
}

// toldApart finds what runs after success and after failure where one statement of the list tells the errors apart. It
// returns where that cannot be told.
func (s *perTry) toldApart(at int, st ast.Stmt) ast.Node {
	b := plain{s, s.badly, true}
	all, ok := clauses(st)
	if !ok || s.badly == nil {
		return st
	}
	if _, ok := b.taken(st); !ok {
		return st
	}
	s.won, s.failed = nil, append([]ast.Stmt{st}, s.list[at+1:]...)
	for _, c := range all {
		if _, success := b.never(c); success {
			continue
		}
		if len(c.asks) > 0 && !slices.ContainsFunc(c.asks, func(e ast.Expr) bool { return s.isNil(e, token.EQL) }) {
			return st
		}
		if len(c.asks) > 1 { // it is that of some errors as well
			return st
		}
		s.won = c.body
		return nil
	}
	// What follows is success, where all else leaves.
	if slices.ContainsFunc(all, func(c clause) bool { return !s.leaves(c.body) }) {
		return st
	}
	s.won, s.failed = s.list[at+1:], []ast.Stmt{st}
	return labeled(s.won)
}

// labeled returns a statement of a list to which a goto may lead, or nil.
func labeled(list []ast.Stmt) ast.Node {
	for _, st := range list {
		if _, ok := st.(*ast.LabeledStmt); ok {
			return st
		}
	}
	return nil
}
