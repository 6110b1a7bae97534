package proof

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

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
	at := func(n ast.Node, detail string) *finding.Reason {
		return &finding.Reason{Code: finding.ClockUnstopped, Detail: detail, Pos: s.Position(n.Pos())}
	}
	if c.Kind == loop.Tick {
		return at(c.Made, "time.Tick gives nothing to stop")
	}
	if n := startedAgain(s, c, parents); n != nil {
		return at(n, "it starts again behind that")
	}
	if deferred, between := stopDeferred(s, c); deferred && between != nil {
		return at(between, source.FirstLine(s.Text(between))+" may keep the defer that stops it from being reached")
	} else if deferred {
		return nil
	}
	for _, q := range s.Paths {
		switch {
		case endsProcess(s.File, q.EndStmt), q.End == loop.Next:
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

// endsProcess reports whether nothing of the process is left behind a statement. A panic may be
// recovered, and others go on when a goroutine exits.
func endsProcess(f *source.File, st ast.Stmt) bool {
	x, ok := st.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := ast.Unparen(x.X).(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, ok := f.Callee(call).(*types.Func)
	return ok && (strings.HasPrefix(fn.Name(), "Fatal") && fn.Pkg() != nil && fn.Pkg().Path() != "testing" || source.IsObject(fn, "os", "Exit") || strings.HasPrefix(fn.Name(), "Exit") && loop.Logs(f, call))
}

// startedAgain returns a Reset that may come behind what stops the clock: a deferred one, or, where
// none is deferred that stops it, one on a way out of the loop or behind it.
func startedAgain(s *loop.Site, c *loop.Clock, parents map[ast.Node]ast.Node) ast.Node {
	deferred, _ := stopDeferred(s, c)
	for _, id := range s.File.UsesOf(c.Var) {
		sel, ok := parents[id].(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Reset" {
			continue
		}
		ends := id.Pos() > s.Node.End()
		for _, q := range s.Paths {
			for _, st := range q.Steps {
				ends = ends || q.End != loop.Next && source.Within(id, st.Node)
			}
		}
		if ends && !deferred {
			return sel
		}
		for n := parents[id]; n != nil && n != s.Func; n = parents[n] {
			if _, ok := n.(*ast.DeferStmt); ok {
				return sel
			}
		}
	}
	return nil
}

// stopDeferred reports whether the clock is stopped by a defer beside its definition. between is what
// may leave the function before that.
func stopDeferred(s *loop.Site, c *loop.Clock) (deferred bool, between ast.Stmt) {
	list := source.Siblings(s.Func, c.Decl)
	for _, st := range list[slices.Index(list, c.Decl)+1:] {
		if d, ok := st.(*ast.DeferStmt); ok {
			lit, ok := d.Call.Fun.(*ast.FuncLit)
			if isStop(s.File, c, d.Call) || ok && slices.ContainsFunc(lit.Body.List, func(n ast.Stmt) bool { return stops(s.File, c, n) }) {
				return true, between
			}
		}
		if between == nil && !comesBack(s, st) {
			between = st
		}
	}
	return false, nil
}

// comesBack reports whether what follows a statement is reached.
func comesBack(s *loop.Site, st ast.Stmt) bool {
	switch st.(type) {
	case *ast.DeferStmt, *ast.GoStmt, *ast.DeclStmt, *ast.EmptyStmt, *ast.IncDecStmt:
		return true
	}
	ok := true
	ast.Inspect(st, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt, *ast.BranchStmt, *ast.SendStmt, *ast.SelectStmt, *ast.ForStmt, *ast.RangeStmt:
			ok = false
		case *ast.UnaryExpr:
			ok = ok && n.Op != token.ARROW
		case *ast.CallExpr:
			fn, _ := s.File.Callee(n).(*types.Func)
			_, ofClient := s.ConcurrencyPath(pkgOf(fn))
			ok = ok && (ofClient || loop.IsContextCall(s.File, n) || s.Returns(s.File, n))
		}
		return ok
	})
	return ok
}

func pkgOf(fn *types.Func) *types.Package {
	if fn == nil {
		return nil
	}
	return fn.Pkg()
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
