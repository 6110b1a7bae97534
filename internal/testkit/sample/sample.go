// Package sample has results, and units of reports, for the tests of what shows them: one with
// something of everything.
//
// It takes a test and gives values; those of programs on disk come from the pipeline. It never
// judges what is made of them.
package sample

import (
	"context"
	"encoding/json"
	"fmt"
	"go/token"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"

	"etcdmod/internal/bump"
	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
	"etcdmod/internal/verify"
	"etcdmod/modbump"
)

// Topics are what a report explains.
var Topics = []report.Topic{
	{Name: "trylock-poll", Title: "polls", Text: "A *loop*\npolls.\n\n\tmu *Mutex\n\nBad.", Rule: true},
	{Name: "trylock-spin", Title: "spins", Text: "A loop spins.", Rule: true},
	{Name: "watch-storm", Title: "storms", Text: "A loop storms.", Rule: true},
	{Name: "unsafe-client", Title: "unsafe", Text: "The client is unsafe.", Rule: true},
	{Name: "syntax-error", Title: "no syntax", Text: "It does not parse."},
}

// Result has one of everything.
func Result(t testing.TB) *pipeline.Result {
	t.Helper()
	root, err := filepath.Abs("m")
	if err != nil {
		t.Fatal(err)
	}
	at := func(line, col int) token.Position {
		return token.Position{Filename: filepath.Join(root, "a", "a.go"), Line: line, Column: col}
	}
	requirement := func(line int, action modbump.Action, reason modbump.Reason) bump.Bump {
		return bump.Bump{Finding: modbump.Finding{
			Rule: modbump.Rule, Module: "example.com/etcd", Version: "v1.0.0", Target: "v1.1.0", Line: line, Col: 9,
			Message: "example.com/etcd@v1.0.0 leaks <maps>", Evidence: []string{"etcd issue #1"}, Action: action, Reason: reason,
		}}
	}
	refused := requirement(5, modbump.Bump, "")
	refused.Refused = &bump.Refusal{
		Code: "needs-more-requirements", Detail: "needs more:\n\texample.com/x: cannot find it",
		Wanted: []module.Version{{Path: "example.com/x", Version: "v0.1.0"}},
	}
	replaced := requirement(6, modbump.Refuse, modbump.Replaced)
	replaced.Target, replaced.Remains, replaced.Indirect = "", []string{"not shown"}, true
	good := requirement(3, modbump.Bump, "")
	good.Remains = []string{"a client that is slow: etcd issue #2"}
	res := &pipeline.Result{
		Module: &discover.Module{Path: "example.com/m", Root: root, Repo: root, GoModFile: filepath.Join(root, "go.mod")},
		Bumps:  []bump.Bump{good, requirement(4, modbump.Report, modbump.NotByDefault), refused, replaced},
		Findings: []*finding.Finding{
			{
				Rule: "trylock-poll", Pos: at(7, 2), Func: "wait", Package: "example.com/m/a", Message: "wait polls", Tier: finding.Gate,
				NotHigher:   &finding.Reason{Code: finding.LogsPerRound, Detail: "log.Print()", Pos: at(9, 3)},
				Path:        []finding.Frame{{Pos: at(8, 5), Call: "wait calls try"}, {Pos: at(20, 9), Call: "mu.TryLock"}},
				Differences: []finding.Difference{{Kind: finding.OnceMore, Value: "log.Print()", Pos: at(9, 3)}},
			},
			{
				Rule: "watch-storm", Pos: at(30, 2), Func: "storm", Package: "example.com/m/a", Message: "storm tries", Tier: finding.Guard,
				NotHigher: &finding.Reason{Code: finding.ShapeUnknown}, Missed: finding.Collapse,
			},
			{
				Rule: "trylock-spin", Pos: at(40, 2), Func: "spin", Package: "example.com/m/a", Message: "spin tries",
				Refused: []finding.Reason{{Code: finding.CgoFile, Pos: at(1, 1)}, {Code: finding.DoesNotBuild, Detail: "two\nlines"}},
			},
		},
		Skipped: []finding.Skip{
			{Path: filepath.Join(root, "b", "b.go") + ":3:4", Reason: finding.SkipSyntax, Detail: "expected ';'\nfound x"},
			{Path: filepath.Join(root, "c"), Reason: finding.SkipUnreadable},
			{Path: "example.com/m/d", Reason: finding.SkipMetadata, Detail: "import cycle"},
		},
		Failed: []finding.Problem{
			{Phase: verify.PhaseVet, Package: "example.com/m/a", File: filepath.Join(root, "a", "a.go"), Line: 7, Col: 2, Message: "two\nlines"},
			{Phase: verify.PhaseLoad, Message: "no"},
		},
	}
	for i := range res.Bumps {
		res.Bumps[i].ID = fmt.Sprintf("b%d", i)
	}
	for i, f := range res.Findings {
		f.ID = fmt.Sprintf("f%d", i)
	}
	return res
}

// Unit makes a unit of a result, and sends it through JSON as a machine that collects
// results would get it.
func Unit(t testing.TB, res *pipeline.Result, done report.State) report.Unit {
	t.Helper()
	u, err := report.New(res, done)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	var back report.Unit
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(u, back); diff != "" {
		t.Errorf("lost in JSON: %s", diff)
	}
	return u
}

// Fixtures are the results of the pipeline for programs of the repository's testdata, by directory.
var Fixtures = sync.OnceValues(func() (map[string]*pipeline.Result, error) {
	out := map[string]*pipeline.Result{}
	for _, name := range []string{"example", "storm", "tiers"} {
		dir, err := filepath.Abs(filepath.Join("../../testdata", name)) // the tests are two directories deep
		if err != nil {
			return nil, err
		}
		res, err := pipeline.Run(context.Background(), pipeline.Options{Dir: dir, Tier: finding.Collapse, Edit: true})
		if err != nil {
			return nil, err
		}
		out[name] = res
	}
	return out, nil
})
