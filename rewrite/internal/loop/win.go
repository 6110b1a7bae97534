package loop

import (
	"go/ast"
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

// AfterWin reports whether n runs only after a try that was won, with no other one since: in what
// follows success in a round, or behind the loop where nothing else leads there.
func (s *Site) AfterWin(n ast.Node) bool {
	if s.File.FuncAround(n) != s.Func || len(s.Calls) > 0 {
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
