package rewrite

import (
	"cmp"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/proof"
	"etcdmod/rewrite/internal/source"
)

// propose chooses the strongest tier that is proved for a loop, and no stronger one than its
// rule allows.
func propose(p *loop.Finder, f *proposal, r *rule, c *candidate) {
	f.components, f.client = c.components, p.Served()
	if len(c.components) > 0 {
		f.component, f.client = c.components[0], c.components[0].Path
	}
	var why []finding.Reason
	if r.guard != nil { // what the loop is about says more than what its types go through
		f.replaced, why = r.guard(p, c)
	}
	for _, call := range f.replaced {
		if blocked := call.in().Blocked; blocked != nil && !slices.Contains(why, *blocked) {
			why = append(why, *blocked)
		}
	}
	if m := c.refusal(); m != nil {
		why = append(why, m.Reasons...)
	}
	if len(why) > 0 {
		f.Refused = why
		return
	}
	for _, component := range c.components {
		f.Exported = append(f.Exported, component.Exported...)
	}
	if r.guard != nil {
		f.client = cmp.Or(c.client, f.client)
		f.Tier = finding.Collapse // but for the rule
	} else {
		f.Tier, f.NotHigher = prove(p, f, c.Site)
	}
	// Where the rule allows nothing more, whatever keeps this loop from it besides is beside the point.
	if f.Tier > r.top || f.Tier == r.top && r.ceiling != "" {
		f.Tier, f.NotHigher = r.top, r.capped()
	}
	if r.noGate {
		f.Missed = finding.Collapse
	}
}

// prove returns the strongest tier that is proved, and why that is not the next one up.
func prove(p *loop.Finder, f *proposal, s *loop.Site) (finding.Tier, *finding.Reason) {
	why := proof.Gate(s)
	paced := why == nil
	var unfit *finding.Reason // why the loop keeps its own clock
	if paced {
		unfit = cmp.Or(proof.NeverStopped(s), proof.Present(s))
	}
	f.gated = paced && unfit == nil && p.In.Offers(helper.Clocks)
	tier := finding.Guard
	if f.gated {
		tier = finding.Gate
	}
	if !paced && why.Code != finding.WatchNotPaced {
		return tier, why
	}
	c, stays := proof.CollapseOf(p.Flow, s)
	if stays == nil {
		f.collapsed = c
		return finding.Collapse, waitWith(p, c)
	}
	switch {
	case unfit != nil:
		stays = unfit
	case paced && !f.gated:
		stays = &finding.Reason{Code: finding.HelperNoClocks, Detail: p.In.HelperImport()}
	}
	return tier, stays
}

// proofs are those that a tier above guard needs. One alone is for tests: each has to be right
// without the other.
type proofs int

const (
	bothProofs proofs = iota
	firstProof
	secondProof
)

// draft proposes every edit of a loop that can be made, for the second proof to judge alone.
func draft(fl *flow.Flow, f *proposal) {
	if f.Tier == finding.Refuse || len(f.replaced) > 0 {
		return
	}
	f.gated, f.collapsed = proof.DraftGate(f.site), proof.DraftCollapse(fl, f.site)
	switch f.Tier, f.NotHigher = finding.Guard, nil; {
	case f.collapsed != nil:
		f.Tier = finding.Collapse
	case f.gated:
		f.Tier = finding.Gate
	}
}

// waitWith chooses what the collapse c waits with. It returns why that is not what was asked
// for, if so.
func waitWith(p *loop.Finder, c *proof.Collapse) *finding.Reason {
	if p.In.Strategy != source.LockStrategy {
		return nil
	}
	if c.Retry {
		return &finding.Reason{Code: finding.RetriesErrors, Pos: p.Position(c.Site.Tries[0].Pos())}
	}
	c.Lock = true
	return nil
}
