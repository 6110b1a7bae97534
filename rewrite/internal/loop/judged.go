package loop

import (
	"go/ast"
	"go/token"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/verdict"
)

// Judgements are the loops on the way to a try of which it was found that they do not retry it.
type Judgements map[verdict.Loop]verdict.Verdict

// Dismiss notes that a loop around calls that try was looked at, and what it is instead of
// a retry.
func (j Judgements) Dismiss(loop token.Pos, calls []*ast.CallExpr, word finding.Verdict, why string) {
	if j == nil {
		return // nobody asks
	}
	for _, call := range calls {
		j[verdict.Loop{Call: call.Lparen, Loop: loop}] = verdict.Verdict{Word: word, Why: why, At: loop}
	}
}

// Positions returns where a site tries, and what is on the ways from there to the tries, as
// the call graph has it.
func (s *Site) Positions() (out []token.Pos) {
	note := func(n ast.Expr) {
		switch n := ast.Unparen(n).(type) {
		case *ast.CallExpr:
			out = append(out, n.Lparen)
		case *ast.SelectorExpr:
			out = append(out, n.Sel.Pos())
		}
	}
	for _, call := range slices.Concat(s.Tries, s.Calls) {
		note(call)
	}
	for _, h := range s.passed {
		note(h.Node)
		if h.To.IsValid() {
			out = append(out, h.To) // of the name of the method, if that is what it leads to
		}
	}
	if through := s.Walker.Attempt.Through; through != nil {
		for _, h := range s.Attempts() {
			if call, ok := ast.Unparen(h.Node).(*ast.CallExpr); ok {
				for _, c := range through(h.File, call) {
					note(c)
				}
			}
		}
	}
	return out
}
