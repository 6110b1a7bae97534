package rewrite

import (
	"fmt"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// Build configurations.
//
// The same source is another program on another system, or with other tags: a loop in a
// file for all may call a function that has a body for each. So every configuration is a
// program with types of its own, and loops are found and judged in each. A finding has the
// tier that holds in all of them. What mutexes flow through is one graph: the
// configurations share their syntax trees, so that a declaration has the same position in
// all, and what one of them joins is joined.

// merge joins what the configurations found, as [found by program].
func merge(programs []*source.Program, found [][]*proposal) []*proposal {
	if len(programs) == 1 {
		return found[0]
	}
	byLoop := map[string][]*proposal{}
	var loops []string
	for _, fs := range found {
		ordinal := map[string]int{}
		for _, f := range fs {
			at := fmt.Sprintf("%s:%d", f.Pos.Filename, f.Pos.Offset)
			if f.components == nil || f.beside { // only reported, or beside another one
				at += ":" + f.Rule
			}
			ordinal[at]++
			key := fmt.Sprintf("%s:%d", at, ordinal[at])
			if byLoop[key] == nil {
				loops = append(loops, key)
			}
			byLoop[key] = append(byLoop[key], f)
		}
	}
	var out []*proposal
	for _, key := range loops {
		out = append(out, join(programs, byLoop[key]))
	}
	sortFindings(out)
	return out
}

// join makes one finding of those of the same loop in several configurations: the one of
// the first, with the tier that holds in all that have the file.
func join(programs []*source.Program, fs []*proposal) *proposal {
	f := fs[0]
	tried := map[*source.Program]bool{}
	var differ *finding.Reason
	unlike := func(p *source.Program, format string, args ...any) {
		if differ == nil {
			differ = &finding.Reason{Code: finding.ConfigsDiffer, Detail: fmt.Sprintf(format, args...) + " in " + p.Name, Pos: f.Pos}
		}
	}
	tier, kept := f.Tier, f.NotHigher
	gated, collapsed := f.gated, f.collapsed
	for _, g := range fs {
		tried[g.prog] = true
		for _, c := range g.components {
			if !slices.Contains(f.components, c) {
				f.components = append(f.components, c)
			}
		}
		for _, r := range g.replaced {
			if file := f.prog.ByName[r.in().Name]; file != nil && !slices.Contains(f.replaced, r.moved(file)) {
				f.replaced = append(f.replaced, r.moved(file))
			}
		}
		for _, r := range g.Refused {
			if !slices.Contains(f.Refused, r) {
				f.Refused = append(f.Refused, r)
			}
		}
		if g.Rule != f.Rule {
			unlike(g.prog, "it is %s", g.Rule)
		}
		if gated = gated && g.gated; gated && !sameClock(f.site, g.site) {
			gated = false
			unlike(g.prog, "it waits in another way")
		}
		if g.collapsed == nil || collapsed != nil && !collapsed.Same(g.collapsed) {
			collapsed = nil
		}
		if g.Tier < tier {
			tier, kept = g.Tier, at(g.NotHigher, g.prog)
		}
	}
	for _, p := range programs {
		if p.ByName[f.site.File.Name] != nil && !tried[p] {
			unlike(p, "it does not poll")
		}
	}
	if len(f.Refused) > 0 {
		f.Tier, f.NotHigher, f.collapsed = finding.Refuse, nil, nil
		return f
	}
	f.gated, f.collapsed = gated && differ == nil, collapsed
	proved := finding.Guard
	switch {
	case differ == nil && collapsed != nil:
		proved = finding.Collapse
	case f.gated:
		proved = finding.Gate
	}
	if f.Tier, f.NotHigher = tier, kept; proved < tier {
		if differ == nil {
			differ = &finding.Reason{Code: finding.ConfigsDiffer, Detail: "what would come in its place is not the same everywhere", Pos: f.Pos}
		}
		f.Tier, f.NotHigher = proved, differ
	}
	if f.Tier < finding.Collapse {
		f.collapsed = nil
	}
	return f
}

// at says in which configuration a reason holds.
func at(r *finding.Reason, p *source.Program) *finding.Reason {
	if r == nil {
		return nil
	}
	q := *r
	if q.Detail != "" {
		q.Detail += " "
	}
	q.Detail += "(" + p.Name + ")"
	return &q
}

// sameClock reports whether a gate of two sites makes the same edit.
func sameClock(a, b *loop.Site) bool {
	if len(a.Clocks) != len(b.Clocks) || a.Mutex() != b.Mutex() {
		return false
	}
	for i, k := range a.Clocks {
		l := b.Clocks[i]
		if k.Kind != l.Kind || k.Made != l.Made || !slices.Equal(k.Places, l.Places) {
			return false
		}
	}
	return true
}
