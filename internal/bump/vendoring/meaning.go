package vendoring

import (
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// list is the file in a vendor directory that says which modules are in it.
const list = "modules.txt"

// sameModules reports whether two modules.txt name the same packages of the same versions.
// Their order, what they say of requirements without a package, and the remarks that later go
// commands add make no difference to what is built.
func sameModules(a, b []byte) bool { return maps.Equal(packages(a), packages(b)) }

// packages maps the packages of a modules.txt to the line of the module that they are from.
func packages(text []byte) map[string]string {
	all := map[string]string{}
	module := ""
	for line := range strings.Lines(string(text)) {
		line = strings.Join(strings.Fields(line), " ")
		switch {
		case strings.HasPrefix(line, "##") || line == "":
		case strings.HasPrefix(line, "# "):
			module = line
		default:
			all[line] = module
		}
	}
	return all
}

// sources are the extensions of the files that the go command builds packages of.
var sources = []string{".go", ".c", ".cc", ".cpp", ".cxx", ".f", ".F", ".for", ".f90", ".h", ".hh", ".hpp", ".hxx", ".m", ".s", ".S", ".sx", ".swig", ".swigcxx", ".syso"}

// compiled reports whether a build may read a vendored file.
func compiled(name string, text []byte) bool {
	return slices.Contains(sources, filepath.Ext(name)) && !strings.HasSuffix(name, "_test.go") && !leftOut(name, text)
}

// leftOut reports whether a Go file is of no build whatever its tags are, since its constraint
// asks for the tag "ignore". Package cmd/go/internal/imports has the rule: every other tag is
// taken to be set, and to be not set.
func leftOut(name string, text []byte) bool {
	if filepath.Ext(name) != ".go" {
		return false
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		return false
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			if c.Pos() < file.Package && never(c) {
				return true
			}
		}
	}
	return false
}

// never reports whether a comment is a build constraint that does not hold without "ignore".
func never(c *ast.Comment) bool {
	if !constraint.IsGoBuild(c.Text) && !constraint.IsPlusBuild(c.Text) {
		return false
	}
	expr, err := constraint.Parse(c.Text)
	return err == nil && !holds(expr, true)
}

// holds evaluates a constraint of which every tag but "ignore" is as it is preferred.
func holds(expr constraint.Expr, prefer bool) bool {
	switch x := expr.(type) {
	case *constraint.AndExpr:
		return holds(x.X, prefer) && holds(x.Y, prefer)
	case *constraint.OrExpr:
		return holds(x.X, prefer) || holds(x.Y, prefer)
	case *constraint.NotExpr:
		return !holds(x.X, !prefer)
	case *constraint.TagExpr:
		return x.Tag != "ignore" && prefer
	}
	return false
}
