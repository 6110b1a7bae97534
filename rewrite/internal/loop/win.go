package loop

import (
	"go/ast"
	"go/types"
	"iter"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// before reports whether n is in one of the statements that follow the loop in its list.
func (s *Site) before(n ast.Node) bool {
	var loop ast.Stmt = s.Node
	if s.Label != nil {
		loop = s.Label
	}
	list := source.Siblings(s.Func, loop)
	i := slices.Index(list, loop)
	return i >= 0 && slices.ContainsFunc(list[i+1:], func(st ast.Stmt) bool { return source.Within(n, st) })
}

// told reports whether what the calls of a loop return is what their tries have: each function on the
// way is called by name, does nothing else with that, and returns nothing else.
func (s *Site) told() bool {
	return len(s.Calls) == 0 || len(s.passed) > 0 && !slices.ContainsFunc(s.passed, func(h Hop) bool {
		call, ok := ast.Unparen(h.Node).(*ast.CallExpr)
		if !ok {
			return true
		}
		if fn, ok := h.File.Callee(call).(*types.Func); h.To.IsValid() && (!ok || s.DeclOf(fn) == nil) {
			return true
		}
		return !slices.Contains(s.Calls, call) && !s.onlyResult(h)
	})
}

// onlyResult reports whether a call is all that the function around it returns.
func (s *Site) onlyResult(h Hop) bool {
	returns, passes := 0, false
	for n := range s.inFunc(h) {
		if ret, ok := n.(*ast.ReturnStmt); ok {
			returns++
			passes = len(ret.Results) == 1 && ast.Unparen(ret.Results[0]) == ast.Unparen(h.Node)
		}
	}
	return returns == 1 && passes
}

// inFunc yields what is in the function around a hop, without what is in literals there.
func (s *Site) inFunc(h Hop) iter.Seq[ast.Node] {
	return func(yield func(ast.Node) bool) {
		fn := s.FuncAround(h.Node)
		if fn == nil {
			return
		}
		on := true
		for _, st := range source.Body(fn) {
			ast.Inspect(st, func(n ast.Node) bool {
				if _, literal := n.(*ast.FuncLit); literal || n == nil || !on {
					return false
				}
				on = yield(n)
				return on
			})
		}
	}
}

// AfterWin reports whether n runs only after a try that was won, with no other one since: in what
// follows success in a round, or behind the loop where nothing else leads there.
func (s *Site) AfterWin(n ast.Node) bool {
	if s.File.FuncAround(n) != s.Func || !s.told() {
		return false
	}
	paths := s.Outline()
	if !source.Within(n, s.Node) {
		return s.before(n) && len(paths) > 0 && !slices.ContainsFunc(paths, func(q *Path) bool {
			return q.End != Next && q.End != Left && (q.Outcome != Won || q.End == Outward)
		})
	}
	found := false
	for _, q := range paths {
		in := q.EndStmt != nil && source.Within(n, q.EndStmt)
		for _, st := range q.Steps {
			in = in || source.Within(n, st.Node)
		}
		if in && (q.Outcome != Won || q.tries != 1) {
			return false
		}
		found = found || in
	}
	return found
}
