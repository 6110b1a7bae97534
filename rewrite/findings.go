package rewrite

import (
	"go/ast"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// findings finds everything that the rules of this package are about.
func findings(p *loop.Finder) (out []*proposal, guarded []*loop.Site) {
	for _, t := range searches() {
		if t.helper && p.In.Helper == nil && len(p.In.HelperFiles) == 0 {
			continue
		}
		sites := p.Sites(t.attempt(p.Functions))
		if t.helper {
			guarded = append(guarded, sites...)
		}
		all := make([]*candidate, len(sites))
		for i, s := range sites {
			all[i] = &candidate{Site: s, beside: all}
			if t.calls != nil {
				all[i].components = componentsOf(p, t.calls(p.Program, s))
			}
		}
		for _, c := range all {
			out = append(out, fallsUnder(p, t, c)...)
		}
	}
	sortFindings(out)
	return out, guarded
}

// fallsUnder makes the findings of a loop: of the first rule that matches it, and of those that
// stand beside that.
func fallsUnder(p *loop.Finder, t *try, c *candidate) (out []*proposal) {
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
		f := found(c.Site)
		f.Rule, f.Message, f.beside = r.id, m.message, r.beside
		if r.code != "" {
			f.Refused = []finding.Reason{{Code: r.code, Detail: source.FirstLine(c.Text(m.at)), Pos: c.Position(m.at.Pos())}}
		} else {
			propose(p, f, r, c)
		}
		out = append(out, f)
	}
	if word, why := t.otherwise, t.why; !matched && word != "" {
		if word == finding.PerRequest && !loop.SeesResult(c.Site) && !loop.ServesOthers(c.Site) {
			word, why = finding.Unknown, "the loop does not see what came of the call itself, and what makes it go round is not known"
		}
		p.Judged.Dismiss(c.Node.Pos(), slices.Concat(c.Tries, c.Calls), word, why)
	}
	return out
}

// found makes the finding of a site, with all but its rule and its tier.
func found(s *loop.Site) *proposal {
	return &proposal{Finding: &finding.Finding{
		Pos:     s.Position(s.Node.Pos()),
		Func:    s.Name,
		Package: s.File.Pkg.PkgPath,
		Path:    frames(s),
	}, prog: s.Program, site: s}
}

// componentsOf returns the components of all mutexes that calls ask for, the first one first.
func componentsOf(p *loop.Finder, calls []loop.Hop) []*flow.Component {
	var out []*flow.Component
	seen := map[*flow.Component]bool{}
	for _, h := range calls {
		if p.IsHelperMutex(h.File.TypeOf(h.Mutex())) {
			continue
		}
		if c := p.Flow.ComponentOf(h.File, h.Node, h.Mutex()); !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out
}

// frames returns the calls on the way from a site to TryLock, and after them those on the
// ways to other mutexes.
func frames(s *loop.Site) (out []finding.Frame) {
	frame := func(n ast.Expr) finding.Frame {
		return finding.Frame{Pos: s.Position(n.Pos()), Call: source.FirstLine(s.Text(source.Fun(n)))}
	}
	for _, h := range s.Chain {
		out = append(out, frame(h.Node))
	}
	for i, way := range s.Ways {
		if i == 0 {
			continue // the trail
		}
		for _, h := range way {
			out = append(out, frame(h.Node))
		}
	}
	for _, call := range s.Tries {
		out = append(out, frame(call))
	}
	return out
}
