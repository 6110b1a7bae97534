package rewrite

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/account"
	"etcdmod/rewrite/internal/callgraph"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/repeat"
	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/verdict"
)

// Accounting.
//
// Every place that tries a lock is in a finding, or has a verdict. The places are counted by
// code that shares nothing with the finder; what it has found is taken off, and what is left
// is judged by the ways that lead there.

// account returns all places of a module that try a lock. found is what was found in each
// build configuration, and joined the findings that were made of it, with their IDs.
func accounts(in *source.Input, configs []*loop.Finder, found [][]*proposal, joined []*proposal) []finding.Try {
	ids := map[string]string{} // by key
	for _, f := range joined {
		ids[f.Key()] = f.ID
	}
	keys := map[token.Pos][]string{} // IDs of findings, by what they have on their ways
	for _, fs := range found {
		for _, f := range fs {
			if f.site == nil {
				continue
			}
			for _, at := range f.site.Positions() {
				if id := ids[f.Key()]; id != "" && !slices.Contains(keys[at], id) {
					keys[at] = append(keys[at], id)
				}
			}
		}
	}
	type judged struct {
		try account.Try
		v   verdict.Verdict
		p   *loop.Finder
	}
	byPos := map[token.Pos]*judged{}
	var order []token.Pos
	for _, p := range configs {
		var left []account.Try
		for _, t := range countTries(p) {
			j := byPos[t.Pos]
			if j == nil {
				j = &judged{try: t, p: p}
				byPos[t.Pos] = j
				order = append(order, t.Pos)
			}
			if len(keys[verdict.Position(t)]) == 0 {
				left = append(left, t)
			}
		}
		for at, v := range verdicts(p, left) {
			byPos[at].v = verdict.Stronger(byPos[at].v, v)
		}
	}
	var out []finding.Try
	for _, at := range order {
		j := byPos[at]
		t := finding.Try{
			Pos: j.p.Position(j.try.Node.Pos()), Call: source.FirstLine(j.p.Text(source.Fun(j.try.Node))), Kind: string(j.try.Kind),
			Package: strings.TrimSuffix(j.try.Package.PkgPath, "_test"), Findings: keys[verdict.Position(j.try)],
		}
		if j.try.Func != nil {
			t.Func = j.try.Func.Name.Name
		}
		if len(t.Findings) == 0 {
			t.Verdict, t.Why = j.v.Word, j.v.Why
			if j.v.At.IsValid() {
				t.At = j.p.Position(j.v.At)
			}
		}
		if in.Selected == nil || in.Selected(t.Package) {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b finding.Try) int {
		return cmp.Or(strings.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Offset, b.Pos.Offset))
	})
	return out
}

// countTries counts the places of one build configuration. A call with a deadline through an interface counts where a
// mutex or an election of the client comes there: what else does has tries of its own.
func countTries(p *loop.Finder) []account.Try {
	tries := account.Tries(p.Fset, p.Packages, account.Paths{Concurrency: p.Concurrency, Client: p.Clients.Clients}, func(f *ast.File) bool {
		fl := p.FileAt(f.Package)
		return fl == nil || fl.IsHelper()
	})
	return slices.DeleteFunc(tries, func(t account.Try) bool {
		return t.Dynamic && t.Kind != account.TryLock && !slices.ContainsFunc(p.CallGraph().At(verdict.Position(t)), func(in ssa.Instruction) bool {
			return slices.ContainsFunc(p.CallGraph().Out(in), func(e *callgraph.Edge) bool {
				o := e.Callee.Object()
				if o == nil || o.Pkg() == nil {
					return false
				}
				_, client := p.ConcurrencyPath(o.Pkg())
				return client
			})
		})
	})
}

// verdicts judges the places that are in no finding, by their position.
func verdicts(p *loop.Finder, left []account.Try) map[token.Pos]verdict.Verdict {
	out := map[token.Pos]verdict.Verdict{}
	if len(left) == 0 {
		return out
	}
	var at []token.Pos
	for _, t := range left {
		at = append(at, verdict.Position(t))
	}
	w := repeat.New(p.CallGraph(), repeat.Options{Key: p.LockKey}, at)
	facts := verdict.Facts{
		Judged: p.Judged, Repeats: func(o types.Object) bool { return loop.IsRepeater(p.Program, o) }, Stops: p.Stops,
		Helper: p.In.HelperImport(),
		Harmless: func(t account.Try) (finding.Verdict, string) {
			call, ok := t.Node.(*ast.CallExpr)
			f := p.FileAt(t.Pos)
			if !ok && (t.Kind == account.Lock || t.Kind == account.Campaign) {
				return finding.Unknown, "it is called as a function value, and loops are not followed to such a call with a deadline"
			}
			if !ok || f == nil {
				return "", ""
			}
			for _, kind := range searches() {
				if kind.harmless != nil && kind.counted == t.Kind {
					return kind.harmless(p.Functions, f, call)
				}
			}
			return "", ""
		},
		Program: func(path string) bool {
			for _, f := range p.Files {
				if f.Pkg.PkgPath == path && !f.Test {
					return !p.Importable(f)
				}
			}
			return true
		},
	}
	for _, t := range left {
		out[t.Pos] = verdict.Of(p.CallGraph(), w, t, facts)
	}
	return out
}
