package load

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// What doubles line by line is found before a type checker spells it out, in whatever form, and what is
// ordinary is not.
func TestSwollen(t *testing.T) {
	lines := func(n int, first, form string) string {
		var b strings.Builder
		b.WriteString("package p\n" + first + "\n")
		for i := 1; i < n; i++ {
			fmt.Fprintf(&b, strings.ReplaceAll(form, "PREV", fmt.Sprintf("x%d", i-1))+"\n", i)
		}
		return b.String()
	}
	nested := func(n int, before, open, inner, closing string) string {
		return "package p\n" + before + strings.Repeat(open, n) + inner + strings.Repeat(closing, n) + "\n"
	}
	backwards := func(form, last string) string {
		var b strings.Builder
		b.WriteString("package p\n")
		for i := range 2 * entangled {
			fmt.Fprintf(&b, form+"\n", i, i+1)
		}
		fmt.Fprintf(&b, last, 2*entangled)
		return b.String()
	}
	for _, c := range []struct {
		name  string
		files []string // the last is measured
		big   bool
	}{
		{"texts", []string{lines(40, `const x0 = "x"`, "const x%d = PREV + PREV")}, true},
		{"texts, backwards", []string{"package p\nconst x40 = \"x\"\n" + func() (s string) {
			for i := range 40 {
				s += fmt.Sprintf("const x%d = x%d + x%d\n", i, i+1, i+1)
			}
			return s
		}()}, true},
		{"in a block, as the line before", []string{"package p\nconst ( a = \"xxxxxxxxxxxxxxxx\"; b = a+a+a+a+a+a+a+a; c = b+b+b+b+b+b+b+b; d = c+c+c+c+c+c+c+c; e = d+d+d+d+d+d+d+d; f = e+e+e+e+e+e+e+e; g = f+f+f+f+f+f+f+f; h = g+g+g+g+g+g+g+g; i )"}, true},
		{"converted", []string{lines(40, "type t string\nconst x0 = \"x\"", "const x%d = t(PREV) + t((PREV))")}, true},
		{"in a function", []string{nested(40, "func f() { const s = \"x\"\n", "{ const s = s + s\n", "_ = len(s)\n", "}\n") + "}"}, true},
		{"in literals of functions", []string{nested(40, "var f = func() { const s = \"x\"\n", "func() { const s = s + s\n", "_ = len(s)\n", "}()\n") + "}"}, true},
		{"types", []string{lines(40, "type x0 = int\ntype pair[A, B any] struct { a A; b B }", "type x%d = pair[PREV, PREV]")}, true},
		{"types that are no names", []string{lines(40, "type x0 = int", "type x%d = struct { a, b PREV; c PREV }")}, true},
		{"generic names", []string{nested(40, "type two[T any] = struct { a T; b T }\nvar x ", "two[", "int", "]")}, true},
		{"variables, each before what it needs", []string{backwards("var x%d = x%d", "var x%d = 1")}, true},
		{"types, each before what it needs", []string{backwards("type x%d struct { x x%d }", "type x%d int")}, true},
		{"of another package", []string{
			strings.ReplaceAll(lines(13, "const x0 = \"xxxxxxxxxxxxxxxx\"", "const X%[1]d = PREV + PREV\nconst x%[1]d = X%[1]d"), "package p", "package q"),
			"package p\nimport q \"example.com/0\"\nconst a = q.X12 + q.X12 + q.X12 + q.X12 + q.X12 + q.X12 + q.X12 + q.X12\nconst b = a+a+a+a+a+a+a+a+a+a\nconst c = b+b+b+b+b+b+b+b+b+b",
		}, true},
		{"of one without a name", []string{
			strings.ReplaceAll(lines(13, "const x0 = \"xxxxxxxxxxxxxxxx\"", "const X%[1]d = PREV + PREV\nconst x%[1]d = X%[1]d"), "package p", "package q"),
			"package p\nimport . \"example.com/0\"\nconst a = X12 + X12 + X12 + X12 + X12 + X12 + X12 + X12\nconst b = a+a+a+a+a+a+a+a+a+a\nconst c = b+b+b+b+b+b+b+b+b+b",
		}, true},

		{"one after the other", []string{lines(100_000, "const x0 = 1", "const x%d = PREV + 1")}, false},
		{"names of names", []string{lines(5000, "type x0 = int", "type x%d = PREV")}, false},
		{"types of their own", []string{lines(40, "type x0 struct{}", "type x%d struct { a, b PREV }")}, false},
		{"a long text", []string{"package p\nconst s = \"" + strings.Repeat("x", 1<<20) + "\"\nconst a = s + s"}, false},
		{"itself", []string{"package p\nconst a = b + b\nconst b = a + a\ntype t = u\ntype u = t"}, false},
		{"of the same name elsewhere", []string{"package p\nimport \"example.com/other\"\ntype T = other.T\nconst C = other.C"}, false},
		{"many operands", []string{"package p\nvar a = b" + strings.Repeat("+b", 50000) + "\nvar b = 1"}, false},
	} {
		m := measure{known: map[string]int{}}
		var at token.Pos
		for i, text := range c.files {
			f, err := parser.ParseFile(token.NewFileSet(), "p.go", text, parser.SkipObjectResolution)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if at = m.swollen(fmt.Sprintf("example.com/%d", i), []*ast.File{f}); i < len(c.files)-1 && at.IsValid() {
				t.Errorf("%s: file %d is too big", c.name, i)
			}
		}
		if at.IsValid() != c.big {
			t.Errorf("%s: too big: %v", c.name, at.IsValid())
		}
	}
}
