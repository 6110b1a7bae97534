package patch_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"etcdmod/internal/change"
	"etcdmod/internal/patch"
)

// Files gives the hunks that the patch prints, and marks what changed within lines.
func TestFiles(t *testing.T) {
	changes := []change.Change{
		{Path: "b.go", Old: []byte("package b\n\nfunc f() {\n\t1\n\t2\n\t3\n\tmu := concurrency.New()\n\t4\n\tgone\n}"), New: []byte("package b\n\nfunc f() {\n\t1\n\t2\n\t3\n\tmu := etcdlock.New()\n\t4\n}\n")},
		{Path: "a.go", New: []byte("package a\n"), Created: true},
		{Path: "same.go", Old: []byte("x"), New: []byte("x")},
	}
	files, err := patch.Files(changes)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	marks := ""
	for _, f := range files {
		fmt.Fprintf(&b, "%s\n", f.Path)
		for _, h := range f.Hunks {
			fmt.Fprintf(&b, "@@ %d %d %s\n", h.OldLine, h.NewLine, h.Heading)
			for _, l := range h.Lines {
				fmt.Fprintf(&b, "%c%s", l.Op, l.Text)
				for _, m := range l.Marks {
					marks += l.Text[m.From:m.To] + ";"
				}
			}
		}
	}
	plain, err := patch.Unified(changes)
	if err != nil {
		t.Fatal(err)
	}
	body := func(text string) (lines []string) {
		for line := range strings.Lines(text) {
			if strings.ContainsRune("+- ", rune(line[0])) && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "+++") {
				lines = append(lines, strings.TrimSuffix(line, "\n"))
			}
		}
		return lines
	}
	printed := strings.ReplaceAll(string(plain), "\n\\ No newline at end of file\n", "")
	if got, want := strings.Join(body(b.String()), "\n"), strings.Join(body(printed), "\n"); got != want {
		t.Errorf("got\n%s\nwant what the patch has:\n%s", got, want)
	}
	if want := "concurrency;etcdlock;"; marks != want {
		t.Errorf("marked %q, want %q", marks, want)
	}
	for _, want := range []string{"a.go\n@@ 1 1 \n+package a\n", "b.go\n@@ 4 4 func f() {\n \t1\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in %s", want, &b)
		}
	}
}
