package verify

import (
	"fmt"
	"strings"
	"testing"
)

// many gives n declarations with an error each, more than the compiler reports.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "var bad%d int = undefined%d\n", i, i)
	}
	return b.String()
}

// broken is a module in which a does not build, and b imports it.
var broken = `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

` + many(15) + `
func A() int { return 1 }
-- b/b.go --
package b

import "example.com/m/a"

func B() int { return a.A() }
-- b/b_test.go --
package b_test

import "example.com/m/b"

var X int = b.B()
-- ok/ok.go --
package ok

import "fmt"

func OK() string { return fmt.Sprint(1) }
`

// What did not build before need not build, but must not get worse.
func TestBrokenBefore(t *testing.T) {
	t.Parallel()
	const missing = `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

import (
	"strings"

	"example.net/nowhere/x"
)

func A() int { return x.A(strings.ToUpper("a")) }
-- b/b.go --
package b

import "example.com/m/a"

func B() int { return a.A() }
`
	for _, test := range []struct {
		name   string
		module string
		env    []string
		edits  string
		before int
		want   []string
	}{{
		name:   "the same errors, on other lines",
		module: broken,
		edits:  "-- a/a.go --\npackage a\n\n// More.\n// Lines.\n\n" + many(15) + "\nfunc A() int { return 2 }\n",
		before: 10,
	}, {
		name:   "fewer errors",
		module: broken,
		edits:  "-- a/a.go --\npackage a\n\n" + many(12) + "\nfunc A() int { return 2 }\n",
		before: 10,
	}, {
		name:   "one more, behind those that the compiler reports",
		module: broken,
		edits:  "-- a/a.go --\npackage a\n\n" + many(15) + "\nfunc A() int { return \"\" }\n",
		before: 10,
		want: []string{
			`build example.com/m/a a/a.go:19:23: cannot use "" (untyped string constant) as int value in return statement`,
		},
	}, {
		name:   "the same error once more",
		module: broken,
		edits:  "-- a/a.go --\npackage a\n\n" + many(15) + "\nfunc A() int { return undefined3 }\n",
		before: 10,
		want:   []string{`build example.com/m/a a/a.go:19:23: undefined: undefined3`},
	}, {
		name:   "an importer that was never compiled",
		module: broken,
		edits:  "-- a/a.go --\npackage a\n\n" + many(15) + "\nfunc A() string { return \"\" }\n",
		before: 10,
		want: []string{
			`build example.com/m/b b/b.go:5:23: cannot use a.A() (value of type string) as int value in return statement`,
		},
	}, {
		name:   "an external test of an importer that was never compiled",
		module: broken,
		edits:  "-- b/b.go --\npackage b\n\nimport \"example.com/m/a\"\n\nfunc B() string { _ = a.A(); return \"\" }\n",
		before: 10,
		want: []string{
			`build example.com/m/b b/b_test.go:5:13: cannot use b.B() (value of type string) as int value in variable declaration`,
		},
	}, {
		name:   "a new import of a package that never built",
		module: broken,
		edits:  "-- ok/ok.go --\npackage ok\n\nimport \"example.com/m/a\"\n\nfunc OK() int { return a.A() }\n",
		before: 10,
		want:   []string{`build example.com/m/ok example.com/m/ok: imports a package that does not build, with the change or without:`},
	}, {
		name:   "a new package that imports one that never built",
		module: broken,
		edits:  "-- new/new.go --\npackage new\n\nimport \"example.com/m/a\"\n\nfunc OK() int { return a.A() }\n",
		before: 10,
		want:   []string{`build example.com/m/new example.com/m/new: imports a package that does not build, with the change or without:`},
	}, {
		name:   "everything mended",
		module: broken,
		edits:  "-- a/a.go --\npackage a\n\nfunc A() int { return 2 }\n",
	}, {
		name:   "a missing module",
		module: missing,
		edits:  "-- b/b.go --\npackage b\n\nimport \"example.com/m/a\"\n\nfunc B() int { return a.A() + 1 }\n",
		before: 1,
	}, {
		name:   "a missing module, and go.mod may be written",
		module: missing,
		env:    []string{"GOFLAGS=-mod=mod"},
		edits:  "-- b/b.go --\npackage b\n\nimport \"example.com/m/a\"\n\nfunc B() int { return a.A() + 1 }\n",
		before: 1,
	}, {
		name:   "an error in a package that imports a missing module",
		module: missing,
		edits:  "-- a/a.go --\npackage a\n\nimport \"example.net/nowhere/x\"\n\nfunc A() int { _ = x.A(); return \"\" }\n",
		before: 1,
		want: []string{
			`build example.com/m/a a/a.go:5:34: cannot use "" (untyped string constant) as int value in return statement`,
		},
	}, {
		name:   "an error in a package that imports one with a missing module",
		module: missing,
		edits:  "-- b/b.go --\npackage b\n\nimport \"example.com/m/a\"\n\nfunc B() string { return a.A() }\n",
		before: 1,
		want: []string{
			`build example.com/m/b b/b.go:5:26: cannot use a.A() (value of type int) as string value in return statement`,
		},
	}, {
		name:   "a second missing package",
		module: missing,
		edits: "-- b/b.go --\npackage b\n\nimport \"example.com/m/a\"\nimport _ \"example.net/nowhere/y\"\n\n" +
			"func B() int { return a.A() + 1 }\n",
		before: 1,
		want: []string{
			`load example.com/m/b b/b.go:4:8: no required module provides package example.net/nowhere/y; to add it:`,
			`build example.com/m/b b/b.go:4:10: could not import example.net/nowhere/y (not found)`,
		},
	}, {
		name: "an embed pattern that matches nothing",
		module: `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

import _ "embed"

//go:embed none.txt
var text string
-- a/b.go --
package a
`,
		edits:  "-- a/b.go --\npackage a\n\nvar B int = \"\"\n",
		before: 1,
		want: []string{
			`build example.com/m/a a/b.go:3:13: cannot use "" (untyped string constant) as int value in variable declaration`,
		},
	}, {
		name: "a syntax error in another file",
		module: `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

func broken( {
-- a/b.go --
package a
`,
		edits:  "-- a/b.go --\npackage a\n\nvar B int = \"\"\n",
		before: 1,
		want: []string{
			`build example.com/m/a a/b.go:3:13: cannot use "" (untyped string constant) as int value in variable declaration`,
		},
	}, {
		name: "a malformed test function",
		module: `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

func A() int { return 1 }
-- a/a_test.go --
package a

func TestA(x int) {}

var x int = A()
`,
		edits:  "-- a/a.go --\npackage a\n\nfunc A() string { return \"\" }\n",
		before: 1,
		want: []string{
			`build example.com/m/a a/a_test.go:5:13: cannot use A() (value of type string) as int value in variable declaration`,
		},
	}, {
		name: "the C part does not build",
		module: `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

import "C"

func A() int { return int(C.nothing()) }
-- a/b.go --
package a
`,
		edits:  "-- a/b.go --\npackage a\n\nvar B int = \"\"\n",
		before: 1,
		want: []string{
			`build example.com/m/a a/b.go:3:13: cannot use "" (untyped string constant) as int value in variable declaration`,
		},
	}, {
		name: "the C part does not build, and the Go part is right",
		module: `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
package a

import "C"

func A() int { return int(C.nothing()) }
-- a/b.go --
package a
`,
		edits:  "-- a/b.go --\npackage a\n\nvar B int = 1\n",
		before: 1,
	}, {
		name: "files of another system only",
		module: `
-- go.mod --
module example.com/m

go 1.21
-- a/a.go --
//go:build never

package a
-- b/b.go --
package b

import _ "example.com/m/a"
`,
		edits:  "-- b/b.go --\npackage b\n\nimport _ \"example.com/m/a\"\n\nvar X = 1\n",
		before: 1,
	}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, test.module, "")
			f.env = append(f.env, test.env...)
			res := f.check(t, f.request(test.edits))
			f.want(t, res, test.want...)
			if res.Before != test.before {
				t.Errorf("Before = %d, want %d", res.Before, test.before)
			}
		})
	}
}
