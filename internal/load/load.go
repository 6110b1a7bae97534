// Package load loads packages of one module with syntax and types.
//
// It takes a go command, the directories to load and build flags, and gives the packages
// together with the bytes that were parsed. What a package imports comes from export
// data, so that only the packages asked for are type-checked from source. It never
// changes a file, and it does not judge the errors that packages have.
package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"golang.org/x/tools/go/packages"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/procgroup"
	"etcdmod/internal/quote"
)

// A Program is what one load gave.
type Program struct {
	Fset     *token.FileSet
	Packages []*packages.Package
	Sources  map[string][]byte // by absolute file name, as parsed

	dir string
}

const mode = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
	packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedModule

// A Cache keeps the syntax trees of files that several loads have in common: those of
// one module in several build configurations. Positions in them are the same in all.
type Cache struct {
	Fset    *token.FileSet
	Sources map[string][]byte // by absolute file name, as parsed

	mu     sync.Mutex
	parsed map[string]*parsing
	deep   string
}

// Deep returns a file that nests too deeply to be looked at, or "". What else its module does is
// not known then: such a file is built, other than one that does not parse.
func (c *Cache) Deep() string { return c.deep }

// A parsing is what came of one file.
type parsing struct {
	once sync.Once
	src  []byte
	file *ast.File
	err  error
}

// NewCache returns an empty one.
func NewCache() *Cache {
	return &Cache{Fset: token.NewFileSet(), Sources: map[string][]byte{}, parsed: map[string]*parsing{}}
}

// parse parses a file, once.
func (c *Cache) parse(_ *token.FileSet, name string, src []byte) (*ast.File, error) {
	c.mu.Lock()
	p := c.parsed[name]
	if p == nil {
		p = &parsing{src: src}
		c.parsed[name], c.Sources[name] = p, src
	}
	c.mu.Unlock()
	p.once.Do(func() {
		p.file, p.err = parser.ParseFile(c.Fset, name, src, parser.ParseComments|parser.AllErrors)
		if at := tooDeep(p.file); at.IsValid() {
			c.mu.Lock()
			c.deep = name
			c.mu.Unlock()
			p.file, p.err = nil, scanner.ErrorList{{Pos: c.Fset.Position(at), Msg: fmt.Sprintf("it is nested more than %d deep, so that nothing in the file was looked at", deepest)}}
		}
	})
	if !bytes.Equal(p.src, src) {
		return nil, fmt.Errorf("%s was changed while it was read", name)
	}
	return p.file, p.err
}

// deepest is how deep the syntax of a file may nest, each operand of a sum being a level. Walks
// go as deep, and gofmt takes time by the square of it: 20,000 operands are half a minute.
const deepest = 4000

// tooDeep returns the first place in a file that is nested deeper than that, if there is one.
func tooDeep(file *ast.File) (at token.Pos) {
	if file == nil {
		return token.NoPos
	}
	depth := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			depth--
			return true
		}
		if depth++; depth > deepest && !at.IsValid() {
			at = n.Pos()
		}
		if at.IsValid() {
			depth--
			return false
		}
		return true
	})
	return at
}

// Load loads the packages in dirs, which lie below the runner's directory, with their
// tests.
func (c *Cache) Load(ctx context.Context, r gocmd.Runner, dirs, flags []string) (*Program, error) {
	p := &Program{Fset: c.Fset, Sources: c.Sources, dir: r.Dir}
	patterns := make([]string, len(dirs))
	for i, dir := range dirs {
		rel, err := filepath.Rel(r.Dir, dir)
		if err != nil {
			return nil, err
		}
		patterns[i] = "./" + filepath.ToSlash(rel)
	}
	sort.Strings(patterns)
	cfg := &packages.Config{
		Context:    ctx,
		Mode:       mode,
		Dir:        r.Dir,
		Env:        r.Environ(),
		BuildFlags: append(r.Layer.Flags(), flags...),
		Fset:       p.Fset,
		Tests:      true,
		ParseFile:  c.parse,
	}
	if err := errors.Join(gocmd.Find(), r.Check()); err != nil {
		return nil, err
	}
	ended := procgroup.Follow(ctx)
	pkgs, err := packages.Load(cfg, patterns...)
	ended()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot load packages: %s", said(err))
	}
	p.Packages = pkgs
	if missing := p.missing(dirs); len(missing) > 0 {
		return nil, fmt.Errorf("cannot load packages: %w", absent(ctx, r, patterns, missing, flags))
	}
	return p, nil
}

// missing returns the directories of which no package came back. Where the go command
// fails as a whole, go/packages gives no packages and no error, as if there were none.
func (p *Program) missing(dirs []string) (out []string) {
	have := map[string]bool{}
	for _, pkg := range p.Packages {
		if len(pkg.GoFiles)+len(pkg.OtherFiles)+len(pkg.IgnoredFiles)+len(pkg.Errors) > 0 {
			have[pkg.Dir] = true
		}
		for _, name := range pkg.GoFiles {
			have[filepath.Dir(name)] = true
		}
	}
	for _, dir := range dirs {
		if !have[dir] && !have[resolved(dir)] {
			out = append(out, dir)
		}
	}
	return out
}

func resolved(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}

// absent asks the go command why there are no packages, in the way in which it was asked for
// them.
func absent(ctx context.Context, r gocmd.Runner, patterns, missing, flags []string) error {
	args := slices.Concat([]string{"list", "-e", "-test", "-export", "-compiled", "-f", "{{.Dir}}"}, flags, []string{"--"}, patterns)
	if _, err := r.Run(ctx, args...); err != nil {
		return err
	}
	return fmt.Errorf("the go command says nothing about the package in %s, and not why", quote.Name(missing[0]))
}

// said returns what the go command wrote, without what go/packages puts around it.
func said(err error) string {
	text := err.Error()
	if _, stderr, ok := strings.Cut(text, ": stderr: "); ok && strings.TrimSpace(stderr) != "" {
		text = stderr
	}
	return strings.TrimSpace(text)
}
