package rewrite

import (
	"go/ast"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
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
func gate(s *site) *finding.Reason {
	at := func(code finding.Code, n ast.Node, detail string) *finding.Reason {
		return &finding.Reason{Code: code, Detail: detail, Pos: s.Position(n.Pos())}
	}
	switch {
	case len(s.calls) > 0:
		return at(finding.TriesThroughFn, s.calls[0], source.FirstLine(s.Text(s.calls[0].Fun)))
	case s.trace.bad != nil:
		return at(finding.ComplexFlow, s.trace.bad, "")
	case len(s.tries) > 1:
		return at(finding.SeveralTries, s.tries[1], "")
	case len(s.clock) == 0:
		return spin(s)
	case len(s.clock) > 1:
		return at(finding.SeveralClocks, s.clock[1].wait, source.FirstLine(s.Text(s.clock[1].wait)))
	}
	c := s.clock[0]
	if c.problem != nil {
		if c.kind == watchClock {
			return at(finding.WatchNotPaced, c.wait, "")
		}
		return c.problem
	}
	if r := counted(s); r != nil {
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
				if ok, _ := s.inert(st.node); !ok {
					return at(finding.WorkInLoop, st.node, source.FirstLine(s.Text(st.node)))
				}
				reset = reset || s.resets(st.node)
			case recv: // one more of them per release
				if q.waited > 0 {
					return at(finding.WorkInLoop, st.node, source.FirstLine(s.Text(st.node)))
				}
			}
		}
		if c.kind == timerClock && q.waited > 0 && !reset && !source.Within(c.made, s.loop) {
			return at(finding.UnknownClock, c.wait, "a timer that is not reset fires only once")
		}
	}
	if c.kind == watchClock {
		if r := fixedMutex(s, c, false); r != nil {
			return r
		}
		return at(finding.WatchNotPaced, c.wait, "")
	}
	if c.perWait && c.made != nil && len(c.made.Args) == 1 && !pure(s.file, c.made.Args[0]) {
		return at(finding.WorkInLoop, c.made.Args[0], s.Text(c.made.Args[0]))
	}
	if r := ownClock(s, c); r != nil {
		return r
	}
	// A channel that is made behind the try is for a mutex that has just been used.
	return fixedMutex(s, c, c.perWait || c.kind == afterClock && c.made.Pos() > s.tries[0].Pos())
}

// counted reports a loop that is bounded by a number of rounds, or whose rounds are
// told apart by a counter.
func counted(s *site) *finding.Reason {
	if r, ok := s.loop.(*ast.RangeStmt); ok {
		if _, isChan := source.Under(s.file.TypeOf(r.X)).(*types.Chan); !isChan {
			return &finding.Reason{Code: finding.AttemptCounter, Detail: "range " + s.Text(r.X), Pos: s.Position(r.Pos())}
		}
	}
	counters := s.counters()
	var found ast.Node
	look := func(e ast.Node) {
		for obj := range counters {
			if s.file.Mentions(e, obj) {
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
			if s.trace.clocks[n] != nil || s.isClockCall(n) {
				look(n)
			}
		}
		return true
	})
	if found != nil {
		return &finding.Reason{Code: finding.AttemptCounter, Detail: s.Text(found), Pos: s.Position(found.Pos())}
	}
	return nil
}
