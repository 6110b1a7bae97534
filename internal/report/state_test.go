package report_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"etcdmod/internal/bump"
	"etcdmod/internal/report"
	"etcdmod/internal/testkit/sample"
)

// The documentation has every state, with the words of the reports, and no other one.
func TestStatesAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/REPORTS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(data), "\n## States\n")
	if !ok {
		t.Fatal("docs/REPORTS.md has no section on states")
	}
	for _, s := range report.States {
		if row := fmt.Sprintf("| `%s` | %s |\n", s.State, s.Text); !strings.Contains(text, row) {
			t.Errorf("docs/REPORTS.md lacks %q", row)
		}
	}
	if n := strings.Count(text, "\n| `"); n != len(report.States) {
		t.Errorf("docs/REPORTS.md has %d states, want %d", n, len(report.States))
	}
}

// A reason is one line. One that announces a list says what comes first in it.
func TestReasonSaysWhatItAnnounces(t *testing.T) {
	res := sample.Result(t)
	res.Findings, res.Skipped, res.Failed = nil, nil, nil
	res.Bumps = slices.DeleteFunc(res.Bumps, func(b bump.Bump) bool { return b.Refused == nil })
	const want = "go.mod:5: needs-more-requirements: needs more: example.com/x: cannot find it"
	if got := report.FormsOf(res).Reason; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
