package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"etcdmod/internal/finding"
)

// A gate swaps the clock of a loop for the mutex's own:
//
//	ticker := time.NewTicker(d)   =>   ticker := mu.NewTicker(d)
//
// Safety argument. The helper's clock fires at the old times, and once more, early, when
// the lock that the last try met has been released. A ticker keeps its phase, so that the
// rewritten loop makes every round that the old one made, at the same time; where each wait
// is counted from the try before it, the rounds after an early one come that much earlier,
// at the old distance. Either way there is one round more per release and none less. That
// one is harmless if a round does nothing but try, wait, log and count (the inert steps
// below), if success leaves the loop, and if no attempt is counted. The clock must be for
// this mutex at all times: the mutex is there before the clock is made and is not replaced.
//
// gate returns why the clock of s must stay, or nil.
func (p *program) gate(s *site) *finding.Reason {
	at := func(code finding.Code, n ast.Node, detail string) *finding.Reason {
		return &finding.Reason{Code: code, Detail: detail, Pos: p.position(n.Pos())}
	}
	switch {
	case len(s.calls) > 0:
		return at(finding.TriesThroughFn, s.calls[0], firstLine(p.text(s.calls[0].Fun)))
	case s.trace.bad != nil:
		return at(finding.ComplexFlow, s.trace.bad, "")
	case len(s.tries) > 1:
		return at(finding.SeveralTries, s.tries[1], "")
	case len(s.clock) == 0:
		return p.spin(s)
	case len(s.clock) > 1:
		return at(finding.SeveralClocks, s.clock[1].wait, firstLine(p.text(s.clock[1].wait)))
	}
	c := s.clock[0]
	if c.problem != nil {
		if c.kind == watchClock {
			return at(finding.WatchNotPaced, c.wait, "")
		}
		return c.problem
	}
	if r := p.counted(s); r != nil {
		return r
	}
	for _, q := range s.paths {
		switch {
		case q.outcome == won && (q.end == next || q.end == outward):
			return at(finding.SuccessLoops, s.tries[0], "")
		case q.end == outward:
			return at(finding.ComplexFlow, q.endStmt, "it leaves for an outer loop")
		case q.end != next:
			continue
		case q.outcome == untried && q.waited > 0:
			return at(finding.ClockShared, c.wait, "a round may wait without a try")
		}
		reset := false
		for _, st := range q.steps {
			switch st.kind {
			case acts:
				if ok, _ := p.inert(s, st.node); !ok {
					return at(finding.WorkInLoop, st.node, firstLine(p.text(st.node)))
				}
				reset = reset || p.resets(s, st.node)
			case recv: // one more of them per release
				if q.waited > 0 {
					return at(finding.WorkInLoop, st.node, firstLine(p.text(st.node)))
				}
			}
		}
		if c.kind == timerClock && q.waited > 0 && !reset && !within(c.made, s.loop) {
			return at(finding.UnknownClock, c.wait, "a timer that is not reset fires only once")
		}
	}
	if c.kind == watchClock {
		if r := p.fixedMutex(s, c, false); r != nil {
			return r
		}
		return at(finding.WatchNotPaced, c.wait, "")
	}
	if c.perWait && c.made != nil && len(c.made.Args) == 1 && !p.pure(s.file, c.made.Args[0]) {
		return at(finding.WorkInLoop, c.made.Args[0], p.text(c.made.Args[0]))
	}
	if r := p.ownClock(s, c); r != nil {
		return r
	}
	// A channel that is made behind the try is for a mutex that has just been used.
	return p.fixedMutex(s, c, c.perWait || c.kind == afterClock && c.made.Pos() > s.tries[0].Pos())
}

func firstLine(text string) string {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return strings.TrimRight(text[:i], " \t{\r") + " ..."
	}
	return text
}

// counted reports a loop that is bounded by a number of rounds, or whose rounds are
// told apart by a counter.
func (p *program) counted(s *site) *finding.Reason {
	if r, ok := s.loop.(*ast.RangeStmt); ok {
		if _, isChan := typeUnder(s.file.typeOf(r.X)).(*types.Chan); !isChan {
			return &finding.Reason{Code: finding.AttemptCounter, Detail: "range " + p.text(r.X), Pos: p.position(r.Pos())}
		}
	}
	counters := p.counters(s)
	var found ast.Node
	look := func(e ast.Node) {
		for obj := range counters {
			if s.file.mentions(e, obj) {
				found = e
			}
		}
	}
	ast.Inspect(s.loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			look(n.Cond)
		case *ast.ForStmt:
			if n.Cond != nil {
				look(n.Cond)
			}
		case *ast.SwitchStmt:
			if n.Tag != nil {
				look(n.Tag)
			}
		case *ast.CaseClause:
			for _, e := range n.List {
				look(e)
			}
		case *ast.CommClause:
			if n.Comm != nil {
				look(n.Comm)
			}
		case *ast.CallExpr: // how long to wait, and for whom
			if s.trace.clocks[n] != nil || p.isClockCall(s, n) {
				look(n)
			}
		}
		return true
	})
	if found != nil {
		return &finding.Reason{Code: finding.AttemptCounter, Detail: p.text(found), Pos: p.position(found.Pos())}
	}
	return nil
}

// counters returns the variables and fields that a round counts up, and what is computed
// from them.
func (p *program) counters(s *site) map[types.Object]bool {
	counters := map[types.Object]bool{}
	ast.Inspect(s.loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IncDecStmt:
			counters[s.trace.variable(n.X)] = true
			if sel, ok := ast.Unparen(n.X).(*ast.SelectorExpr); ok {
				counters[s.file.objectOf(sel.Sel)] = true
			}
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				obj := s.trace.variable(l)
				if obj == nil || n.Tok == token.DEFINE {
					continue
				}
				if n.Tok != token.ASSIGN || len(n.Rhs) == len(n.Lhs) && s.file.mentions(n.Rhs[i], obj) {
					counters[obj] = true
				}
			}
		}
		return true
	})
	delete(counters, nil)
	// What is computed from a counter counts too.
	for grown := true; grown; {
		grown = false
		ast.Inspect(s.loop, func(n ast.Node) bool {
			var lhs, rhs []ast.Expr
			switch n := n.(type) {
			case *ast.AssignStmt:
				lhs, rhs = n.Lhs, n.Rhs
			case *ast.ValueSpec:
				rhs = n.Values
				for _, name := range n.Names {
					lhs = append(lhs, name)
				}
			}
			for i, l := range lhs {
				obj := s.trace.variable(l)
				for j, r := range rhs {
					if obj == nil || counters[obj] || len(lhs) == len(rhs) && i != j {
						continue
					}
					for c := range counters {
						if s.file.mentions(r, c) {
							counters[obj], grown = true, true
						}
					}
				}
			}
			return true
		})
	}
	return counters
}

// mentions reports whether n uses the variable or field obj.
func (f *file) mentions(n ast.Node, obj types.Object) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && f.objectOf(id) == obj {
			found = true
		}
		return !found
	})
	return found
}
