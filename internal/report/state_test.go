package report_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"etcdmod/internal/report"
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
