package edit

import (
	"bytes"
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"testing"

	"etcdmod/rewrite/internal/source"
)

func TestEdits(t *testing.T) {
	tests := []struct {
		es   Edits
		want string // "" for an error
	}{
		{nil, "abcdef"},
		{Edits{{4, 5, "X"}, {1, 2, "YY"}}, "aYYcdXf"},
		{Edits{{1, 2, "X"}, {1, 2, "X"}}, "aXcdef"},
		{Edits{{2, 2, "X"}}, "abXcdef"},
		{Edits{{1, 3, "X"}, {2, 4, "Y"}}, ""},
		{Edits{{1, 2, "X"}, {1, 2, "Y"}}, ""},
		{Edits{{5, 9, "X"}}, ""},
	}
	for _, test := range tests {
		out, err := test.es.Apply([]byte("abcdef"))
		if err != nil && test.want != "" || err == nil && string(out) != test.want {
			t.Errorf("%v: %q, %v; want %q", test.es, out, err, test.want)
		}
	}
	es := Edits{{1, 2, "YY"}, {4, 5, ""}}
	for at, want := range []int{0, 1, 3, 4, 5, 5} {
		if got := es.Moved(at); got != want {
			t.Errorf("moved(%d) = %d, want %d", at, got, want)
		}
	}
}

var seeds = []string{
	"package p\n\nimport \"concurrency\"\n\ntype T struct {\n\ta int // x\n\tmu *concurrency.Mutex // y\n}\n",
	"package p\n\nimport (\n\t\"a\"\n\n\tx \"concurrency\" // c\n)\n\nvar (\n\tm  *concurrency.Mutex\n\tnn = 1 /* z */\n)\n\nfunc  f( ){ concurrency.NewMutex() }",
	"\xef\xbb\xbfpackage p\r\n\r\nimport \"concurrency\"\r\n\r\nvar m map[string]*concurrency.Mutex // c\r\n\r\nvar  s = `a\r\nb`\r\n",
	"package p; import \"a\"; import \"b\" /* c\n d */\nvar x = concurrency.Mutex{}\n",
	"package p\n\nimport (\n\t// doc\n\t\"a\"\n\t\"b\")\n\n// Doc.\nfunc f() { // c\n\tconcurrency.x()\n} // d\n",
}

// FuzzRealign replaces tokens and checks that nothing else but the columns of touched
// declarations changes.
func FuzzRealign(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		before, err := Parse(src)
		if err != nil {
			t.Skip()
		}
		var es Edits
		ast.Inspect(before.File, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if id, ok := sel.X.(*ast.Ident); ok && id.Name == "concurrency" {
					es = append(es, Edit{before.Offset(sel.Pos()), before.Offset(sel.End()), "e.M"})
				}
			}
			return true
		})
		after, err := es.Apply(src)
		if err != nil {
			t.Fatal(err) // selectors of a package do not overlap
		}
		out, err := Realign(src, after, es)
		if err != nil {
			t.Skip() // refused
		}
		now, err := Parse(out)
		if err != nil {
			t.Fatalf("does not parse: %v\n%s", err, out)
		}
		if len(now.File.Decls) != len(before.File.Decls) {
			t.Fatalf("%d declarations, had %d", len(now.File.Decls), len(before.File.Decls))
		}
		touched := map[int]bool{}
		for _, e := range es {
			touched[before.DeclAt(e.Start)] = true
		}
		atOld, atNew := 0, 0
		for i := range before.File.Decls {
			a, b := before.Span(before.File.Decls[i])
			c, d := now.Span(now.File.Decls[i])
			if !bytes.Equal(src[atOld:a], out[atNew:c]) {
				t.Fatalf("before declaration %d: %q became %q", i, src[atOld:a], out[atNew:c])
			}
			if !touched[i] && !bytes.Equal(src[a:b], out[c:d]) {
				t.Fatalf("declaration %d: %q became %q", i, src[a:b], out[c:d])
			}
			atOld, atNew = b, d
		}
		if !bytes.Equal(src[atOld:], out[atNew:]) {
			t.Fatalf("the end: %q became %q", src[atOld:], out[atNew:])
		}
	})
}

// A new import goes where people would put it: never among those of the standard library where
// there is another group.
func TestAddImportChoosesItsGroup(t *testing.T) {
	for _, tc := range []struct{ imports, want string }{
		{`"time"

	"m/other"

	"example.com/client/lock"`, "m/internal/etcdlock\nm/other"},
		{`"time"

	"example.com/other"

	"example.com/client/lock"`, "example.com/client/lock\nm/internal/etcdlock"},
		{`"time"

	"example.com/other"

	"example.com/client"`, "example.com/client\nm/internal/etcdlock"},
		{`"time"

	"example.com/other"`, "example.com/other\nm/internal/etcdlock"},
		{`"context"
	"time"`, "context\nm/internal/etcdlock\ntime"},
	} {
		src := "package p\n\nimport (\n\t" + tc.imports + "\n)\n"
		out, err := AddImport([]byte(src), "m/internal/etcdlock", "etcdlock", "m", "example.com/client/lock")
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range strings.Split(string(out), "\n\n") {
			if !strings.Contains(group, "m/internal") {
				continue
			}
			var paths []string
			for _, q := range regexp.MustCompile(`"(.*)"`).FindAllStringSubmatch(group, -1) {
				paths = append(paths, q[1])
			}
			if got := strings.Join(paths, "\n"); got != tc.want {
				t.Errorf("among\n%s\nit stands in the group\n%s\nwant\n%s", tc.imports, got, tc.want)
			}
		}
	}
}

// FuzzAddImport checks that one run of bytes is inserted and that it is an import.
func FuzzAddImport(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, src []byte, alias bool) {
		before, err := Parse(src)
		if err != nil {
			t.Skip()
		}
		name := "etcdlock"
		if alias {
			name = "etcdlock2"
		}
		out, err := AddImport(src, "m/internal/etcdlock", name, "m", "a")
		if err != nil {
			t.Skip() // refused
		}
		after, err := Parse(out)
		if err != nil {
			t.Fatalf("does not parse: %v\n%s", err, out)
		}
		if len(after.File.Imports) != len(before.File.Imports)+1 {
			t.Fatalf("%d imports, had %d:\n%s", len(after.File.Imports), len(before.File.Imports), out)
		}
		// One run of bytes was inserted.
		i := 0
		for i < len(src) && src[i] == out[i] {
			i++
		}
		n := len(out) - len(src)
		found := false
		for ; i >= 0 && !found; i-- {
			found = bytes.Equal(src[:i], out[:i]) && bytes.Equal(src[i:], out[i+n:])
		}
		if !found {
			t.Fatalf("more than one run of bytes was inserted:\n%q\n%q", src, out)
		}
		if c := LostComment(src, out); c != "" {
			t.Fatalf("lost %q", c)
		}
		if c := LostComment(out, src); c != "" {
			t.Fatalf("gained %q", c)
		}
	})
}

// FuzzDropImports drops what is used before and not after, and nothing else.
func FuzzDropImports(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		before, err := Parse(src)
		if err != nil {
			t.Skip()
		}
		names := map[string]string{}
		for _, s := range before.File.Imports {
			names[source.ImportPath(s)] = lastElem(source.ImportPath(s))
		}
		// Take all uses of concurrency away.
		var es Edits
		ast.Inspect(before.File, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if id, ok := sel.X.(*ast.Ident); ok && id.Name == "concurrency" {
					es = append(es, Edit{before.Offset(id.Pos()), before.Offset(id.End()), "etcdlock"})
				}
			}
			return true
		})
		after, err := es.Apply(src)
		if err != nil {
			t.Fatal(err)
		}
		out, err := DropImports(src, after, names, "")
		if err != nil {
			t.Skip() // refused
		}
		now, err := Parse(out)
		if err != nil {
			t.Fatalf("does not parse: %v\n%s", err, out)
		}
		was, err := Parse(after)
		if err != nil {
			t.Skip()
		}
		for _, s := range was.File.Imports {
			name := names[source.ImportPath(s)]
			if s.Name != nil {
				name = s.Name.Name
			}
			kept := false
			for _, o := range now.File.Imports {
				kept = kept || o.Path.Value == s.Path.Value && (o.Name == nil) == (s.Name == nil) && (o.Name == nil || o.Name.Name == s.Name.Name)
			}
			if !kept && (name != "concurrency" || now.usedNames()[name]) {
				t.Fatalf("dropped %s as %s", s.Path.Value, name)
			}
		}
		if a, b := bodies(was), bodies(now); !bytes.Equal(a, b) {
			t.Fatalf("outside imports:\n%q\n%q", a, b)
		}
	})
}

// bodies returns the text of all declarations but imports.
func bodies(p *Version) (out []byte) {
	for i, d := range p.File.Decls {
		if gen, ok := d.(*ast.GenDecl); !ok || gen.Tok != token.IMPORT {
			out = append(append(out, DeclText(p, i)...), '\n')
		}
	}
	return out
}
