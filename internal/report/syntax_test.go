package report_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/change"
	"etcdmod/internal/report"
	"etcdmod/internal/testkit/sample"
)

// Colours are found in the whole file: a hunk may begin within a comment or a raw string. They
// hold to the letter where lines end with CRLF.
func TestSyntax(t *testing.T) {
	source := "package a\n\n/* a\nb */ var x = `c\nd` + \"e\" // f\n\nfunc g(n int) error { return h(0x1, 'i', len(n)) }\n\nfunc broken(\n"
	want := [][]string{
		{"k package"}, nil,
		{"c /* a"},
		{"c b */", "k var", "s `c"},
		{"s d`", `s "e"`, "c // f"}, nil,
		{"k func", "f g", "b int", "b error", "k return", "f h", "n 0x1", "s 'i'", "b len"}, nil,
		{"k func", "f broken"},
	}
	for _, ending := range []string{"\n", "\r\n"} {
		res := sample.Result(t)
		text := strings.ReplaceAll(source, "\n", ending)
		res.Changes = []change.Change{
			{Path: filepath.Join(res.Module.Root, "a.go"), New: []byte(text), Created: true},
			{Path: filepath.Join(res.Module.Root, "go.mod"), Old: []byte("module func\n"), New: []byte("module if\n")},
			{Path: filepath.Join(res.Module.Root, "vendor", "v.go"), New: []byte("package v\n"), Created: true},
			{Path: filepath.Join(res.Module.Root, "x.go"), New: []byte("package \xff\n"), Created: true},
		}
		u, err := report.New(res, report.Ready)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		for _, l := range u.Files[0].Hunks[0].Lines {
			var line []string
			for _, token := range l.Syntax {
				line = append(line, token.Kind+" "+l.Text[token.From:token.To])
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with line ends %q: %s", ending, diff)
		}
		if l := u.Files[1].Hunks[0].Lines[0]; l.Syntax != nil {
			t.Errorf("go.mod is coloured as Go: %v", l.Syntax)
		}
		if u.Files[2].Omitted != "vendored" || u.Files[2].Hunks != nil || u.Files[2].Added != 1 {
			t.Errorf("a vendored file is shown: %v", u.Files[2])
		}
		if u.Files[3].Omitted != "not text" {
			t.Errorf("a file that is not text is shown: %v", u.Files[3])
		}
	}
}
