package rewrite

import (
	"bytes"
	"go/ast"
	"go/token"
	"testing"
)

func TestEdits(t *testing.T) {
	tests := []struct {
		es   edits
		want string // "" for an error
	}{
		{nil, "abcdef"},
		{edits{{4, 5, "X"}, {1, 2, "YY"}}, "aYYcdXf"},
		{edits{{1, 2, "X"}, {1, 2, "X"}}, "aXcdef"},
		{edits{{2, 2, "X"}}, "abXcdef"},
		{edits{{1, 3, "X"}, {2, 4, "Y"}}, ""},
		{edits{{1, 2, "X"}, {1, 2, "Y"}}, ""},
		{edits{{5, 9, "X"}}, ""},
	}
	for _, test := range tests {
		out, err := test.es.apply([]byte("abcdef"))
		if err != nil && test.want != "" || err == nil && string(out) != test.want {
			t.Errorf("%v: %q, %v; want %q", test.es, out, err, test.want)
		}
	}
	es := edits{{1, 2, "YY"}, {4, 5, ""}}
	for at, want := range []int{0, 1, 3, 4, 5, 5} {
		if got := es.moved(at); got != want {
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
		before, err := parse(src)
		if err != nil {
			t.Skip()
		}
		var es edits
		ast.Inspect(before.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if id, ok := sel.X.(*ast.Ident); ok && id.Name == "concurrency" {
					es = append(es, textEdit{before.offset(sel.Pos()), before.offset(sel.End()), "e.M"})
				}
			}
			return true
		})
		after, err := es.apply(src)
		if err != nil {
			t.Fatal(err) // selectors of a package do not overlap
		}
		out, err := realign(src, after, es)
		if err != nil {
			t.Skip() // refused
		}
		now, err := parse(out)
		if err != nil {
			t.Fatalf("does not parse: %v\n%s", err, out)
		}
		if len(now.file.Decls) != len(before.file.Decls) {
			t.Fatalf("%d declarations, had %d", len(now.file.Decls), len(before.file.Decls))
		}
		touched := map[int]bool{}
		for _, e := range es {
			touched[before.declAt(e.start)] = true
		}
		atOld, atNew := 0, 0
		for i := range before.file.Decls {
			a, b := before.span(before.file.Decls[i])
			c, d := now.span(now.file.Decls[i])
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

// FuzzAddImport checks that one run of bytes is inserted and that it is an import.
func FuzzAddImport(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, src []byte, alias bool) {
		before, err := parse(src)
		if err != nil {
			t.Skip()
		}
		name := "etcdlock"
		if alias {
			name = "etcdlock2"
		}
		out, err := addImport(src, "m/internal/etcdlock", name, "m", "a")
		if err != nil {
			t.Skip() // refused
		}
		after, err := parse(out)
		if err != nil {
			t.Fatalf("does not parse: %v\n%s", err, out)
		}
		if len(after.file.Imports) != len(before.file.Imports)+1 {
			t.Fatalf("%d imports, had %d:\n%s", len(after.file.Imports), len(before.file.Imports), out)
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
		if c := lostComment(src, out); c != "" {
			t.Fatalf("lost %q", c)
		}
		if c := lostComment(out, src); c != "" {
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
		before, err := parse(src)
		if err != nil {
			t.Skip()
		}
		names := map[string]string{}
		for _, s := range before.file.Imports {
			names[importPathOf(s)] = lastElem(importPathOf(s))
		}
		// Take all uses of concurrency away.
		var es edits
		ast.Inspect(before.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if id, ok := sel.X.(*ast.Ident); ok && id.Name == "concurrency" {
					es = append(es, textEdit{before.offset(id.Pos()), before.offset(id.End()), "etcdlock"})
				}
			}
			return true
		})
		after, err := es.apply(src)
		if err != nil {
			t.Fatal(err)
		}
		out, err := dropImports(src, after, names)
		if err != nil {
			t.Skip() // refused
		}
		now, err := parse(out)
		if err != nil {
			t.Fatalf("does not parse: %v\n%s", err, out)
		}
		was, err := parse(after)
		if err != nil {
			t.Skip()
		}
		for _, s := range was.file.Imports {
			name := names[importPathOf(s)]
			if s.Name != nil {
				name = s.Name.Name
			}
			kept := false
			for _, o := range now.file.Imports {
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
func bodies(p *parsed) (out []byte) {
	for i, d := range p.file.Decls {
		if gen, ok := d.(*ast.GenDecl); !ok || gen.Tok != token.IMPORT {
			out = append(append(out, declText(p, i)...), '\n')
		}
	}
	return out
}
