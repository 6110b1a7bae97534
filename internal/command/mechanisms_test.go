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

// around are the functions that go around the mechanisms: packages rooted, gitcmd, gocmd and modules.
var around = map[string][]string{
	"os":      {"Open", "OpenFile", "ReadFile", "WriteFile", "Create", "CreateTemp"},
	"exec":    {"Command", "CommandContext"},
	"modfile": {"Parse", "ParseLax", "ParseWork"},
}

// allowed are the files that may, with the reason.
var allowed = map[string]string{
	"internal/rooted/rooted.go":          "the mechanism",
	"internal/gitcmd/gitcmd.go":          "the mechanism",
	"internal/gocmd/gocmd.go":            "the mechanism",
	"internal/modules/gomod.go":          "the mechanism",
	"modbump/parse.go":                   "keeps the lines of go.mod, to edit them",
	"modbump/verify.go":                  "reads what it has written",
	"internal/gocmd/layer.go":            "in a scratch directory of its own",
	"internal/bump/gosum/tidy.go":        "in a scratch directory of its own",
	"internal/bump/gosum/scratch.go":     "in a scratch directory of its own",
	"internal/bump/vendoring/make.go":    "in a scratch directory of its own",
	"internal/bump/vendoring/origins.go": "in a scratch directory of its own",
	"internal/verify/shadow/files.go":    "writes into a scratch directory",
	"internal/procgroup/watch_linux.go":  "itself, and what the system says of processes",
	"internal/ship/publish.go":           "the command that the user gave",
	"internal/command/pager.go":          "the pager of the user's environment or global configuration",
}

// Everything that is read, written or run goes through one mechanism each.
func TestMechanisms(t *testing.T) {
	used := map[string]bool{}
	source(t, func(rel string, fset *token.FileSet, f *ast.File) {
		if strings.HasPrefix(rel, "internal/testkit/") {
			return // what only tests use
		}
		for n := range ast.Preorder(f) {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				continue
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok || !slices.Contains(around[pkg.Name], sel.Sel.Name) {
				continue
			}
			used[rel] = true
			if allowed[rel] == "" {
				t.Errorf("%s: %s.%s goes around rooted, gitcmd, gocmd and modules", fset.Position(sel.Pos()), pkg.Name, sel.Sel.Name)
			}
		}
	})
	for name := range allowed {
		if !used[name] {
			t.Errorf("%s needs no exception any more", name)
		}
	}
}

// source hands over each file of the program and of what only its tests use, but for the tests
// themselves; rel is its name from the root of this repository.
func source(t *testing.T, each func(rel string, fset *token.FileSet, f *ast.File)) {
	t.Helper()
	root := filepath.Join("..", "..")
	for _, top := range []string{"cmd", "internal", "modbump", "rewrite"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "testdata":
				return filepath.SkipDir
			case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
			if err == nil {
				each(filepath.ToSlash(rel), fset, f)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
