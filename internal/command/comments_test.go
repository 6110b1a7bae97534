package command_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every exported function, method and type says in a sentence what it is, and the sentence begins
// with its name: a comment that has kept the name from before a renaming is found that way.
func TestExportedNamesAreExplained(t *testing.T) {
	t.Parallel()
	seen := 0
	fset := token.NewFileSet()
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "e2e" || d.Name() == "testkit"):
			return filepath.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			for name, doc := range explained(decl) {
				seen++
				if !strings.HasPrefix(strings.TrimSpace(doc.Text())+" ", name+" ") && !article(doc.Text(), name) {
					t.Errorf("%s: %s has no comment that begins with its name", fset.Position(decl.Pos()), name)
				}
			}
		}
		return nil
	})
	if err != nil || seen < 500 {
		t.Fatalf("%d exported names, %v", seen, err)
	}
}

func article(text, name string) bool {
	_, rest, _ := strings.Cut(text, " ")
	return slices.ContainsFunc([]string{"A ", "An ", "The "}, func(a string) bool { return strings.HasPrefix(text, a) }) &&
		(strings.HasPrefix(rest, name+" ") || strings.HasPrefix(rest, name+"\n") || strings.HasPrefix(rest, name+","))
}

// explained are the exported names that a declaration gives comments to. Methods of interfaces of
// the standard library, and those of types that are not exported, need none.
func explained(decl ast.Decl) map[string]*ast.CommentGroup {
	out := map[string]*ast.CommentGroup{}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		common := d.Recv != nil && slices.Contains([]string{"String", "Error", "Unwrap", "Len", "Less", "Swap", "Write", "Read"}, d.Name.Name)
		if d.Name.IsExported() && !common && (d.Recv == nil || receiver(d.Recv.List[0].Type).IsExported()) {
			out[d.Name.Name] = d.Doc
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() {
				out[s.Name.Name] = s.Doc
				if s.Doc == nil {
					out[s.Name.Name] = d.Doc
				}
			}
		}
	}
	return out
}

func receiver(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e
	}
	return ast.NewIdent("_")
}
