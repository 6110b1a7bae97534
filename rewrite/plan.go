package rewrite

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/edit"
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
	replaced   []replaced
	gated      bool            // proved
	collapsed  *proof.Collapse // proved
}

// Lower takes the next weaker tier that is proved, for the given reason. A refusal
// concerns everything that the same mutex flows through.
func (pl *Plan) Lower(f *finding.Finding, why finding.Reason) {
	for _, p := range pl.proposals {
		if p.Finding == f {
			pl.lower(p, why)
		}
	}
}

func (pl *Plan) lower(f *proposal, why finding.Reason) {
	switch {
	case f.Tier == finding.Collapse && f.gated:
		f.Tier = finding.Gate
	case f.Tier > finding.Guard:
		f.Tier = finding.Guard
	case f.Tier == finding.Guard:
		for _, g := range pl.proposals {
			if (g == f || f.component != nil && g.component == f.component) && g.Tier != finding.Refuse {
				g.Refuse(append(g.Refused, why)...)
			}
		}
		return
	}
	f.NotHigher = &why
}

// Touching returns the findings that change something in the top-level declaration around a
// line of a file as it is: those whose loops there change by more than the types of mutexes,
// else all that change a type there.
func (pl *Plan) Touching(file string, line int) (out []*finding.Finding) {
	f := pl.p.ByName[file]
	if f == nil {
		return nil
	}
	for _, d := range f.Syntax.Decls {
		first, last := pl.p.Position(d.Pos()).Line, pl.p.Position(d.End()).Line
		if line < first || line > last {
			continue
		}
		within := func(name string, n ast.Node) bool {
			at := pl.p.Position(n.Pos()).Line
			return name == file && first <= at && at <= last
		}
		var loops, types []*finding.Finding
		for _, p := range pl.proposals {
			switch {
			case p.Tier == finding.Refuse:
			case p.Tier > finding.Guard && within(p.site.File.Name, p.site.Node):
				loops = append(loops, p.Finding)
			case p.names(within):
				types = append(types, p.Finding)
			}
		}
		if out = append(out, loops...); len(loops) == 0 {
			out = append(out, types...)
		}
	}
	return out
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

// Limit caps the tier of every finding.
func (pl *Plan) Limit(max finding.Tier) {
	for _, f := range pl.proposals {
		for f.Tier > max && f.Tier > finding.Guard {
			pl.lower(f, finding.Reason{Code: finding.TierCapped, Detail: "at most " + max.String()})
		}
	}
}

// Select leaves out the findings that are not wanted, and returns how many these are. What a
// mutex flows through changes with it all the same where another finding is about that mutex
// too, as it does beside an ignored one.
func (pl *Plan) Select(wanted func(*finding.Finding) bool) int {
	before := len(pl.proposals)
	pl.proposals = slices.DeleteFunc(pl.proposals, func(p *proposal) bool { return !wanted(p.Finding) })
	pl.Findings = public(pl.proposals)
	return before - len(pl.proposals)
}

// A Plan holds the findings of a module with the tiers that are proved for them.
type Plan struct {
	Findings []*finding.Finding
	Ignored  []*finding.Finding // as comments in the source ask for
	Tries    []finding.Try      // all of them, each with a finding or a verdict

	p         *source.Program
	proposals []*proposal // those of Findings
	analyses  []*analysis // one for each build configuration
	settled   *settled    // what Changes has returned, or nil
}

// Analyze finds the polling sites of a module and chooses their tiers.
func Analyze(in *source.Input) *Plan {
	all, configs := source.Load(in)
	pl := &Plan{p: all}
	fl := flow.New(all, configs)
	found := make([][]*proposal, len(configs))
	var guarded []*loop.Site
	analyses := make([]*analysis, len(configs))
	for i, p := range configs {
		a := &analysis{Finder: &loop.Finder{Functions: loop.NewFunctions(p), Flow: fl, Judged: loop.Judgements{}, Stops: map[token.Pos]bool{}}}
		analyses[i] = a
		found[i] = a.findings()
		guarded = append(guarded, a.guarded...)
	}
	pl.analyses = analyses
	kept, ignored := ignore(all, merge(configs, found), guarded)
	identify(slices.Concat(kept, ignored))
	pl.Tries = accounts(in, analyses, found, slices.Concat(kept, ignored))
	pl.proposals = selected(in, kept)
	pl.Findings, pl.Ignored = public(pl.proposals), public(selected(in, ignored))
	polled := map[*flow.Component]bool{} // by what is no test
	for _, f := range kept {
		if f.site != nil && !f.site.File.Test {
			for _, c := range f.components {
				polled[c] = true
			}
		}
	}
	pl.onlyTests(polled)
	pl.helperFits()
	pl.oneClient()
	pl.helperTaken()
	return pl
}

// identify gives each finding an ID that stays as long as the rule, the function and the
// order of the findings in it do.
func identify(all []*proposal) {
	sorted := slices.Clone(all)
	sortFindings(sorted)
	count := map[string]int{}
	for _, f := range sorted {
		key := strings.Join([]string{f.Rule, f.Package, f.Func}, "\x00")
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, count[key]))
		count[key]++
		f.ID = hex.EncodeToString(sum[:6])
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

// onlyTests refuses what would change the program for the sake of a test: a mutex of
// the program that nothing but tests polls.
func (pl *Plan) onlyTests(polled map[*flow.Component]bool) {
	for _, f := range pl.proposals {
		if f.Tier == finding.Refuse {
			continue
		}
		for _, c := range f.components {
			if polled[c] {
				continue
			}
			for _, s := range c.Node.Spelled {
				if !s.File.Test && f.Tier > finding.Refuse {
					f.Refuse(finding.Reason{Code: finding.OnlyTests, Pos: pl.p.Position(s.Sel.Pos())})
				}
			}
		}
	}
}

// propose chooses the strongest tier that is proved for a loop, and no stronger one than its
// rule allows.
func (p *analysis) propose(f *proposal, r *rule, c *candidate) {
	f.components, f.client = c.components, p.Served()
	if len(c.components) > 0 {
		f.component, f.client = c.components[0], c.components[0].Path
	}
	var why []finding.Reason
	if r.guard != nil { // what the loop is about says more than what its types go through
		f.replaced, why = r.guard(p, c)
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
		f.Tier, f.NotHigher = p.prove(f, c.Site)
	}
	if f.Tier > r.top {
		f.Tier, f.NotHigher = r.top, &finding.Reason{Code: finding.TierCapped, Detail: r.id + " gets at most " + r.top.String()}
	}
	if r.noGate {
		f.Missed = finding.Collapse
	}
}

// prove returns the strongest tier that is proved, and why that is not the next one up.
func (p *analysis) prove(f *proposal, s *loop.Site) (finding.Tier, *finding.Reason) {
	why := proof.Gate(s)
	paced := why == nil
	var unfit *finding.Reason // why the loop keeps its own clock
	if paced {
		unfit = cmp.Or(proof.NeverStopped(s), proof.Present(s))
	}
	f.gated = paced && unfit == nil && p.In.HasClocks()
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
		return finding.Collapse, p.waitWith(c)
	}
	switch {
	case unfit != nil:
		stays = unfit
	case paced && !f.gated:
		stays = &finding.Reason{Code: finding.HelperNoClocks, Detail: p.In.HelperImport()}
	}
	return tier, stays
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

// oneClient refuses what uses another client module than the helper that is there, or else
// than most: one helper package serves one client.
func (pl *Plan) oneClient() {
	count := map[string]int{}
	for _, f := range pl.proposals {
		if f.Tier > finding.Refuse {
			count[f.client]++
		}
	}
	best := pl.p.Served()
	if best == "" && len(count) < 2 {
		return
	}
	for _, p := range pl.p.Concurrency {
		if pl.p.Served() == "" && count[p] > count[best] {
			best = p
		}
	}
	for _, f := range pl.proposals {
		if f.Tier > finding.Refuse && f.client != best {
			f.Refuse(finding.Reason{Code: finding.MixedClients, Detail: "the helper is generated for " + best, Pos: f.Pos})
		}
	}
}

// Changes makes the edits for the tiers as they are now. Where a stronger edit cannot be
// carried out, it lowers the finding and starts again, so the tiers may be lower
// afterwards.
func (pl *Plan) Changes() ([]change.Change, error) {
	if pl.settled.holds(pl.proposals) {
		return pl.settled.changes, nil
	}
	for {
		changes, failed, why := pl.changes()
		if failed == nil && why == nil {
			pl.differences()
			if lowered := pl.judge(changes); lowered {
				continue
			}
			pl.settled = settle(pl.proposals, changes)
		}
		if failed == nil {
			return changes, why
		}
		code := finding.EditFailed
		switch lost := why.(type) {
		case lostError:
			code, why = finding.CommentLost, fmt.Errorf("%q", string(lost))
		case edit.StrayError:
			code = finding.CommentLost
		}
		pl.lower(failed, finding.Reason{Code: code, Detail: why.Error(), Pos: failed.Pos})
	}
}

// componentsOf returns the components of all mutexes that calls ask for, the first one first.
func (p *analysis) componentsOf(calls []loop.Hop) []*flow.Component {
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
