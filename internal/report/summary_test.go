package report_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/report"
	"etcdmod/internal/testkit/sample"
)

func summary(t *testing.T, units ...report.Unit) string {
	t.Helper()
	var b bytes.Buffer
	page := report.Page{Units: units, Topics: sample.Topics}
	for _, u := range units {
		if !slices.ContainsFunc(page.Modules, func(m report.Module) bool { return m.Path == u.Module }) {
			page.Modules = append(page.Modules, report.Module{Path: u.Module, State: u.State})
		}
	}
	if err := report.Summary(&b, page); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSummary(t *testing.T) {
	failed := sample.Unit(t, sample.Result(t), report.Ready)
	failed.Name, failed.Owners = "a", []string{"@y", "@x"}
	res := sample.Result(t)
	res.Failed, res.Bumps = nil, nil
	found := sample.Unit(t, res, report.Reported)
	found.Name, found.Owners = "b", []string{"@y"}
	const want = `10 findings in 1 module, 2 units; not covered: 6 places

rule           findings  refuse  report  bump  guard  gate
trylock-poll          2       -       -     -      -     2
trylock-spin          2       2       -     -      -     -
watch-storm           2       -       -     -      2     -
unsafe-client         4       2       1     1      -     -
all                  10       4       1     1      2     2

state     units
rejected      1
reported      1

reason                   findings
cgo-file                        2
does-not-build                  2
logs-per-round                  2
shape-unknown                   2
needs-more-requirements         1
...                      and 2 more

owner  units
@y         2
@x         1
`
	if diff := cmp.Diff(want, summary(t, failed, found)); diff != "" {
		t.Error(diff)
	}
	if got, want := summary(t, report.Unit{Module: "m", State: report.Clean}), "0 findings in 1 module\n\nstate  units\nclean      1\n"; got != want {
		t.Errorf("of nothing: %q, want %q", got, want)
	}
}

// However much there is, it fits on a screen.
func TestSummaryIsShort(t *testing.T) {
	var units []report.Unit
	for i := range 2000 {
		u := report.Unit{Module: fmt.Sprint("m", i), State: report.State(fmt.Sprint("s", i%20)), Owners: []string{fmt.Sprint("@", i%300)}}
		for j := range sample.Topics[:4] {
			u.Findings = append(u.Findings, report.Finding{
				Rule: sample.Topics[j].Name, Tier: []string{"refuse", "report", "bump", "guard", "gate", "collapse"}[i%6],
				Refused: []report.Reason{{Code: fmt.Sprint("code-", i%50)}},
			})
		}
		units = append(units, u)
	}
	if text := summary(t, units...); strings.Count(text, "\n") > 34 {
		t.Errorf("%d lines:\n%s", strings.Count(text, "\n"), text)
	}
}
