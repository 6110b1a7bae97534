package finding_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/finding"
)

var update = flag.Bool("update", false, "write the table of docs/DIFFERENCES.md")

// The page about differences has the rows of the table, word for word.
func TestDifferencesAreDocumented(t *testing.T) {
	const page, begin, end = "../../docs/DIFFERENCES.md", "<!-- rows -->\n", "<!-- end of rows -->\n"
	var want strings.Builder
	want.WriteString("| kind | what it says | when it holds |\n|---|---|---|\n")
	for _, row := range finding.Differences {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", row.Kind, strings.ReplaceAll(row.Text, "{}", "…"), row.When)
	}
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	rows, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the rows", page)
	}
	if *update {
		if err := os.WriteFile(page, []byte(head+begin+want.String()+end+tail), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(strings.Split(want.String(), "\n"), strings.Split(rows, "\n")); d != "" {
		t.Errorf("%s (-want +got); -update renews it:\n%s", page, d)
	}
}

// Every kind of difference is provoked by a script, with a sentence that names its value. The
// differences of a loop are told nowhere but in the table.
func TestDifferencesAreProvoked(t *testing.T) {
	text := ""
	for _, pattern := range []string{"../../testdata/script/*.txtar", "../../testdata/rule/*/*.txtar"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text += string(data)
		}
	}
	for _, row := range finding.Differences {
		found := false
		before, after, _ := strings.Cut(row.Text, "{}")
		for line := range strings.Lines(text) {
			line, ok := strings.CutPrefix(strings.TrimSpace(line), "differs: ")
			if ok && strings.HasPrefix(line, before) && strings.HasSuffix(line, after) {
				found = found || len(line) > len(before)+len(after) || !strings.Contains(row.Text, "{}")
			}
		}
		if !found {
			t.Errorf("no script provokes %s: %s", row.Kind, row.Text)
		}
	}
}
