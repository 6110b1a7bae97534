package judge

import (
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
)

// An Edit is what is to become of a program. It was loaded into Fset.
type Edit struct {
	Fset     *token.FileSet
	Packages []*packages.Package
	Changed  map[string][]byte // new bytes of files, by name
	// Helper are the files of the helper package, and HelperPath is its import path.
	Helper     map[string][]byte
	HelperPath string
}

// An After is a program after an edit. Only what is asked for is type-checked and built:
// packages that are edited, and those between them.
type After struct {
	Edit
	prog     *ssa.Program
	owned    map[*types.Package]*packages.Package
	affected map[*types.Package]bool
	done     map[*types.Package]*remade
	helper   *types.Package
	byPath   map[string]*types.Package // of what is imported
	created  map[*types.Package]bool
}

// A remade is a package that was type-checked again.
type remade struct {
	types  *types.Package
	syntax []*ast.File
	info   *types.Info
	err    error
	ssa    *ssa.Package
}

// Apply prepares an edit.
func Apply(e Edit) *After {
	a := &After{
		Edit: e, prog: ssa.NewProgram(e.Fset, ssa.InstantiateGenerics),
		owned: map[*types.Package]*packages.Package{}, affected: map[*types.Package]bool{},
		done: map[*types.Package]*remade{}, byPath: map[string]*types.Package{}, created: map[*types.Package]bool{},
	}
	for _, p := range e.Packages {
		if p.Types != nil {
			a.owned[p.Types] = p
		}
	}
	for _, p := range e.Packages {
		if p.Types != nil {
			a.index(p.Types)
		}
	}
	return a
}

// index notes what is imported, directly or not.
func (a *After) index(p *types.Package) {
	for _, q := range p.Imports() {
		if old := a.byPath[q.Path()]; old == nil || !old.Complete() && q.Complete() {
			a.byPath[q.Path()] = q
			a.index(q)
		}
	}
}

// touched reports whether a package is other code after the edit, or imports such.
func (a *After) touched(p *types.Package) bool {
	if t, ok := a.affected[p]; ok {
		return t
	}
	a.affected[p] = false // imports have no circles
	own := a.owned[p]
	t := p.Path() == a.HelperPath
	if own != nil {
		for _, name := range own.CompiledGoFiles {
			t = t || a.Changed[name] != nil
		}
		for _, f := range own.Syntax {
			t = t || a.Changed[a.Fset.File(f.FileStart).Name()] != nil
		}
	}
	for _, q := range p.Imports() {
		t = t || own != nil && a.touched(q)
	}
	a.affected[p] = t
	return t
}

// check type-checks a package as it is after the edit.
func (a *After) check(p *types.Package) *remade {
	if r := a.done[p]; r != nil {
		return r
	}
	own := a.owned[p]
	r := &remade{info: newInfo()}
	a.done[p] = r
	for _, f := range own.Syntax {
		name := a.Fset.File(f.FileStart).Name()
		if src := a.Changed[name]; src != nil {
			var err error
			if f, err = parser.ParseFile(a.Fset, name, src, parser.SkipObjectResolution); err != nil {
				r.err = err
				return r
			}
		}
		r.syntax = append(r.syntax, f)
	}
	conf := types.Config{Importer: importer{a, own}, FakeImportC: true, Sizes: own.TypesSizes, Error: func(err error) {
		if r.err == nil {
			r.err = err
		}
	}}
	if own.Module != nil && own.Module.GoVersion != "" {
		conf.GoVersion = "go" + own.Module.GoVersion
	}
	r.types, _ = conf.Check(p.Path(), a.Fset, r.syntax, r.info)
	return r
}

func newInfo() *types.Info {
	return &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Instances: map[*ast.Ident]types.Instance{}, FileVersions: map[*ast.File]string{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Scopes: map[ast.Node]*types.Scope{},
	}
}

// An importer gives a package what it imports: the new code of what is edited.
type importer struct {
	after *After
	by    *packages.Package
}

func (i importer) Import(path string) (*types.Package, error) {
	a := i.after
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if path == a.HelperPath {
		return a.helperTypes(), nil
	}
	p := a.imported(i.by, path)
	switch {
	case p == nil:
		return nil, fmt.Errorf("%s is not loaded", path)
	case a.owned[p] != nil && a.touched(p):
		r := a.check(p)
		if r.types == nil {
			return nil, r.err
		}
		return r.types, nil
	case path == "time" && !p.Complete():
		return durations(p), nil
	}
	return p, nil
}

// imported finds what a package imports by that path.
func (a *After) imported(by *packages.Package, path string) *types.Package {
	if by != nil {
		if q := by.Imports[path]; q != nil && q.Types != nil {
			return q.Types
		}
		for _, q := range by.Types.Imports() {
			if q.Path() == path {
				return q
			}
		}
	}
	return a.byPath[path]
}

// durations makes a package time that has what a wait which is put in needs, for a file that
// did not import time: what the others know of that may be a part of it only.
func durations(part *types.Package) *types.Package {
	d, ok := part.Scope().Lookup("Duration").(*types.TypeName)
	if !ok {
		return part
	}
	p := types.NewPackage("time", "time")
	name := types.NewTypeName(token.NoPos, p, "Duration", nil)
	types.NewAlias(name, d.Type())
	p.Scope().Insert(name)
	for unit, n := range map[string]int64{"Millisecond": 1e6, "Second": 1e9} { // a wait's, and the helper's
		p.Scope().Insert(types.NewConst(token.NoPos, p, unit, d.Type(), constant.MakeInt64(n)))
	}
	p.MarkComplete()
	return p
}

// helperTypes type-checks the declarations of the helper package. What it imports besides the
// client may not be loaded: nothing that it declares for others is of such a type.
func (a *After) helperTypes() *types.Package {
	if a.helper != nil {
		return a.helper
	}
	var files []*ast.File
	for _, name := range slices.Sorted(maps.Keys(a.Helper)) {
		f, err := parser.ParseFile(a.Fset, filepath.Join("generated", name), a.Helper[name], parser.SkipObjectResolution)
		if err == nil {
			files = append(files, f)
		}
	}
	conf := types.Config{Importer: importer{a, nil}, IgnoreFuncBodies: true, Error: func(error) {}}
	a.helper, _ = conf.Check(a.HelperPath, a.Fset, files, nil)
	return a.helper
}

// Function returns the function that f, a declared one or a literal in the declaration of a
// package variable, has become.
func (a *After) Function(f *ssa.Function) (*ssa.Function, error) {
	p := f.Pkg.Pkg
	if a.owned[p] == nil {
		return nil, fmt.Errorf("the package was not loaded from source")
	}
	r := a.check(p)
	if r.err != nil {
		why := r.err.Error()
		if e, ok := errors.AsType[types.Error](r.err); ok {
			why = e.Msg // its position is one of the new code
		}
		return nil, fmt.Errorf("the new code does not type-check: %s", why)
	}
	if err := a.build(r); err != nil {
		return nil, err
	}
	if f.Parent() != nil { // of a package variable
		around := f.Parent()
		i := slices.Index(around.AnonFuncs, f)
		if lits := r.ssa.Func("init").AnonFuncs; around == f.Pkg.Func("init") && len(lits) == len(around.AnonFuncs) {
			return lits[i], nil
		}
		return nil, fmt.Errorf("the function was not found in the new code")
	}
	decl, ok := f.Syntax().(*ast.FuncDecl)
	if !ok {
		return nil, fmt.Errorf("the function is not a declared one")
	}
	nth := -1
	file := 0
	for i, s := range a.owned[p].Syntax {
		n := 0
		for _, d := range s.Decls {
			if d == ast.Decl(decl) {
				nth, file = n, i
			}
			if _, ok := d.(*ast.FuncDecl); ok {
				n++
			}
		}
	}
	for _, d := range r.syntax[file].Decls {
		d, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if nth--; nth >= 0 {
			continue
		}
		if obj, ok := r.info.Defs[d.Name].(*types.Func); ok && d.Name.Name == decl.Name.Name {
			if g := a.prog.FuncValue(obj); g != nil {
				return g, nil
			}
		}
		break
	}
	return nil, fmt.Errorf("the function was not found in the new code")
}

// build builds the SSA of a package.
func (a *After) build(r *remade) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the new code has no SSA form: %v", p)
		}
	}()
	a.create(r.types)
	r.ssa = a.prog.Package(r.types)
	r.ssa.Build()
	return nil
}

// create makes the SSA package of p, and before it those of what it imports where it has new code.
func (a *After) create(p *types.Package) {
	if a.created[p] {
		return
	}
	a.created[p] = true
	for _, r := range a.done {
		if r.types != p {
			continue
		}
		for _, q := range p.Imports() {
			a.create(q)
		}
		a.prog.CreatePackage(p, r.syntax, r.info, true)
		return
	}
	a.prog.CreatePackage(p, nil, nil, true)
}
