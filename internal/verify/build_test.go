package verify

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// basic is a module with a changed package a, an importer b with tests in and outside
// of the package, a command c on top, and d, which has nothing to do with them.
const basic = `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

func A() int { return 1 }
-- b/b.go --
package b

import "example.com/m/a"

func B() int { return a.A() }
-- b/b_test.go --
package b

import "testing"

func TestB(t *testing.T) {
	var want int = B()
	_ = want
}
-- b/x_test.go --
package b_test

import (
	"testing"

	"example.com/m/b"
)

func TestX(t *testing.T) { _ = b.B() }
-- c/main.go --
package main

import "example.com/m/b"

func main() { b.B() }
-- d/d.go --
package d
-- e/e_test.go --
package e

import (
	"testing"

	"example.com/m/a"
)

func TestE(t *testing.T) {
	var x int = a.A()
	_ = x
}
`

func TestBuild(t *testing.T) {
	t.Parallel()
	all := []string{"example.com/m/a", "example.com/m/b", "example.com/m/c", "example.com/m/e"}
	for _, test := range []struct {
		name    string
		module  string
		edits   string
		changed []string
		flags   []string
		want    []string
		checked []string
		before  int
	}{{
		name:    "an edit that builds",
		module:  basic,
		edits:   "-- a/a.go --\npackage a\n\nfunc A() int { return 2 }\n",
		changed: []string{"example.com/m/a"},
		checked: all,
	}, {
		name:    "a pattern",
		module:  basic,
		edits:   "-- a/a.go --\npackage a\n\nfunc A() int { return 2 }\n",
		changed: []string{"./a/...", "./c/", "example.com/m/c", "example.com/m/d/"},
		checked: []string{"example.com/m/a", "example.com/m/b", "example.com/m/c", "example.com/m/d", "example.com/m/e"},
	}, {
		name:    "packages of the overlay need not be named",
		module:  basic,
		edits:   "-- a/a.go --\npackage a\n\nfunc A() int { return 2 }\n",
		checked: all,
	}, {
		name:   "an error in the changed package",
		module: basic,
		edits:  "-- a/a.go --\npackage a\n\nfunc A() int { return \"\" }\n",
		want: []string{
			`build example.com/m/a a/a.go:3:23: cannot use "" (untyped string constant) as int value in return statement`,
		},
		checked: all,
	}, {
		name:   "an error in importers and their tests",
		module: basic,
		edits:  "-- a/a.go --\npackage a\n\nfunc A() string { return \"\" }\n",
		want: []string{
			`build example.com/m/b b/b.go:5:23: cannot use a.A() (value of type string) as int value in return statement`,
			`build example.com/m/e e/e_test.go:10:14: cannot use a.A() (value of type string) as int value in variable declaration`,
		},
		checked: all,
	}, {
		name:   "an error only in a test of the package",
		module: basic,
		edits:  "-- b/b.go --\npackage b\n\nfunc B() string { return \"\" }\n",
		want: []string{
			`build example.com/m/b b/b_test.go:6:17: cannot use B() (value of type string) as int value in variable declaration`,
		},
		checked: []string{"example.com/m/b", "example.com/m/c"},
	}, {
		name:   "an error only in an external test package",
		module: basic,
		edits:  "-- b/x_test.go --\npackage b_test\n\nimport \"example.com/m/b\"\n\nvar X string = b.B()\n",
		want: []string{
			`build example.com/m/b b/x_test.go:5:16: cannot use b.B() (value of type int) as string value in variable declaration`,
		},
		checked: []string{"example.com/m/b", "example.com/m/c"},
	}, {
		name:   "a syntax error",
		module: basic,
		edits:  "-- a/a.go --\npackage a\n\nfunc A() int { return }}\n",
		want: []string{
			`build example.com/m/a a/a.go:3:24: syntax error: unexpected } after top level declaration`,
		},
		checked: all,
	}, {
		name:   "an error with a second position keeps it",
		module: basic,
		edits:  "-- a/new.go --\npackage a\n\nfunc A() int { return 2 }\n",
		want: []string{
			`build example.com/m/a a/new.go:3:6: A redeclared in this block`,
		},
		checked: all,
	}, {
		name:   "an import cycle",
		module: basic,
		edits:  "-- a/a.go --\npackage a\n\nimport \"example.com/m/b\"\n\nfunc A() int { return b.B() }\n",
		want: []string{
			`load example.com/m/a example.com/m/a: import cycle not allowed`,
			`load example.com/m/b example.com/m/b: import cycle not allowed in test`,
		},
		checked: all,
	}, {
		name:   "a package that exists only in the overlay",
		module: basic,
		edits: `
-- internal/lock/lock.go --
package lock

func Lock() int { return 1 }
-- a/a.go --
package a

import "example.com/m/internal/lock"

func A() int { return lock.Lock() }
`,
		changed: []string{"example.com/m/a", "./internal/lock"},
		checked: append(all, "example.com/m/internal/lock"),
	}, {
		name:   "an error in a package that exists only in the overlay",
		module: basic,
		edits:  "-- internal/lock/lock.go --\npackage lock\n\nfunc Lock() int { return nil }\n",
		want: []string{
			`build example.com/m/internal/lock internal/lock/lock.go:3:26: cannot use nil as int value in return statement`,
		},
		checked: []string{"example.com/m/internal/lock"},
	}, {
		name:   "an import of a package that nobody provides",
		module: basic,
		edits:  "-- a/a.go --\npackage a\n\nimport \"example.net/nowhere/x\"\n\nfunc A() int { return x.X() }\n",
		want: []string{
			`load example.com/m/a a/a.go:3:8: no required module provides package example.net/nowhere/x; to add it:`,
		},
		checked: all,
	}, {
		name:   "CRLF",
		module: strings.ReplaceAll(basic, "\n\nfunc A", "\r\n\r\nfunc A"),
		edits:  "-- a/a.go --\npackage a\r\n\r\nfunc A() int {\r\n\treturn \"\"\r\n}\r\n",
		want: []string{
			`build example.com/m/a a/a.go:4:9: cannot use "" (untyped string constant) as int value in return statement`,
		},
		checked: all,
	}, {
		name:    "build tags come through the flags",
		module:  basic,
		edits:   "-- a/tagged.go --\n//go:build special\n\npackage a\n\nvar x int = \"\"\n",
		flags:   []string{"-tags=special", "-timeout=1m"},
		checked: all,
		want: []string{
			`build example.com/m/a a/tagged.go:5:13: cannot use "" (untyped string constant) as int value in variable declaration`,
		},
	}, {
		name: "a malformed test function",
		module: basic + `
-- f/f.go --
package f
-- f/f_test.go --
package f
`,
		edits: "-- f/f_test.go --\npackage f\n\nfunc TestF(x int) {}\n",
		want: []string{
			`load example.com/m/f f/f_test.go:3:1: wrong signature for TestF, must be: func TestF(t *testing.T)`,
		},
		checked: []string{"example.com/m/f"},
	}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, test.module, "")
			req := f.request(test.edits, test.changed...)
			req.Flags = test.flags
			res := f.check(t, req)
			f.want(t, res, test.want...)
			if diff := cmp.Diff(test.checked, res.Checked); diff != "" {
				t.Errorf("checked (-want +got):\n%s", diff)
			}
			if res.Before != test.before {
				t.Errorf("Before = %d, want %d", res.Before, test.before)
			}
		})
	}
}

func TestCleanPatterns(t *testing.T) {
	got := cleanPatterns([]string{".", "./", "./a/", "./a/...", "example.com/m/a/", "./a/../b"})
	want := []string{".", ".", "./a", "./a/...", "example.com/m/a", "./b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
