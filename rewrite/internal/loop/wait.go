package loop

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// Blocks reports whether the loop waits, or may wait, for anything between tries.
func (s *Site) Blocks() bool {
	if s.Iterator() > promptPacing {
		return true
	}
	if s.Walker.Bad == nil {
		for _, q := range s.Paths {
			if q.Outcome != Locked || q.End != Next {
				continue
			}
			waitsOn := false
			for _, st := range q.Steps {
				switch st.Kind {
				case TakesDefault:
				case Acts:
					waitsOn = waitsOn || s.MayWait(st.Node)
				default:
					waitsOn = true
				}
			}
			if !waitsOn {
				return false
			}
		}
		return true
	}
	blocking := false
	ast.Inspect(s.Node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			blocking = blocking || n.Op == token.ARROW
		case *ast.SelectStmt, *ast.SendStmt:
			blocking = true
		case *ast.CallExpr:
			blocking = blocking || s.MayWait(n)
		}
		return !blocking
	})
	return blocking
}

// MayWait reports whether n calls, besides the try, something that is not known to
// return at once.
func (s *Site) MayWait(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt, *ast.DeferStmt:
			return false
		case *ast.CallExpr:
			found = found || !s.Walker.IsTry(n) && !s.prompt(s.File, n)
		}
		return !found
	})
	return found
}

// Pausing returns a call in the loop, besides the tries, of a function of the module that
// waits for a clock, the iterator of the loop included, or nil.
func (s *Site) Pausing() *ast.CallExpr {
	var found *ast.CallExpr
	if s.Iterator() == clockPacing {
		found, _ = ast.Unparen(s.Node.(*ast.RangeStmt).X).(*ast.CallExpr)
	}
	ast.Inspect(s.Node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt:
			return false
		case *ast.CallExpr:
			if fn, ok := s.File.Callee(n).(*types.Func); ok && found == nil && !s.Walker.IsTry(n) && s.pauses(fn) {
				found = n
			}
		}
		return true
	})
	return found
}

// Polls tells a loop that retries an attempt from one that happens to make it, such as
// one that serves requests: a clock paces it, or only success ends it, or a round that
// failed does nothing else.
func (s *Site) Polls() bool {
	if s.Paced() || s.Repeated() {
		return true
	}
	ends, goesOn, idle := false, false, false
	for _, q := range s.Outline() {
		switch {
		case q.Outcome == Won:
			ends = ends || q.End == Broke || q.End == Left
			goesOn = goesOn || q.End == Next
		case q.Outcome == Locked && q.End == Next:
			quiet := true
			for _, st := range q.Steps {
				if st.Kind == Receives {
					quiet = false
				} else if st.Kind == Acts {
					ok, _ := s.Inert(st.Node)
					quiet = quiet && ok
				}
			}
			idle = idle || quiet
		}
	}
	return ends && !goesOn || idle
}

// SeesResult reports whether the loop asks what came of the attempt. One in a goroutine may tell it in other ways.
func SeesResult(s *Site) bool {
	return slices.ContainsFunc(s.Outline(), func(q *Path) bool { return q.Outcome == Won || q.Outcome == Locked })
}

// ServesOthers reports whether a round begins with something from outside of the loop: it ranges over a channel, or
// receives from one to which no round sends.
func ServesOthers(s *Site) bool {
	if r, ok := s.Node.(*ast.RangeStmt); ok {
		_, ch := source.Under(s.File.TypeOf(r.X)).(*types.Chan)
		return ch
	}
	sent := map[*types.Var]bool{}
	for n := range ast.Preorder(s.Node) {
		if send, ok := n.(*ast.SendStmt); ok {
			sent[s.File.VariableOf(send.Chan)] = true
		}
	}
	found := false
	ast.Inspect(s.Node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && !IsDone(s.File, n) {
				v := s.File.VariableOf(n.X)
				found = found || v == nil || !sent[v] && !source.PosWithin(v.Pos(), s.Node)
			}
		case *ast.RangeStmt:
			_, ch := source.Under(s.File.TypeOf(n.X)).(*types.Chan)
			found = found || ch
		}
		return !found
	})
	return found
}

// Repeated reports whether a library repeats the attempt, or a function that calls itself.
func (s *Site) Repeated() bool { return s.Kind == CallCycle }

// Paced reports whether a clock paces the loop, here or in a function that it calls.
func (s *Site) Paced() bool {
	if s.Pausing() != nil {
		return true
	}
	for _, c := range s.Clocks {
		if c.Kind != Watch {
			return true
		}
	}
	return false
}
