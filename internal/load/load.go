// Package load loads packages of one module with syntax and types.
//
// It takes a go command, the directories to load and build flags, and gives the packages
// together with the bytes that were parsed. It never changes a file, and it does not judge the
// errors that packages have.
//
// Types need no compiled code, and a machine that runs in CI has none. So nothing is compiled
// here: the go command lists the packages and says which of them its build cache has. Of those
// the export data is read; of the others the declarations are type-checked from source, without
// what is in functions, whose syntax is dropped at once. Only the packages asked for are
// type-checked whole. What a load gives is the same whatever the cache has.
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
	"sort"
	"sync"

	"golang.org/x/tools/go/packages"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/quote"
)

// A Program is what one load gave.
type Program struct {
	Fset     *token.FileSet
	Packages []*packages.Package
	Sources  map[string][]byte // by absolute file name, as parsed

	dir string
}

// A Cache keeps the syntax trees of files that several loads have in common: those of
// one module in several build configurations. Positions in them are the same in all.
type Cache struct {
	Fset    *token.FileSet
	Sources map[string][]byte // by absolute file name, as parsed

	mu     sync.Mutex
	parsed map[string]*parsing
	deep   string
}

// Deep returns a file that nests too deeply to be looked at, or declares what is too big, or "". The go
// command builds such a file, unlike one that does not parse, so it is not known what else its module does.
func (c *Cache) Deep() string { return c.deep }

// unfit notes such a file.
func (c *Cache) unfit(at token.Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deep == "" || at.Filename < c.deep {
		c.deep = at.Filename
	}
}

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
func (c *Cache) parse(name string, src []byte) (*ast.File, error) {
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
			c.unfit(c.Fset.PositionFor(at, false))
			p.file, p.err = nil, scanner.ErrorList{{Pos: c.Fset.Position(at), Msg: fmt.Sprintf("it is nested more than %d deep, so that nothing in the file was looked at", deepest)}}
		}
	})
	if !bytes.Equal(p.src, src) {
		return nil, fmt.Errorf("%s was changed while it was read", quote.Name(name))
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
	patterns := make([]string, len(dirs))
	for i, dir := range dirs {
		rel, err := filepath.Rel(r.Dir, dir)
		if err != nil {
			return nil, err
		}
		patterns[i] = "./" + filepath.ToSlash(rel)
	}
	sort.Strings(patterns)
	if err := errors.Join(gocmd.Find(), r.Check()); err != nil {
		return nil, err
	}
	p, err := c.load(ctx, r, patterns, flags)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if missing := p.missing(dirs); len(missing) > 0 && err == nil {
		err = fmt.Errorf("the go command says nothing about the package in %s, and not why", quote.Name(missing[0]))
	} else if len(missing) == 0 {
		err = nil // it is about packages that have it as an error of their own
	}
	if err != nil {
		return nil, fmt.Errorf("cannot load packages: %w", said(err))
	}
	return p, nil
}

// load loads what patterns match. An error may come with packages.
func (c *Cache) load(ctx context.Context, r gocmd.Runner, patterns, flags []string) (*Program, error) {
	p := &Program{Fset: c.Fset, Sources: c.Sources, dir: r.Dir}
	built, err := r.Context(ctx, flags)
	if err != nil {
		return p, err
	}
	l := lister{Runner: r, flags: flags}
	if minor(built) >= 21 {
		l.flags = append([]string{"-pgo=off"}, flags...) // a profile makes variants of packages
	}
	list, listed := l.list(ctx, patterns, question...)
	over, err := r.Overlaid()
	if err != nil {
		return p, err
	}
	check, err := newChecker(c, built, graph(r.Dir, list), over)
	if err != nil {
		return p, err
	}
	if err := check.all(ctx, l); err != nil {
		return p, err
	}
	for _, n := range check.order {
		if n.root {
			p.Packages = append(p.Packages, n.Package)
		}
	}
	return p, listed
}

// missing returns the directories of which no package came back.
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

// said returns an error with what the go command wrote, without what [gocmd.Error] puts around it.
func said(err error) error {
	if e, ok := errors.AsType[*gocmd.Error](err); ok && e.Stderr != "" {
		return errors.New(e.Stderr)
	}
	return err
}
