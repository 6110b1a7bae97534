package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/types"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"

	"etcdmod/internal/rooted"
)

// A checker gives the packages of a graph their types.
type checker struct {
	cache *Cache
	order []*node
	sizes types.Sizes
	minor int               // of the version of the go command
	over  map[string]string // the file that is read in place of another that was not asked for
	measure
}

// newChecker returns the checker for packages that the go command chose the files of in a
// context.
func newChecker(c *Cache, built *build.Context, order []*node, over map[string]string) (*checker, error) {
	sizes := types.SizesFor(built.Compiler, built.GOARCH)
	if sizes == nil {
		return nil, fmt.Errorf("the sizes of types are not known for compiler %q on GOARCH %q", built.Compiler, built.GOARCH)
	}
	return &checker{cache: c, order: order, sizes: sizes, minor: minor(built), over: over, measure: measure{known: map[string]int{}}}, nil
}

// minor returns the 26 of "go1.26".
func minor(built *build.Context) (most int) {
	for _, tag := range built.ReleaseTags {
		if n, err := strconv.Atoi(strings.TrimPrefix(tag, "go1.")); err == nil {
			most = max(most, n)
		}
	}
	return most
}

// all gives the packages their types.
func (c *checker) all(ctx context.Context, l lister) error {
	split(c.order)
	var parsed together
	parsed.run(func() { c.parse(false) })
	if err := c.exports(); err != nil {
		for _, n := range c.order {
			n.source = true
		}
	}
	c.made(ctx, l)
	parsed.wait()
	c.parse(true)
	if err := c.check(ctx); err != nil {
		return err
	}
	reaches(c.order)
	return nil
}

// parse parses the packages that were asked for, in order, so that positions are the same in
// every run. What is made by cgo is known only later.
func (c *checker) parse(cgo bool) {
	for _, n := range c.order {
		if !n.root || n.list.cgo() != cgo {
			continue
		}
		for _, name := range n.CompiledGoFiles {
			src, err := rooted.ReadNamed(name, rooted.GoFile)
			var f *ast.File
			if err == nil {
				f, err = c.cache.parse(name, src)
			}
			if err != nil {
				n.fail(err)
			}
			if f != nil {
				n.Syntax = append(n.Syntax, f)
			}
		}
	}
}

// declarations parses the files of a package that was not asked for, without what is in
// functions. An empty body is one: a function without any would be one of another language.
func (c *checker) declarations(n *node) (files []*ast.File) {
	for _, name := range n.CompiledGoFiles {
		src, err := rooted.ReadNamed(cmp.Or(c.over[name], name), rooted.GoFile)
		var f *ast.File
		if err == nil {
			f, err = parser.ParseFile(c.cache.Fset, name, src, parser.SkipObjectResolution)
		}
		if err != nil {
			n.fail(err)
		}
		if f == nil {
			continue
		}
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
				d.Body = &ast.BlockStmt{Lbrace: d.Body.Lbrace, Rbrace: d.Body.Rbrace}
			}
		}
		files = append(files, f)
	}
	return files
}

// check type-checks what comes from source, each package after what it imports.
func (c *checker) check(ctx context.Context) error {
	work := make(chan struct{}, runtime.GOMAXPROCS(0))
	var all together
	for _, n := range c.order {
		if !n.source {
			close(n.done)
			continue
		}
		all.run(func() {
			defer close(n.done)
			for _, imp := range n.imports {
				<-imp.done
			}
			work <- struct{}{}
			defer func() { <-work }()
			if ctx.Err() == nil {
				c.one(n)
			}
		})
	}
	all.wait()
	return ctx.Err()
}

// empty makes a package without any objects. Its name is that which the go command has, whatever
// files say.
func (c *checker) empty(n *node) {
	n.Fset, n.TypesSizes, n.Types = c.cache.Fset, c.sizes, types.NewPackage(n.PkgPath, n.Name)
	if n.PkgPath == "unsafe" {
		n.Types = types.Unsafe
	}
}

// one type-checks a package.
func (c *checker) one(n *node) {
	c.empty(n)
	if n.PkgPath == "unsafe" {
		return
	}
	files := n.Syntax
	if n.root {
		n.TypesInfo = &types.Info{
			Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
			Implicits: map[ast.Node]types.Object{}, Instances: map[*ast.Ident]types.Instance{},
			Selections: map[*ast.SelectorExpr]*types.Selection{}, FileVersions: map[*ast.File]string{},
		}
	} else {
		files = c.declarations(n)
	}
	if at := c.measure.swollen(n.PkgPath, files); at.IsValid() {
		const why = "what is declared here is too big to be looked at, with all that it names"
		c.cache.unfit(c.cache.Fset.PositionFor(at, false))
		n.fail(scanner.ErrorList{{Pos: c.cache.Fset.Position(at), Msg: why}})
		n.IllTyped = true
		return
	}
	conf := &types.Config{
		Importer:         importer{n},
		IgnoreFuncBodies: !n.root,
		FakeImportC:      !n.root && n.list.cgo(),
		Sizes:            c.sizes,
		Error:            n.fail,
	}
	if n.Module != nil && n.Module.GoVersion != "" {
		conf.GoVersion = "go" + n.Module.GoVersion
	}
	if err := types.NewChecker(conf, c.cache.Fset, n.Types, n.TypesInfo).Files(files); err != nil && len(n.Errors) == 0 {
		n.fail(err)
	}
	if len(n.Errors) > 0 {
		c.newer(n)
	}
	n.IllTyped = len(n.Errors) > 0
	for _, imp := range n.imports {
		n.IllTyped = n.IllTyped || imp.IllTyped
	}
}

// newer adds to the errors of a package what may be their cause: what chose the files may know
// more of the language than what reads them.
func (c *checker) newer(n *node) {
	var own int
	if _, err := fmt.Sscanf(runtime.Version(), "go1.%d", &own); err == nil && own < c.minor {
		n.Errors = append(n.Errors, packages.Error{
			Pos:  "-",
			Msg:  fmt.Sprintf("etcdmod was built with Go 1.%d and the go command is of Go 1.%d: files that use what is newer in the language cannot be read; build etcdmod with the newer Go", own, c.minor),
			Kind: packages.UnknownError,
		})
	}
}

// fail notes an error of a package.
func (n *node) fail(err error) {
	if e, ok := errors.AsType[types.Error](err); ok {
		n.TypeErrors = append(n.TypeErrors, e)
		n.Errors = append(n.Errors, packages.Error{Pos: e.Fset.Position(e.Pos).String(), Msg: e.Msg, Kind: packages.TypeError})
		return
	}
	var list scanner.ErrorList
	var file *fs.PathError
	var unfit *rooted.UnfitError
	switch {
	case errors.As(err, &list):
		for _, e := range list {
			n.Errors = append(n.Errors, packages.Error{Pos: e.Pos.String(), Msg: e.Msg, Kind: packages.ParseError})
		}
	case errors.As(err, &file):
		n.Errors = append(n.Errors, packages.Error{Pos: file.Path + ":1", Msg: file.Err.Error(), Kind: packages.ParseError})
	case errors.As(err, &unfit):
		n.Errors = append(n.Errors, packages.Error{Pos: unfit.Path + ":1", Msg: "it " + unfit.Why, Kind: packages.ParseError})
	default:
		n.Errors = append(n.Errors, packages.Error{Pos: "-", Msg: err.Error(), Kind: packages.UnknownError})
	}
}

// An importer gives a package what it imports.
type importer struct{ *node }

func (i importer) Import(path string) (*types.Package, error) {
	switch imp := i.Imports[path]; {
	case path == "unsafe":
		return types.Unsafe, nil
	case imp != nil && imp.Types != nil:
		return imp.Types, nil
	case i.bad[path] != nil:
		return nil, i.bad[path]
	}
	return nil, fmt.Errorf("no metadata for %s", path) // the file was changed since the go command read it, or it imports "C"
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
