package rewrite

import (
	"errors"
	pathpkg "path"
	"slices"

	"golang.org/x/tools/go/ssa"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/proof/judge"
)

// The second proof.
//
// What the first proof lets pass is edited in memory, type-checked there, and judged by code
// that shares nothing with it. A finding that does not pass gets the next weaker tier.

// A settled is the outcome of [Plan.Changes] for the tiers as they were.
type settled struct {
	tiers   []finding.Tier
	changes []change.Change
}

func settle(ps []*proposal, changes []change.Change) *settled {
	s := &settled{changes: changes}
	for _, p := range ps {
		s.tiers = append(s.tiers, p.Tier)
	}
	return s
}

func (s *settled) holds(ps []*proposal) bool {
	return s != nil && slices.Equal(s.tiers, settle(ps, nil).tiers)
}

// judge lets the second proof look at the changes. It lowers what does not pass, and reports
// whether there was any.
func (pl *Plan) judge(changes []change.Change) (lowered bool) {
	if pl.proofs == firstProof {
		return false
	}
	client := ""
	stronger := false // than a guard
	for _, f := range pl.proposals {
		if f.Tier > finding.Refuse {
			client = f.client
		}
		stronger = stronger || f.judged()
	}
	if !stronger {
		return false
	}
	for _, a := range pl.finders {
		j := &judging{plan: pl, finder: a, client: client, whole: pl.after(a, changes, client)}
		for _, f := range pl.proposals {
			if f.judged() && a.ByName[f.site.File.Name] != nil {
				j.add(f)
			}
		}
		if j.run() {
			return true
		}
	}
	return false
}

// judged reports whether the second proof looks at a proposal: at every gate and collapse.
func (f *proposal) judged() bool { return f.Tier > finding.Guard }

// only returns the changes as they would be if all but some proposals were guarded at most: a
// function with several loops is judged loop by loop.
func (pl *Plan) only(some ...*proposal) ([]change.Change, error) {
	changes, _, err := pl.changes(func(f *proposal) finding.Tier {
		if slices.Contains(some, f) {
			return f.Tier
		}
		return min(f.Tier, finding.Guard)
	})
	return changes, err
}

// A judging is that of one build configuration.
type judging struct {
	plan    *Plan
	finder  *loop.Finder
	client  string
	whole   *judge.After
	funcs   []*ssa.Function // with loops, in order
	tries   map[*ssa.Function][]*ssa.Call
	by      map[*ssa.Call]*proposal
	lowered bool
}

// lower takes the next weaker tier for a proposal.
func (j *judging) lower(f *proposal, o *judge.Objection) {
	at := f.Pos
	if o.Pos.IsValid() {
		at = j.finder.Position(o.Pos)
	}
	j.plan.lower(f, finding.Reason{Code: finding.JudgeDisagrees, Detail: o.Why, Pos: at})
	j.lowered = true
}

// add finds the try of a loop, and the function around it.
func (j *judging) add(f *proposal) {
	file := j.finder.ByName[f.site.File.Name]
	for _, in := range j.finder.CallGraph().At(f.site.Tries[0].Lparen) {
		try, ok := in.(*ssa.Call)
		fn := in.Parent()
		if !ok || fn.Pkg == nil || fn.Pkg.Pkg != file.Pkg.Types || fn.Origin() != nil {
			continue
		}
		for fn.Parent() != nil && fn.Parent().Syntax() != nil {
			fn = fn.Parent()
		}
		if j.tries == nil {
			j.tries, j.by = map[*ssa.Function][]*ssa.Call{}, map[*ssa.Call]*proposal{}
		}
		if j.tries[fn] == nil {
			j.funcs = append(j.funcs, fn)
		}
		j.tries[fn] = append(j.tries[fn], try)
		j.by[try] = f
		return
	}
	j.lower(f, &judge.Objection{Why: "the function has no SSA form"})
}

// run judges function by function.
func (j *judging) run() bool {
	graph := j.finder.CallGraph()
	p := judge.New(j.plan.p.Fset, graph.All(), len(graph.Unbuilt) > 0, j.plan.HelperImport(), j.client)
	for _, fn := range j.funcs {
		var gates []*ssa.Call
		for _, t := range j.tries[fn] {
			if f := j.by[t]; f.Tier == finding.Gate {
				gates = append(gates, t)
			} else if now := j.now(fn, t); now != nil {
				j.heed(f, p.Collapse(fn, now, t))
			}
		}
		if len(gates) == 0 {
			continue
		}
		if now := j.now(fn, gates...); now != nil {
			verdicts := p.Gates(fn, now, gates)
			for _, t := range gates {
				j.heed(j.by[t], verdicts[t])
			}
		}
	}
	return j.lowered
}

// heed lowers a proposal that does not pass, or of which the proofs do not see the same.
func (j *judging) heed(f *proposal, v judge.Verdict) {
	if v.Against == nil && j.plan.proofs == bothProofs {
		v.Against = unlike(f, v.Facts)
	}
	if v.Against != nil {
		j.lower(f, v.Against)
	}
}

// unlike returns what the first proof says that a proposal changes although the second one has
// not seen it, or the other way round.
func unlike(f *proposal, facts judge.Facts) *judge.Objection {
	said := func(some ...finding.DifferenceKind) bool {
		return slices.ContainsFunc(f.Differences, func(d finding.Difference) bool { return slices.Contains(some, d.Kind) })
	}
	type claim struct {
		what        string
		first, both bool
	}
	claims := []claim{
		{"a wait is put in", said(finding.SpinWaits), facts.PutIn},
		{"the length of a wait is told", said(finding.TellsLess), facts.TellsLess && !facts.Short},
		{"the wait is too short for a watch", !said(finding.HoldsWatch), facts.Short},
		{"the clock may run before a try", said(finding.StaleWake), facts.Early && !facts.Short},
		{"each round begins its wait anew", said(finding.IntervalRestart), facts.Restarts && !facts.PutIn && !facts.Short},
		{"failed rounds log", said(finding.OnceMore, finding.LessOften), facts.Logs && !facts.Short || said(finding.OnceMore, finding.LessOften)}, // they may count instead
	}
	if f.Tier == finding.Collapse {
		claims = []claim{
			{"the length of a wait is told", said(finding.TellsLess), facts.TellsLess},
			{"the loop waits before its first try", loop.WaitsFirst(f.collapsed.Site), facts.WaitsFirst},
			{"other errors are retried", said(finding.SessionEndTold), facts.Retries},
			{"other errors are returned", said(finding.ErrorsUnseen), !facts.Retries},
			{"a wait does not end with the context", !f.collapsed.HearsContext(), facts.Deaf},
		}
	}
	for _, c := range claims {
		if c.first != c.both {
			return &judge.Objection{Why: "only one of the proofs sees that " + c.what}
		}
	}
	return nil
}

// errAlone says that a function is looked at with some of its changes.
var errAlone = errors.New("not all loops of the function are judged together")

// now returns what a function becomes where no more than the loops of those tries are
// rewritten. Where that fails, they are lowered.
func (j *judging) now(fn *ssa.Function, tries ...*ssa.Call) *ssa.Function {
	var now *ssa.Function
	err := errAlone
	if len(tries) == len(j.tries[fn]) {
		now, err = j.whole.Function(fn)
	}
	if err != nil { // which may be about another function
		var some []*proposal
		for _, t := range tries {
			some = append(some, j.by[t])
		}
		var changes []change.Change
		if changes, err = j.plan.only(some...); err == nil {
			now, err = j.plan.after(j.finder, changes, j.client).Function(fn)
		}
	}
	if err != nil {
		for _, t := range tries {
			j.lower(j.by[t], &judge.Objection{Why: err.Error()})
		}
		return nil
	}
	return now
}

// after is the program of one build configuration with the changes. The helper package has all
// that there may be of it, since only its declarations count.
func (pl *Plan) after(a *loop.Finder, changes []change.Change, client string) *judge.After {
	changed := map[string][]byte{}
	for _, c := range changes {
		if c.New != nil {
			changed[c.Path] = c.New
		}
	}
	files, err := helper.Generate(helper.Config{
		Package: pathpkg.Base(pl.p.In.HelperName()), Concurrency: client, Client: pl.p.ClientBeside(client),
		Version: pl.p.In.Version, Parts: helper.All, Earlier: true,
	})
	if err != nil {
		panic(errors.Join(errors.New("the helper package cannot be generated"), err)) // the same was done for its files
	}
	return judge.Apply(judge.Edit{Fset: pl.p.Fset, Packages: a.Packages, Changed: changed, Helper: files, HelperPath: pl.HelperImport()})
}
