package rewrite

import (
	"slices"
	"sort"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// An analysis finds and judges what one build configuration has.
type analysis struct {
	*loop.Finder
	guarded []*loop.Site // that try a mutex of the helper
}

// findings finds everything that the rules of this package are about.
func (p *analysis) findings() (out []*proposal) {
	for _, t := range searches() {
		if t.helper && p.In.Helper == nil && len(p.In.HelperFiles) == 0 {
			continue
		}
		sites := p.Sites(t.attempt(p.Functions))
		if t.helper {
			p.guarded = append(p.guarded, sites...)
		}
		all := make([]*candidate, len(sites))
		for i, s := range sites {
			all[i] = &candidate{Site: s, beside: all}
			if t.calls != nil {
				all[i].components = p.componentsOf(t.calls(p.Program, s))
			}
		}
		for _, c := range all {
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
		f := found(c.Site)
		f.Rule, f.Message = r.id, m.message
		if r.code != "" {
			f.Refused = []finding.Reason{{Code: r.code, Detail: source.FirstLine(c.Text(m.at)), Pos: c.Position(m.at.Pos())}}
		} else {
			p.propose(f, r, c)
		}
		out = append(out, f)
	}
	if !matched && t.otherwise != "" {
		p.Judged.Dismiss(c.Node.Pos(), slices.Concat(c.Tries, c.Calls), t.otherwise, t.why)
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

func sortFindings(fs []*proposal) {
	sort.SliceStable(fs, func(i, j int) bool {
		a, b := fs[i].Pos, fs[j].Pos
		if a.Filename != b.Filename {
			return a.Filename < b.Filename
		}
		return a.Offset < b.Offset
	})
}
