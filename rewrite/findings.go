package rewrite

import (
	"go/ast"
	"sort"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// An analysis finds and judges what one build configuration has.
type analysis struct {
	*finder
	guarded []*site // that try a mutex of the helper
}

// findings finds everything that the rules of this package are about.
func (p *analysis) findings() (out []*proposal) {
	add := func(f *proposal) {
		if f != nil {
			out = append(out, f)
		}
	}
	for _, s := range p.sites(tryLocks(p.functions)) {
		add(p.finding(s))
		add(perTry(s))
	}
	if p.In.Helper != nil || len(p.In.HelperFiles) > 0 { // a guard does not spare the lease
		p.guarded = p.sites(helperTryLocks(p.functions))
		for _, s := range p.guarded {
			add(perTry(s))
		}
	}
	for _, s := range p.sites(timedLocks(p.functions)) {
		if s.polls() {
			add(refused(s, "timed-lock", lockEachTry(s), finding.LockWrites, s.attempts()[0].node))
		}
	}
	txn := txns{p.functions}
	for _, s := range p.sites(creations(p.functions)) {
		if at := txn.polled(s); at != nil {
			add(refused(s, "txn-poll", txnEachTry(s), finding.HandRolled, at))
		}
	}
	sortFindings(out)
	return out
}

// found makes the finding of a site, with all but its rule and its tier.
func found(s *site) *proposal {
	return &proposal{Finding: &finding.Finding{
		Pos:     s.Position(s.loop.Pos()),
		Func:    s.name,
		Package: s.file.Pkg.PkgPath,
		Path:    frames(s),
	}, prog: s.Program, site: s}
}

// refused makes the finding of a site that is reported and left as it is.
func refused(s *site, rule, message string, code finding.Code, at ast.Node) *proposal {
	f := found(s)
	f.Rule, f.Message = rule, message
	f.Refused = []finding.Reason{{Code: code, Detail: source.FirstLine(s.Text(at)), Pos: s.Position(at.Pos())}}
	return f
}

// attempts returns the calls that a site retries: in its loop, or at the ends of the ways
// that lead out of it.
func (s *site) attempts() (out []hop) {
	if len(s.calls) > 0 {
		return s.ends
	}
	for _, call := range s.tries {
		out = append(out, hop{file: s.file, node: call})
	}
	return out
}

// polls tells a loop that retries an attempt from one that happens to make it, such as
// one that serves requests: a clock paces it, or only success ends it, or a round that
// failed does nothing else.
func (s *site) polls() bool {
	if s.paced() || s.repeated() {
		return true
	}
	ends, goesOn, idle := false, false, false
	for _, q := range s.outline() {
		switch {
		case q.outcome == won:
			ends = ends || q.end == broke || q.end == left
			goesOn = goesOn || q.end == next
		case q.outcome == locked && q.end == next:
			quiet := true
			for _, st := range q.steps {
				if st.kind == recv {
					quiet = false
				} else if st.kind == acts {
					ok, _ := s.inert(st.node)
					quiet = quiet && ok
				}
			}
			idle = idle || quiet
		}
	}
	return ends && !goesOn || idle
}

// repeated reports whether a library repeats the attempt, or a function that calls itself.
func (s *site) repeated() bool {
	_, ok := s.loop.(*ast.ExprStmt)
	return ok
}

// paced reports whether a clock paces the loop, here or in a function that it calls.
func (s *site) paced() bool {
	if s.pausing() != nil {
		return true
	}
	for _, c := range s.clock {
		if c.kind != watchClock {
			return true
		}
	}
	return false
}

// callee returns what a call calls, or the expression itself.
func callee(e ast.Expr) ast.Expr {
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		return call.Fun
	}
	return e
}

func sortFindings(fs []*proposal) {
	sort.SliceStable(fs, func(i, j int) bool {
		a, b := fs[i].Pos, fs[j].Pos
		if a.Filename != b.Filename {
			return a.Filename < b.Filename
		}
		return a.Offset < b.Offset
	})
}

// kind tells which rule a site that tries falls under, and describes it. What is worst
// comes first: a storm and a spin write without end, a loop that goes on after success
// does so in every replica for ever, and the others end with the lock.
func kind(s *site) (rule, message string) {
	if len(s.calls) == 0 {
		switch {
		case s.watches():
			return "watch-storm", watchStorm(s)
		case len(s.clock) == 0 && !s.blocks():
			return "trylock-spin", trylockSpin(s)
		}
	}
	switch paths := s.outline(); {
	case s.repeated() && isRepeater(s.Program, s.file.Callee(s.calls[0])) && s.releases(nil):
		return "periodic-job", periodicJob(s)
	case s.goesOn(paths) && s.releases(paths):
		return "periodic-job", periodicJob(s)
	case s.goesOn(paths) && len(s.trail) < 3 && s.heeds() && !s.standsBy(): // further away, nobody knows what success is
		return "leader-check", leaderCheck(s)
	case s.limit(paths) != "":
		return "bounded-retry", boundedRetry(s, s.limit(paths))
	}
	return "trylock-poll", trylockPoll(s)
}
