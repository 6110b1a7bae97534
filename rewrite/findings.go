package rewrite

import (
	"go/ast"
	"slices"
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
	for _, t := range searches() {
		if t.helper && p.In.Helper == nil && len(p.In.HelperFiles) == 0 {
			continue
		}
		sites := p.sites(t.attempt(p.functions))
		if t.helper {
			p.guarded = sites
		}
		for _, s := range sites {
			c := &candidate{site: s}
			if t == tryLock {
				c.components = p.componentsOf(s)
			}
			out = append(out, p.judge(t, c)...)
		}
	}
	sortFindings(out)
	return out
}

// judge makes the findings of a loop: of the first rule that matches it, and of those that
// stand beside that.
func (p *analysis) judge(t *try, c *candidate) (out []*proposal) {
	matched := false
	for _, r := range rules {
		if !slices.Contains(r.tries, t) || matched && !r.beside {
			continue
		}
		m := r.match(c)
		if m == nil {
			continue
		}
		matched = matched || !r.beside
		f := found(c.site)
		f.Rule, f.Message = r.id, m.message
		if r.code != "" {
			f.Refused = []finding.Reason{{Code: r.code, Detail: source.FirstLine(c.Text(m.at)), Pos: c.Position(m.at.Pos())}}
		} else {
			p.propose(f, r, c)
		}
		out = append(out, f)
	}
	if !matched && t.otherwise != "" {
		p.judged.dismiss(c.loop.Pos(), slices.Concat(c.tries, c.calls), t.otherwise, t.why)
	}
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

func sortFindings(fs []*proposal) {
	sort.SliceStable(fs, func(i, j int) bool {
		a, b := fs[i].Pos, fs[j].Pos
		if a.Filename != b.Filename {
			return a.Filename < b.Filename
		}
		return a.Offset < b.Offset
	})
}
