package rewrite

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

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
		pl.refuse(f, why)
		return
	}
	f.NotHigher = &why
}

// Refuse leaves the code of a finding as it is, and everything that the same mutex flows through.
func (pl *Plan) Refuse(f *finding.Finding, why finding.Reason) {
	for _, p := range pl.proposals {
		if p.Finding == f {
			pl.refuse(p, why)
		}
	}
}

func (pl *Plan) refuse(f *proposal, why finding.Reason) {
	for _, g := range pl.proposals {
		if (g == f || f.component != nil && g.component == f.component) && g.Tier != finding.Refuse {
			g.Refuse(append(g.Refused, why)...)
		}
	}
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

// Limit caps the tier of every finding.
func (pl *Plan) Limit(max finding.Tier) {
	for _, f := range pl.proposals {
		for f.Tier > max && f.Tier > finding.Guard {
			pl.lower(f, finding.Reason{Code: finding.TierCapped, Detail: "-tier=" + max.String() + " was asked for"})
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
	proposals []*proposal    // those of Findings
	finders   []*loop.Finder // one for each build configuration
	settled   *settled       // what Changes has returned, or nil
	proofs    proofs
}

// Analyze finds the polling sites of a module and chooses their tiers.
func Analyze(in *source.Input) *Plan { return analyzeBy(in, bothProofs) }

func analyzeBy(in *source.Input, by proofs) *Plan {
	all, configs := source.Load(in)
	pl := &Plan{p: all, proofs: by}
	fl := flow.New(all, configs)
	found := make([][]*proposal, len(configs))
	var guarded []*loop.Site
	for i, p := range configs {
		finder := &loop.Finder{Functions: loop.NewFunctions(p), Flow: fl, Judged: loop.Judgements{}, Stops: map[token.Pos]bool{}}
		var held []*loop.Site
		found[i], held = findings(finder)
		if by == secondProof {
			for _, f := range found[i] {
				draft(fl, f)
			}
		}
		guarded = append(guarded, held...)
		pl.finders = append(pl.finders, finder)
	}
	kept, ignored := ignore(all, merge(configs, found), guarded)
	identify(slices.Concat(kept, ignored))
	pl.Tries = accounts(in, pl.finders, found, slices.Concat(kept, ignored))
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
		changes, failed, why := pl.changes(settledTier)
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
