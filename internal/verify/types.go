package verify

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"go/version"
	"runtime"

	"etcdmod/internal/finding"
	"etcdmod/internal/load"
	"etcdmod/internal/verify/shadow"
)

// A universe type-checks packages of one side from source, over the export data of
// those that were compiled. There is one for the packages themselves and one for
// each test binary, since within one program every import path has one package.
type universe struct {
	checker *checker
	side    *shadow.Side
	pkgs    map[string]*shadow.Package
	fset    *token.FileSet
	types   map[string]*types.Package    // by import path without variant
	errors  map[string][]finding.Problem // by ImportPath, of those checked from source
	unread  bool                         // some export data could not be read
}

// typeErrors gives all errors that parser and type checker find in p. When sure is
// false there may be more: export data of a dependency is of a kind that this
// program cannot read.
func (c *checker) typeErrors(ctx context.Context, s *shadow.Side, b *build, p *shadow.Package) (errs []finding.Problem, sure bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	u := b.types[p.ForTest]
	if u == nil {
		u = &universe{
			checker: c,
			side:    s,
			pkgs:    b.pkgs,
			fset:    token.NewFileSet(),
			types:   map[string]*types.Package{},
			errors:  map[string][]finding.Problem{},
		}
		b.types[p.ForTest] = u
	}
	u.check(p)
	return u.errors[p.ImportPath], !u.unread, nil
}

// check type-checks p once.
func (u *universe) check(p *shadow.Package) *types.Package {
	if _, done := u.errors[p.ImportPath]; done {
		return u.types[p.Path()]
	}
	u.errors[p.ImportPath] = nil // for an import cycle: not again

	report := func(pos token.Position, msg string) {
		u.errors[p.ImportPath] = append(u.errors[p.ImportPath], finding.Problem{
			Package: p.Home(),
			File:    u.checker.shadow.Places().File(pos.Filename),
			Line:    pos.Line,
			Col:     pos.Column,
			Message: msg,
			Phase:   PhaseBuild,
		})
	}
	var files []*ast.File
	for _, name := range p.Files() {
		src, err := u.side.Read(name)
		if err != nil {
			report(token.Position{Filename: name}, "cannot be read")
			continue
		}
		file, err := parser.ParseFile(u.fset, name, src, parser.AllErrors|parser.SkipObjectResolution)
		if list := (scanner.ErrorList)(nil); errors.As(err, &list) {
			for _, e := range list {
				report(e.Pos, e.Msg)
			}
		}
		if file != nil {
			files = append(files, file)
		}
	}
	config := types.Config{
		GoVersion:   languageVersion(p),
		Importer:    importer(func(path string) (*types.Package, error) { return u.load(p, path) }),
		Sizes:       types.SizesFor("gc", u.checker.shadow.GOARCH()),
		FakeImportC: len(p.CgoFiles) > 0,
		Error: func(err error) {
			if e, ok := err.(types.Error); ok {
				report(e.Fset.PositionFor(e.Pos, false), e.Msg)
			}
		},
	}
	checked, _ := config.Check(p.Path(), u.fset, files, nil) // Error has seen the error
	u.types[p.Path()] = checked
	return checked
}

// load gives what path means in an import of p.
func (u *universe) load(p *shadow.Package, path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	id := path
	if mapped, ok := p.ImportMap[path]; ok {
		id = mapped
	}
	dep := u.pkgs[id]
	if dep == nil || dep.Dir == "" {
		return nil, errors.New("not found")
	}
	if dep.Export != "" {
		return u.export(dep)
	}
	if len(dep.Files()) == 0 {
		return nil, errors.New("no Go files")
	}
	checked := u.check(dep)
	if checked == nil {
		return nil, errors.New("import cycle")
	}
	return checked, nil
}

// export reads the export data of a package.
func (u *universe) export(p *shadow.Package) (*types.Package, error) {
	if t := u.types[p.Path()]; t != nil && t.Complete() {
		return t, nil
	}
	t, err := load.Export(p.Export, u.fset, u.types, p.Path())
	if err != nil {
		u.unread = true
		return nil, errors.New("its export data cannot be read")
	}
	return t, nil
}

type importer func(path string) (*types.Package, error)

func (f importer) Import(path string) (*types.Package, error) { return f(path) }

// languageVersion gives the go line of the module of p. A version that is newer than
// this program would make the type checker stop at once, so it gets none then.
func languageVersion(p *shadow.Package) string {
	if p.Module == nil || p.Module.GoVersion == "" {
		return ""
	}
	v := version.Lang("go" + p.Module.GoVersion)
	if version.Compare(v, version.Lang(runtime.Version())) > 0 {
		return ""
	}
	return v
}
