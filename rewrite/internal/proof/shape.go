package proof

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// shape finds the statements for success and for other errors. It returns the node that
// it could not place.
func (c *Collapse) shape() ast.Node {
	var body []ast.Stmt
	switch l := c.Site.Node.(type) {
	case *ast.ForStmt:
		body = l.Body.List
		if l.Init != nil || l.Post != nil {
			return l
		}
		if l.Cond != nil && c.Site.Walker.Tries(l.Cond) {
			v := c.verdict(l.Cond, nil)
			if v != [3]loop.Tristate{loop.No, loop.Yes, loop.Yes} {
				return l.Cond
			}
			return nil
		}
		if l.Cond != nil {
			return l
		}
	case *ast.RangeStmt:
		if l.Key != nil && !source.IsBlank(l.Key) {
			return l
		}
		body = l.Body.List
	}
	return c.list(body, nil)
}

// verdict is the value of a condition after a won, a locked and a failed try.
func (c *Collapse) verdict(cond ast.Expr, errs map[types.Object]bool) (v [3]loop.Tristate) {
	for i, o := range []loop.Outcome{loop.Won, loop.Locked, loop.Failed} {
		v[i] = c.Site.Walker.Eval(cond, &loop.Path{Outcome: o, Errs: errs})
	}
	return v
}

// list walks statements in search of the try; errs is nil before it.
func (c *Collapse) list(stmts []ast.Stmt, errs map[types.Object]bool) ast.Node {
	t := c.Site.Walker
	for i, s := range stmts {
		rest := stmts[i+1:]
		switch s := s.(type) {
		case *ast.AssignStmt:
			if !t.Tries(s) {
				if errs != nil {
					return s
				}
				continue
			}
			errs = c.bind(s)
			if errs == nil {
				return s
			}
		case *ast.IfStmt:
			in := errs
			if s.Init != nil {
				a, ok := s.Init.(*ast.AssignStmt)
				if !ok || !t.Tries(a) {
					return s
				}
				if in = c.bind(a); in == nil {
					return s
				}
				errs = in
			} else if t.Tries(s.Cond) {
				in = map[types.Object]bool{}
				errs = in
			}
			if in == nil {
				if t.Tries(s) {
					return s
				}
				continue // before the try: only a check of the context passes collapse's tests
			}
			bad, finished := c.ifStmt(s, rest, in)
			if bad != nil || finished {
				return bad
			}
		case *ast.SelectStmt:
			if errs != nil {
				continue // the wait
			}
			for _, clause := range s.Body.List {
				if t.Tries(clause) {
					if len(rest) > 0 {
						return rest[0]
					}
					return c.list(clause.(*ast.CommClause).Body, nil)
				}
			}
		case *ast.ExprStmt:
			if t.Tries(s) {
				return s
			}
		case *ast.BranchStmt, *ast.EmptyStmt:
		default:
			if t.Tries(s) || errs != nil {
				return s
			}
		}
	}
	return nil
}

// bind notes which variable a try's error goes to.
func (c *Collapse) bind(a *ast.AssignStmt) map[types.Object]bool {
	if len(a.Lhs) != 1 || len(a.Rhs) != 1 {
		return nil
	}
	call, ok := ast.Unparen(a.Rhs[0]).(*ast.CallExpr)
	if !ok || !c.Site.Walker.IsTry(call) {
		return nil
	}
	errs := map[types.Object]bool{}
	if source.IsBlank(a.Lhs[0]) {
		return errs
	}
	obj := c.Site.Walker.Variable(a.Lhs[0])
	if obj == nil {
		return nil
	}
	c.errVar, c.errObj, c.assign = obj.Name(), obj, !source.PosWithin(obj.Pos(), c.Site.Node)
	errs[obj] = true
	return errs
}

// ifStmt places the branches of a condition on the try's error. finished says that rest
// has been placed too.
func (c *Collapse) ifStmt(s *ast.IfStmt, rest []ast.Stmt, errs map[types.Object]bool) (bad ast.Node, finished bool) {
	var otherwise []ast.Stmt
	switch e := s.Else.(type) {
	case *ast.BlockStmt:
		otherwise = e.List
	case *ast.IfStmt:
		otherwise = []ast.Stmt{e}
	}
	switch v := c.verdict(s.Cond, errs); v {
	case [3]loop.Tristate{loop.Yes, loop.No, loop.No}: // if err == nil { success } else { ... }
		if bad := c.setSuccess(s.Body.List); bad != nil {
			return bad, true
		}
		if bad := c.list(otherwise, errs); bad != nil {
			return bad, true
		}
		return nil, false
	case [3]loop.Tristate{loop.No, loop.Yes, loop.Yes}: // if err != nil { ... } success
		if bad := c.list(s.Body.List, errs); bad != nil {
			return bad, true
		}
		if s.Else != nil {
			return c.setSuccess(otherwise), false
		}
		return c.setSuccess(rest), true
	case [3]loop.Tristate{loop.No, loop.No, loop.Yes}: // if err != ErrLocked { others }
		if c.others != nil || s.Else != nil {
			return s, true
		}
		c.others = s.Body.List
		return nil, false
	case [3]loop.Tristate{loop.Yes, loop.No, loop.Yes}: // if err != ErrLocked { return err }, nil included
		if c.success != nil { // nil has left before
			if c.others != nil || s.Else != nil {
				return s, true
			}
			c.others = s.Body.List
			return nil, false
		}
		if len(s.Body.List) != 1 {
			return s, true
		}
		ret, ok := s.Body.List[0].(*ast.ReturnStmt)
		if !ok || len(ret.Results) != 1 || s.Else != nil || c.others != nil || c.success != nil {
			return s, true
		}
		if obj := c.Site.Walker.Variable(ret.Results[0]); obj == nil || !errs[obj] {
			return s, true
		}
		c.success, c.others, c.both = s.Body.List, s.Body.List, true
		return nil, false
	case [3]loop.Tristate{loop.No, loop.Yes, loop.No}: // if err == ErrLocked { wait } else { others }
		if bad := c.list(s.Body.List, errs); bad != nil {
			return bad, true
		}
		if s.Else != nil {
			if c.others != nil {
				return s, true
			}
			c.others = otherwise
		}
		return nil, false
	case [3]loop.Tristate{loop.Unknown, loop.Unknown, loop.Unknown}:
		return nil, false // a check of the context
	}
	return s, true
}

// setSuccess takes the statements that follow a won try; a break of the loop at their
// end goes without saying.
func (c *Collapse) setSuccess(list []ast.Stmt) ast.Node {
	if c.success != nil {
		return c.Site.Node
	}
	c.success = list
	if len(list) > 0 {
		// Inside a select or switch a plain break would not leave the loop, and the
		// paths would not have ended there.
		if b, ok := list[len(list)-1].(*ast.BranchStmt); ok && b.Tok == token.BREAK {
			c.success = list[:len(list)-1]
		}
	}
	if c.success == nil {
		c.success = []ast.Stmt{}
	}
	return nil
}
