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
	"internal/journal/lock_unix.go":      "opens the journal to lock it, without waiting and without following a link",
	"internal/journal/lock_other.go":     "the same",
	"internal/procgroup/watch_linux.go":  "itself, and what the system says of processes",
	"internal/ship/publish.go":           "the command that the user gave",
	"internal/command/pager.go":          "the pager of the user's environment or global configuration",
}

// Everything that is read, written or run goes through one mechanism each.
func TestMechanisms(t *testing.T) {
	root := filepath.Join("..", "..")
	used := map[string]bool{}
	for _, top := range []string{"cmd", "internal", "modbump", "rewrite"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "testdata" || d.Name() == "testkit" || d.Name() == "browser" || d.Name() == "synthetic") {
				return filepath.SkipDir // what only tests use
			}
			if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return nil
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, name, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				pkg, ok := sel.X.(*ast.Ident)
				if !ok || !slices.Contains(around[pkg.Name], sel.Sel.Name) {
					return true
				}
				used[rel] = true
				if allowed[rel] == "" {
					t.Errorf("%s: %s.%s goes around rooted, gitcmd, gocmd and modules", fset.Position(sel.Pos()), pkg.Name, sel.Sel.Name)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range allowed {
		if !used[name] {
			t.Errorf("%s needs no exception any more", name)
		}
	}
}
