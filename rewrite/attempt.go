package rewrite

import (
	"go/ast"
	"go/types"
	"sort"

	"etcdmod/internal/finding"
)

// An attempt is something that asks for a lock and may fail, so that a loop may retry it.
type attempt struct {
	is    func(*program, *file, *ast.CallExpr) bool
	timed bool // it fails with context.DeadlineExceeded where another holder is in its way
}

// What loops retry.
var (
	tryLocks   = &attempt{is: func(_ *program, f *file, call *ast.CallExpr) bool { return f.isTryLock(call) }}
	guarded    = &attempt{is: (*program).isHelperTryLock}
	timedLocks = &attempt{is: (*program).isTimedLock, timed: true}
	creations  = &attempt{is: (*program).isCreation}
)

// findings finds everything that the rules of this package are about.
func (p *program) findings() (out []*proposal) {
	add := func(f *proposal) {
		if f != nil {
			out = append(out, f)
		}
	}
	for _, s := range p.sites(tryLocks) {
		add(p.finding(s))
		add(p.perTry(s))
	}
	if p.in.Helper != nil || len(p.in.HelperFiles) > 0 { // a guard does not spare the lease
		p.guarded = p.sites(guarded)
		for _, s := range p.guarded {
			add(p.perTry(s))
		}
	}
	for _, s := range p.sites(timedLocks) {
		add(p.timedLock(s))
	}
	for _, s := range p.sites(creations) {
		add(p.txnPoll(s))
	}
	sortFindings(out)
	return out
}

// found makes the finding of a site, with all but its rule and its tier.
func (p *program) found(s *site) *proposal {
	return &proposal{Finding: &finding.Finding{
		Pos:     p.position(s.loop.Pos()),
		Func:    s.name,
		Package: s.file.pkg.PkgPath,
		Path:    p.frames(s),
	}, prog: p, site: s}
}

// refused makes the finding of a site that is reported and left as it is.
func (p *program) refused(s *site, rule, message string, code finding.Code, at ast.Node) *proposal {
	f := p.found(s)
	f.Rule, f.Message = rule, message
	f.Refused = []finding.Reason{{Code: code, Detail: firstLine(p.text(at)), Pos: p.position(at.Pos())}}
	return f
}

// isHelperTryLock reports whether call calls TryLock of the helper package.
func (p *program) isHelperTryLock(f *file, call *ast.CallExpr) bool {
	fn, ok := f.callee(call).(*types.Func)
	return ok && fn.Name() == "TryLock" && fn.Signature().Recv() != nil && p.isHelperMutex(fn.Signature().Recv().Type())
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
func (p *program) polls(s *site) bool {
	if p.paced(s) || s.repeated() {
		return true
	}
	ends, goesOn, idle := false, false, false
	for _, q := range p.outline(s) {
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
					ok, _ := p.inert(s, st.node)
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
func (p *program) paced(s *site) bool {
	if p.pausing(s) != nil {
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
