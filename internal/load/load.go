// Package load loads packages of one module with syntax and types.
//
// It takes a go command, the directories to load and build flags, and gives the packages
// together with the bytes that were parsed. What a package imports comes from export
// data, so that only the packages asked for are type-checked from source. It never
// changes a file, and it does not judge the errors that packages have.
package load

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"golang.org/x/tools/go/packages"

	"etcdmod/internal/gocmd"
)

// A Program is what one load gave.
type Program struct {
	Fset     *token.FileSet
	Packages []*packages.Package
	Sources  map[string][]byte // by absolute file name, as parsed
}

// A Problem is an error that a package has.
type Problem struct {
	Package string
	Pos     string // file:line:col, or ""
	Message string
	Syntax  bool
}

const mode = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
	packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedModule

// Load loads the packages in dirs, which lie below the runner's directory, with their
// tests.
func Load(ctx context.Context, r gocmd.Runner, dirs, flags []string) (*Program, error) {
	p := &Program{Fset: token.NewFileSet(), Sources: map[string][]byte{}}
	patterns := make([]string, len(dirs))
	for i, dir := range dirs {
		rel, err := filepath.Rel(r.Dir, dir)
		if err != nil {
			return nil, err
		}
		patterns[i] = "./" + filepath.ToSlash(rel)
	}
	sort.Strings(patterns)
	var mu sync.Mutex
	cfg := &packages.Config{
		Context:    ctx,
		Mode:       mode,
		Dir:        r.Dir,
		Env:        r.Environ(),
		BuildFlags: flags,
		Fset:       p.Fset,
		Tests:      true,
		ParseFile: func(fset *token.FileSet, name string, src []byte) (*ast.File, error) {
			mu.Lock()
			p.Sources[name] = src
			mu.Unlock()
			return parser.ParseFile(fset, name, src, parser.ParseComments|parser.AllErrors)
		},
	}
	pkgs, err := packages.Load(cfg, patterns...)
	if err != nil {
		return nil, fmt.Errorf("cannot load packages: %w", err)
	}
	p.Packages = pkgs
	return p, nil
}

// Problems returns the errors of all packages, each once.
func (p *Program) Problems() []Problem {
	var out []Problem
	seen := map[Problem]bool{}
	for _, pkg := range p.Packages {
		for _, e := range pkg.Errors {
			pos := e.Pos
			if pos == "-" {
				pos = ""
			}
			pr := Problem{Package: strings.TrimSuffix(pkg.PkgPath, "_test"), Pos: pos, Message: e.Msg, Syntax: e.Kind == packages.ParseError}
			if !seen[pr] {
				seen[pr] = true
				out = append(out, pr)
			}
		}
	}
	return out
}
