package patch

import (
	"strings"
	"testing"

	"etcdmod/internal/change"

	"github.com/google/go-cmp/cmp"
)

// text joins lines, each of which gets a line feed.
func text(lines ...string) string {
	return strings.Join(lines, "\n") + "\n"
}

func modified(path, old, new string) change.Change {
	return change.Change{Path: path, Old: []byte(old), New: []byte(new)}
}

func created(path, new string) change.Change {
	return change.Change{Path: path, New: []byte(new), Created: true}
}

func deleted(path, old string) change.Change {
	return change.Change{Path: path, Old: []byte(old), Deleted: true}
}

// golden is the edges of the format. TestGolden compares with the text here, TestLikeGit
// with git's own diff, TestGoldenApplies lets git apply it.
var golden = []struct {
	name    string
	changes []change.Change
	want    string
}{
	{
		name:    "nothing",
		changes: nil,
		want:    "",
	},
	{
		name:    "unchanged files are left out",
		changes: []change.Change{modified("a.go", "same\n", "same\n"), modified("b.go", "", ""), modified("c.go", "x\n", "y\n")},
		want: text(
			"diff --git a/c.go b/c.go",
			"index 587be6b..975fbec",
			"--- a/c.go",
			"+++ b/c.go",
			"@@ -1 +1 @@",
			"-x",
			"+y",
		),
	},
	{
		name: "sorted by path",
		changes: []change.Change{
			created("b", "1\n"), created("a/b", "1\n"), created("a.go", "1\n"), created("B", "1\n"),
		},
		want: text(
			"diff --git a/B b/B", "new file mode 100644", "index 0000000..d00491f", "--- /dev/null", "+++ b/B", "@@ -0,0 +1 @@", "+1",
			"diff --git a/a.go b/a.go", "new file mode 100644", "index 0000000..d00491f", "--- /dev/null", "+++ b/a.go", "@@ -0,0 +1 @@", "+1",
			"diff --git a/a/b b/a/b", "new file mode 100644", "index 0000000..d00491f", "--- /dev/null", "+++ b/a/b", "@@ -0,0 +1 @@", "+1",
			"diff --git a/b b/b", "new file mode 100644", "index 0000000..d00491f", "--- /dev/null", "+++ b/b", "@@ -0,0 +1 @@", "+1",
		),
	},
	{
		name: "three lines of context, and the declaration that the hunk is in",
		changes: []change.Change{modified("main.go",
			"package main\n\nfunc main() {\n\ta()\n\tb()\n\tc()\n\td()\n\te()\n\tf()\n\tg()\n\th()\n}\n",
			"package main\n\nfunc main() {\n\ta()\n\tb()\n\tc()\n\td()\n\tE()\n\tf()\n\tg()\n\th()\n}\n",
		)},
		want: text(
			"diff --git a/main.go b/main.go",
			"index 6088958..eda02ba",
			"--- a/main.go",
			"+++ b/main.go",
			"@@ -5,7 +5,7 @@ func main() {",
			" \tb()",
			" \tc()",
			" \td()",
			"-\te()",
			"+\tE()",
			" \tf()",
			" \tg()",
			" \th()",
		),
	},
	{
		name:    "six equal lines between: one hunk",
		changes: []change.Change{modified("f", "x\n1\n2\n3\n4\n5\n6\ny\n", "X\n1\n2\n3\n4\n5\n6\nY\n")},
		want: text(
			"diff --git a/f b/f",
			"index 2c136f8..00c7534",
			"--- a/f",
			"+++ b/f",
			"@@ -1,8 +1,8 @@",
			"-x", "+X", " 1", " 2", " 3", " 4", " 5", " 6", "-y", "+Y",
		),
	},
	{
		name:    "seven equal lines between: two hunks",
		changes: []change.Change{modified("f", "x\n1\n2\n3\n4\n5\n6\n7\ny\n", "X\n1\n2\n3\n4\n5\n6\n7\nY\n")},
		want: text(
			"diff --git a/f b/f",
			"index 7f43497..92066af",
			"--- a/f",
			"+++ b/f",
			"@@ -1,4 +1,4 @@",
			"-x", "+X", " 1", " 2", " 3",
			"@@ -6,4 +6,4 @@ x",
			" 5", " 6", " 7", "-y", "+Y",
		),
	},
	{
		name:    "later hunks count what earlier ones added",
		changes: []change.Change{modified("f", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n")},
		want: text(
			"diff --git a/f b/f",
			"index 0719398..1000f90",
			"--- a/f",
			"+++ b/f",
			"@@ -1,3 +1,4 @@",
			"+0", " 1", " 2", " 3",
			"@@ -6,4 +7,3 @@",
			" 6", " 7", " 8", "-9",
		),
	},
	{
		name:    "a created file",
		changes: []change.Change{created("new.go", "package p\n\nvar X int\n")},
		want: text(
			"diff --git a/new.go b/new.go",
			"new file mode 100644",
			"index 0000000..524be0a",
			"--- /dev/null",
			"+++ b/new.go",
			"@@ -0,0 +1,3 @@",
			"+package p", "+", "+var X int",
		),
	},
	{
		name:    "a created executable without a final newline",
		changes: []change.Change{{Path: "run.sh", New: []byte("#!/bin/sh"), Created: true, Executable: true}},
		want: text(
			"diff --git a/run.sh b/run.sh",
			"new file mode 100755",
			"index 0000000..96b4b06",
			"--- /dev/null",
			"+++ b/run.sh",
			"@@ -0,0 +1 @@",
			"+#!/bin/sh",
			`\ No newline at end of file`,
		),
	},
	{
		name:    "a deleted file",
		changes: []change.Change{deleted("old.go", "package p\n")},
		want: text(
			"diff --git a/old.go b/old.go",
			"deleted file mode 100644",
			"index c89cd18..0000000",
			"--- a/old.go",
			"+++ /dev/null",
			"@@ -1 +0,0 @@",
			"-package p",
		),
	},
	{
		name:    "empty files created and deleted",
		changes: []change.Change{created("a", ""), deleted("b", ""), {Path: "c", Deleted: true, Executable: true}},
		want: text(
			"diff --git a/a b/a",
			"new file mode 100644",
			"index 0000000..e69de29",
			"diff --git a/b b/b",
			"deleted file mode 100644",
			"index e69de29..0000000",
			"diff --git a/c b/c",
			"deleted file mode 100755",
			"index e69de29..0000000",
		),
	},
	{
		name:    "an empty file filled and a file emptied",
		changes: []change.Change{modified("a", "", "x\ny\n"), modified("b", "x\n", "")},
		want: text(
			"diff --git a/a b/a",
			"index e69de29..b77b4eb",
			"--- a/a",
			"+++ b/a",
			"@@ -0,0 +1,2 @@",
			"+x", "+y",
			"diff --git a/b b/b",
			"index 587be6b..e69de29",
			"--- a/b",
			"+++ b/b",
			"@@ -1 +0,0 @@",
			"-x",
		),
	},
	{
		name:    "the final newline removed",
		changes: []change.Change{modified("f", "a\nb\n", "a\nb")},
		want: text(
			"diff --git a/f b/f",
			"index 422c2b7..0a207c0",
			"--- a/f",
			"+++ b/f",
			"@@ -1,2 +1,2 @@",
			" a", "-b", "+b",
			`\ No newline at end of file`,
		),
	},
	{
		name:    "the final newline added",
		changes: []change.Change{modified("f", "a\nb", "a\nb\n")},
		want: text(
			"diff --git a/f b/f",
			"index 0a207c0..422c2b7",
			"--- a/f",
			"+++ b/f",
			"@@ -1,2 +1,2 @@",
			" a", "-b",
			`\ No newline at end of file`,
			"+b",
		),
	},
	{
		name:    "no final newline on either side",
		changes: []change.Change{modified("f", "a\nb", "a\nc"), modified("g", "a\nb", "A\nb")},
		want: text(
			"diff --git a/f b/f",
			"index 0a207c0..817f660",
			"--- a/f",
			"+++ b/f",
			"@@ -1,2 +1,2 @@",
			" a", "-b",
			`\ No newline at end of file`,
			"+c",
			`\ No newline at end of file`,
			"diff --git a/g b/g",
			"index 0a207c0..e815843",
			"--- a/g",
			"+++ b/g",
			"@@ -1,2 +1,2 @@",
			"-a", "+A", " b",
			`\ No newline at end of file`,
		),
	},
	{
		name:    "line endings are content: CRLF, a lone CR, a changed ending",
		changes: []change.Change{modified("crlf", "a\r\nb\r\n", "a\r\nc\r\n"), modified("lone", "a\rb\n", "a\rc\n"), modified("to-lf", "a\r\n", "a\n")},
		want: text(
			"diff --git a/crlf b/crlf",
			"index c30dea8..06c9c76",
			"--- a/crlf",
			"+++ b/crlf",
			"@@ -1,2 +1,2 @@",
			" a\r", "-b\r", "+c\r",
			"diff --git a/lone b/lone",
			"index 68c19c3..9a67c63",
			"--- a/lone",
			"+++ b/lone",
			"@@ -1 +1 @@",
			"-a\rb", "+a\rc",
			"diff --git a/to-lf b/to-lf",
			"index 533790e..7898192",
			"--- a/to-lf",
			"+++ b/to-lf",
			"@@ -1 +1 @@",
			"-a\r", "+a",
		),
	},
	{
		name:    "bytes that are not UTF-8, and NUL",
		changes: []change.Change{modified("f", "\xff\xfe\n\x00\nx\n", "\xff\xfe\n\x00\ny\xc3\n")},
		want: text(
			"diff --git a/f b/f",
			"index 7779b8a..6f1f6df",
			"--- a/f",
			"+++ b/f",
			"@@ -1,3 +1,3 @@",
			" \xff\xfe", " \x00", "-x", "+y\xc3",
		),
	},
	{
		name:    "lines that look like a patch",
		changes: []change.Change{modified("f", "-- a/f\n@@ -1 +1 @@\n\\ No newline at end of file\n", "++ b/f\n@@ -1 +1 @@\n\\ No newline at end of file\ndiff --git a/f b/f\n")},
		want: text(
			"diff --git a/f b/f",
			"index 6d946de..3d2b56f",
			"--- a/f",
			"+++ b/f",
			"@@ -1,3 +1,4 @@",
			"--- a/f", "+++ b/f", " @@ -1 +1 @@", ` \ No newline at end of file`, "+diff --git a/f b/f",
		),
	},
	{
		name: "paths are quoted as git does",
		changes: []change.Change{
			modified("a b/c d.go", "x\n", "y\n"),
			created("ein \"ü\".go", "y\n"),
			deleted("tab\tnl\nback\\slash\x7f\a", "x\n"),
			created("empty file ", ""),
		},
		want: text(
			"diff --git a/a b/c d.go b/a b/c d.go",
			"index 587be6b..975fbec",
			"--- a/a b/c d.go\t",
			"+++ b/a b/c d.go\t",
			"@@ -1 +1 @@",
			"-x", "+y",
			`diff --git "a/ein \"\303\274\".go" "b/ein \"\303\274\".go"`,
			"new file mode 100644",
			"index 0000000..975fbec",
			"--- /dev/null",
			`+++ "b/ein \"\303\274\".go"`+"\t",
			"@@ -0,0 +1 @@",
			"+y",
			"diff --git a/empty file  b/empty file ",
			"new file mode 100644",
			"index 0000000..e69de29",
			`diff --git "a/tab\tnl\nback\\slash\177\a" "b/tab\tnl\nback\\slash\177\a"`,
			"deleted file mode 100644",
			"index 587be6b..0000000",
			`--- "a/tab\tnl\nback\\slash\177\a"`,
			"+++ /dev/null",
			"@@ -1 +0,0 @@",
			"-x",
		),
	},
	{
		name: "a new function is shown whole",
		changes: []change.Change{modified("f.go",
			"func a() {\n\tx()\n}\n\nfunc c() {\n\tx()\n}\n",
			"func a() {\n\tx()\n}\n\nfunc b() {\n\tx()\n}\n\nfunc c() {\n\tx()\n}\n",
		)},
		want: text(
			"diff --git a/f.go b/f.go",
			"index d77b954..76282d0",
			"--- a/f.go",
			"+++ b/f.go",
			"@@ -2,6 +2,10 @@ func a() {",
			" \tx()", " }", " ", "+func b() {", "+\tx()", "+}", "+", " func c() {", " \tx()", " }",
		),
	},
	{
		name: "a new table entry is shown whole",
		changes: []change.Change{modified("f.go",
			"var t = []T{\n\t{\n\t\ta: 1,\n\t},\n\t{\n\t\ta: 3,\n\t},\n}\n",
			"var t = []T{\n\t{\n\t\ta: 1,\n\t},\n\t{\n\t\ta: 2,\n\t},\n\t{\n\t\ta: 3,\n\t},\n}\n",
		)},
		want: text(
			"diff --git a/f.go b/f.go",
			"index 735d209..cf3888d",
			"--- a/f.go",
			"+++ b/f.go",
			"@@ -2,6 +2,9 @@ var t = []T{",
			" \t{", " \t\ta: 1,", " \t},", "+\t{", "+\t\ta: 2,", "+\t},", " \t{", " \t\ta: 3,", " \t},",
		),
	},
	{
		name: "a heading is cut at 80 bytes and loses trailing space",
		changes: []change.Change{
			modified("a", "func "+strings.Repeat("x", 90)+"\n\n\n\n1\n", "func "+strings.Repeat("x", 90)+"\n\n\n\n2\n"),
			modified("b", "$b \t\r\n_x\n\n\n\n1\n", "$b \t\r\n_x\n\n\n\n2\n"),
			modified("c", "$b \t\r\n\n\n\n1\n", "$b \t\r\n\n\n\n2\n"),
		},
		want: text(
			"diff --git a/a b/a", "index d3a1616..cfb19a4", "--- a/a", "+++ b/a",
			"@@ -2,4 +2,4 @@ func "+strings.Repeat("x", 75),
			" ", " ", " ", "-1", "+2",
			"diff --git a/b b/b", "index e2eed75..ff608e9", "--- a/b", "+++ b/b",
			"@@ -3,4 +3,4 @@ _x",
			" ", " ", " ", "-1", "+2",
			"diff --git a/c b/c", "index 477a4a0..6fb8a4c", "--- a/c", "+++ b/c",
			"@@ -2,4 +2,4 @@ $b",
			" ", " ", " ", "-1", "+2",
		),
	},
}

func TestGolden(t *testing.T) {
	for _, tt := range golden {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Unified(tt.changes)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestUnifiedNothing(t *testing.T) {
	got, err := Unified([]change.Change{modified("f", "x", "x")})
	if got != nil || err != nil {
		t.Errorf("got %q, %v; want nil, nil", got, err)
	}
}

func TestUnifiedKeepsItsInput(t *testing.T) {
	changes := []change.Change{modified("b", "x\n", "y\n"), modified("a", "x\n", "y\n")}
	if _, err := Unified(changes); err != nil {
		t.Fatal(err)
	}
	want := []change.Change{modified("b", "x\n", "y\n"), modified("a", "x\n", "y\n")}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes []change.Change
		want    string
	}{
		{"empty path", []change.Change{created("", "x")}, "empty path"},
		{"absolute", []change.Change{created("/etc/passwd", "x")}, "not a clean"},
		{"above", []change.Change{created("../x", "x")}, "not a clean"},
		{"above, hidden", []change.Change{created("a/../../x", "x")}, "not a clean"},
		{"the directory", []change.Change{created(".", "x")}, "not a clean"},
		{"its parent", []change.Change{created("..", "x")}, "not a clean"},
		{"not clean", []change.Change{created("a//x", "x")}, "not a clean"},
		{"a directory", []change.Change{created("a/", "x")}, "not a clean"},
		{"NUL", []change.Change{created("a\x00b", "x")}, "NUL"},
		{"git's own", []change.Change{created("a/.Git/config", "x")}, ".git"},
		{"bad path of an unchanged file", []change.Change{modified("/x", "x", "x")}, "not a clean"},
		{"twice", []change.Change{modified("a", "x", "y"), created("b", ""), modified("a", "x", "z")}, "twice"},
		{"created and deleted", []change.Change{{Path: "a", Created: true, Deleted: true}}, "both"},
		{"created with old content", []change.Change{{Path: "a", Old: []byte("x"), Created: true}}, "content before"},
		{"deleted with new content", []change.Change{{Path: "a", New: []byte("x"), Deleted: true}}, "content after"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Unified(tt.changes)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Unified: error %v; want one with %q", err, tt.want)
			}
			if got != nil {
				t.Errorf("Unified gave %q along with an error", got)
			}
			if _, err := Stats(tt.changes); err == nil {
				t.Error("Stats: no error")
			}
			var sb strings.Builder
			if err := Colour(&sb, tt.changes); err == nil || sb.Len() > 0 {
				t.Errorf("Colour: error %v after writing %q", err, sb.String())
			}
		})
	}
}

func TestStats(t *testing.T) {
	got, err := Stats([]change.Change{
		modified("c", "1\n2\n3\n", "1\nx\ny\n3\n"),
		modified("same", "1\n", "1\n"),
		created("b", "1\n2"),
		deleted("a", "1\n2\n3\n"),
		created("empty", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Stat{{"a", 0, 3}, {"b", 2, 0}, {"c", 2, 1}, {"empty", 0, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
