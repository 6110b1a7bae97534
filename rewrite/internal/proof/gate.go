package proof

import (
	"cmp"
	"go/ast"
	"go/token"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// Gate judges whether the clock of a loop may be swapped for the mutex's own:
//
//	ticker := time.NewTicker(d)   =>   ticker := mu.NewTicker(d)
//
// Safety argument. The helper's clock fires at the old times, and once more, early, when
// the lock that the last try met has been released. A ticker keeps its phase, so that the
// rewritten loop makes every round that the old one made, at the same time; where each wait
// is counted from the try before it, the rounds after an early one come that much earlier,
// at the old distance. Either way there is one round more per release and none less. That
// one is harmless if a round does nothing but try, wait, log and count (the inert steps
// below), and runs no code that is told of it (telling), if success leaves the loop, and if no
// attempt is counted, by the loop or by others.
// The clock must be for this mutex at all times: the mutex is there before the clock is made and
// is not replaced.
//
// Gate returns why the clock of s must stay, or nil.
func Gate(s *loop.Site) *finding.Reason {
	at := func(code finding.Code, n ast.Node, detail string) *finding.Reason {
		return &finding.Reason{Code: code, Detail: detail, Pos: s.Position(n.Pos())}
	}
	switch {
	case len(s.File.Pkg.TypeErrors) > 0: // what it calls, and who calls it, is not known
		return at(finding.Untyped, s.Node, "the package does not type-check: "+s.File.Pkg.TypeErrors[0].Msg)
	case len(s.Calls) > 0:
		return at(finding.TriesThroughFn, s.Calls[0], source.FirstLine(s.Text(s.Calls[0].Fun)))
	case s.Walker.Bad != nil:
		return at(finding.ComplexFlow, s.Walker.Bad, "")
	case len(s.Tries) > 1:
		return at(finding.SeveralTries, s.Tries[1], "")
	}
	for _, a := range s.Tries[0].Args {
		if !loop.Pure(s.File, a) && !loop.IsContextCall(s.File, a) {
			return at(finding.WorkInLoop, a, source.FirstLine(s.Text(a)))
		}
	}
	if r := cmp.Or(telling(s), redrawn(s)); r != nil {
		return r
	}
	switch {
	case len(s.Clocks) == 0:
		return spin(s)
	case len(s.Clocks) > 1:
		return at(finding.SeveralClocks, s.Clocks[1].Wait, source.FirstLine(s.Text(s.Clocks[1].Wait)))
	}
	c := s.Clocks[0]
	if c.Problem != nil {
		if c.Kind == loop.Watch {
			return at(finding.WatchNotPaced, c.Wait, "")
		}
		return c.Problem
	}
	if r := cmp.Or(counted(s), waitsAgain(s)); r != nil {
		return r
	}
	var instead *finding.Reason // of a wait
	for _, q := range s.Paths {
		switch {
		case q.Outcome == loop.Won && (q.End == loop.Next || q.End == loop.Outward && isContinue(q.EndStmt)):
			return at(finding.SuccessLoops, s.Tries[0], "")
		case q.End == loop.Outward && !forGood(s, q.EndStmt):
			return at(finding.ComplexFlow, q.EndStmt, "it leaves for an outer loop")
		case q.End != loop.Next:
			continue
		case q.Outcome == loop.Untried && q.Waited > 0:
			return at(finding.ClockShared, c.Wait, "a round may wait without a try")
		}
		reset := false
		for _, st := range q.Steps {
			switch st.Kind {
			case loop.Acts:
				if ok, _ := s.Inert(st.Node); !ok {
					return at(finding.WorkInLoop, st.Node, source.FirstLine(s.Text(st.Node)))
				}
				reset = reset || s.Resets(st.Node)
			case loop.Receives: // one more of them per release
				r := at(finding.WorkInLoop, st.Node, source.FirstLine(s.Text(st.Node)))
				if q.Waited > 0 {
					return r
				}
				instead = cmp.Or(instead, r)
			}
		}
		if c.Kind == loop.Timer && q.Waited > 0 && !reset && !source.Within(c.Made, s.Node) {
			return at(finding.UnknownClock, c.Wait, "a timer that is not reset fires only once")
		}
	}
	if instead != nil {
		return instead
	}
	if c.Kind == loop.Watch {
		if r := fixedMutex(s, c, false); r != nil {
			return r
		}
		return at(finding.WatchNotPaced, c.Wait, "")
	}
	if c.PerWait && c.Made != nil && len(c.Made.Args) == 1 && !loop.Pure(s.File, c.Made.Args[0]) {
		return at(finding.WorkInLoop, c.Made.Args[0], s.Text(c.Made.Args[0]))
	}
	if r := ownClock(s, c); r != nil {
		return r
	}
	// A channel that is made behind the try is for a mutex that has just been used.
	return cmp.Or(fixedMutex(s, c, c.PerWait || c.Kind == loop.After && c.Made.Pos() > s.Tries[0].Pos()), noticed(s), measured(s))
}

func isContinue(s ast.Stmt) bool {
	b, ok := s.(*ast.BranchStmt)
	return ok && b.Tok == token.CONTINUE
}

// forGood reports whether a branch to a label around the loop leaves what that stands at, too.
func forGood(s *loop.Site, st ast.Stmt) bool {
	b, ok := st.(*ast.BranchStmt)
	if !ok || b.Label == nil {
		return false
	}
	label := s.File.ObjectOf(b.Label)
	return b.Tok == token.BREAK || b.Tok == token.GOTO && label != nil && label.Pos() > s.Node.End()
}

// waitsAgain reports a second wait between two tries. The clock fires early once per release: where
// no try follows that, the tries come one tick earlier from then on, and none comes at the release.
func waitsAgain(s *loop.Site) *finding.Reason {
	at := func(n ast.Node) *finding.Reason {
		return &finding.Reason{Code: finding.SeveralClocks, Detail: "it waits again before the next try: " + source.FirstLine(s.Text(n)), Pos: s.Position(n.Pos())}
	}
	var before, behind ast.Node // the try of their round, which goes on in the second case
	for _, q := range s.Paths {
		waits := map[bool]ast.Node{}
		for _, st := range q.Steps {
			if st.Kind != loop.Waits {
				continue
			}
			if waits[st.After] != nil {
				return at(st.Node)
			}
			waits[st.After] = st.Node
		}
		if waits[false] != nil {
			before = waits[false]
		}
		if waits[true] != nil && q.End == loop.Next {
			behind = waits[true]
		}
	}
	if before != nil && behind != nil {
		return at(behind)
	}
	return nil
}
