package rewrite

import (
	"go/ast"
	"slices"
	"sort"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/proof"
	"etcdmod/rewrite/internal/source"
)

// A proposal is a finding with what has been proved about it, while its tier is chosen.
type proposal struct {
	*finding.Finding
	prog       *source.Program
	site       *loop.Site        // nil for a finding about a comment
	component  *flow.Component   // of the first mutex
	components []*flow.Component // of all; none where they are the helper's already
	client     string            // import path of package concurrency
	replaced   []replacement
	beside     bool            // it stands beside the finding that the loop falls under otherwise
	gated      bool            // proved
	collapsed  *proof.Collapse // proved
}

// names reports whether something that names the mutex is where within says.
func (p *proposal) names(within func(name string, n ast.Node) bool) bool {
	for _, c := range p.components {
		for _, s := range c.Node.Spelled {
			if within(s.File.Name, s.Sel) {
				return true
			}
		}
	}
	return false
}

// sortFindings puts findings in the order of the source.
func sortFindings(fs []*proposal) {
	sort.SliceStable(fs, func(i, j int) bool {
		a, b := fs[i].Pos, fs[j].Pos
		if a.Filename != b.Filename {
			return a.Filename < b.Filename
		}
		return a.Offset < b.Offset
	})
}

// identify gives each finding an ID that stays as long as the rule, the function and the
// order of the findings in it do.
func identify(all []*proposal) {
	sorted := slices.Clone(all)
	sortFindings(sorted)
	ids := finding.IDs{}
	for _, f := range sorted {
		f.ID = ids.Next(f.Rule, f.Package, f.Func)
	}
}

// selected returns the findings that are wanted.
func selected(in *source.Input, all []*proposal) (out []*proposal) {
	for _, f := range all {
		if in.Selected == nil || in.Selected(f.Package) {
			out = append(out, f)
		}
	}
	return out
}

// public returns the findings without what is known about them here alone.
func public(all []*proposal) (out []*finding.Finding) {
	for _, f := range all {
		out = append(out, f.Finding)
	}
	return out
}
