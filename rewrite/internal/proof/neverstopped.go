package proof

import (
	"go/ast"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// NeverStopped reports a ticker that may tick on after its loop. Package time's is collected
// since Go 1.23 when nobody holds it any more; the helper's cannot be, because what rings it
// holds it. A loop that is left again and again would leave one behind each time. Where the
// process ends with the loop's function that does not matter. A loop that is replaced as a
// whole needs no ticker, and Gate refuses one that is made in each round.
func NeverStopped(s *loop.Site) *finding.Reason {
	if len(s.Clocks) != 1 || s.Clocks[0].Kind != loop.Tick && s.Clocks[0].Kind != loop.Ticker {
		return nil
	}
	c := s.Clocks[0]
	parents := source.Parents(s.Func)
	if fn, ok := s.Func.(*ast.FuncDecl); ok && isMain(s.File, fn) && !inLoop(parents, c.Made) {
		return nil
	}
	if c.Kind == loop.Ticker && stopDeferred(s, c) {
		return nil
	}
	at := func(n ast.Node, detail string) *finding.Reason {
		return &finding.Reason{Code: finding.ClockUnstopped, Detail: detail, Pos: s.Position(n.Pos())}
	}
	if c.Kind == loop.Tick {
		return at(c.Made, "time.Tick gives nothing to stop")
	}
	for _, q := range s.Paths {
		_, exits := q.EndStmt.(*ast.ExprStmt) // with the process, or by a panic
		switch {
		case exits, q.End == loop.Next:
		case stoppedOn(s, c, q), q.End == loop.Broke && stoppedBehind(s, c):
		case q.EndStmt != nil:
			return at(q.EndStmt, "not stopped on this way out")
		default:
			return at(c.Made, "not stopped behind the loop")
		}
	}
	return nil
}

// isMain reports whether the process ends with the function, or it runs only once.
func isMain(f *source.File, fn *ast.FuncDecl) bool {
	return fn.Recv == nil && (fn.Name.Name == "init" || fn.Name.Name == "main" && f.Syntax.Name.Name == "main")
}

// inLoop reports whether n runs again and again in its function. What a loop ranges over runs
// once.
func inLoop(parents map[ast.Node]ast.Node, n ast.Node) bool {
	for ; n != nil; n = parents[n] {
		switch p := parents[n].(type) {
		case *ast.ForStmt:
			return true
		case *ast.RangeStmt:
			if p.X != n {
				return true
			}
		}
	}
	return false
}

// stops reports whether n is a statement that stops the clock.
func stops(f *source.File, c *loop.Clock, n ast.Node) bool {
	x, ok := n.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := ast.Unparen(x.X).(*ast.CallExpr)
	return ok && isStop(f, c, call)
}

func isStop(f *source.File, c *loop.Clock, call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Stop" {
		return false
	}
	id, ok := ast.Unparen(sel.X).(*ast.Ident)
	return ok && f.ObjectOf(id) == c.Var
}

func stoppedOn(s *loop.Site, c *loop.Clock, q *loop.Path) bool {
	for _, st := range q.Steps {
		if stops(s.File, c, st.Node) {
			return true
		}
	}
	return false
}

// stopDeferred reports whether the clock is stopped by a defer beside its definition.
func stopDeferred(s *loop.Site, c *loop.Clock) bool {
	return slices.ContainsFunc(source.Siblings(s.Func, c.Decl), func(n ast.Stmt) bool {
		d, ok := n.(*ast.DeferStmt)
		if !ok {
			return false
		}
		lit, ok := d.Call.Fun.(*ast.FuncLit)
		return isStop(s.File, c, d.Call) ||
			ok && slices.ContainsFunc(lit.Body.List, func(n ast.Stmt) bool { return stops(s.File, c, n) })
	})
}

// stoppedBehind reports whether the clock is stopped behind the loop, before anything that
// may go another way.
func stoppedBehind(s *loop.Site, c *loop.Clock) bool {
	n := s.Node
	if s.Label != nil {
		n = s.Label
	}
	list := source.Siblings(s.Func, n)
	for _, st := range list[slices.Index(list, n)+1:] {
		switch st.(type) {
		case *ast.ExprStmt, *ast.AssignStmt, *ast.DeclStmt:
			if stops(s.File, c, st) {
				return true
			}
		default:
			return false
		}
	}
	return false
}
