package rewrite

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/tools/go/packages"

	"etcdmod/internal/helper"
)

// An Input is one module, loaded with syntax and types.
type Input struct {
	Fset *token.FileSet
	// Packages are the packages of the module that can see the mutex, with their test
	// variants, from one load.
	Packages []*packages.Package
	// Sources holds the bytes that were parsed, by absolute file name.
	Sources map[string][]byte
	// ModulePath and ModuleDir are the module's path and its absolute directory.
	ModulePath, ModuleDir string
	// HelperDir is the directory of the helper package, slash-separated and relative
	// to ModuleDir. HelperFiles are the files that it holds now, by name.
	HelperDir   string
	HelperFiles map[string][]byte
	// Version of etcdmod, for the helper's header.
	Version string
	// Selected reports whether findings in the package of that import path are wanted.
	// nil means all.
	Selected func(pkgPath string) bool
	// Programs are the import paths of packages that a main package of the module
	// imports, directly or not: their exported names are the service's own business.
	Programs map[string]bool
	// Ignored are Go files that the build configuration leaves out, with their bytes.
	Ignored map[string][]byte
}

// A file is one source file, taken once however many packages it belongs to.
type file struct {
	name    string // absolute
	ast     *ast.File
	src     []byte
	pkg     *packages.Package
	test    bool
	blocked *Reason // why it cannot be edited
}

// A program is the indexed input: every file once, in a fixed order.
type program struct {
	in     *Input
	fset   *token.FileSet
	files  []*file
	byName map[string]*file // by name

	flow       *flow
	components map[*node]*component
	exitOn     map[token.Pos]bool // by parameter; see exitsOn
}

// newProgram picks, for each file, the package that has it with the fewest test files
// beside it: a plain package before its test variants.
func newProgram(in *Input) *program {
	p := &program{in: in, fset: in.Fset, byName: map[string]*file{}, components: map[*node]*component{}, exitOn: map[token.Pos]bool{}}
	pkgs := append([]*packages.Package(nil), in.Packages...)
	sort.SliceStable(pkgs, func(i, j int) bool {
		if len(pkgs[i].ID) != len(pkgs[j].ID) {
			return len(pkgs[i].ID) < len(pkgs[j].ID) // "p" before "p [p.test]"
		}
		return pkgs[i].ID < pkgs[j].ID
	})
	for _, pkg := range pkgs {
		if strings.HasSuffix(pkg.ID, ".test") && pkg.Name == "main" {
			continue // the generated test main
		}
		plain := map[string]bool{}
		for _, f := range pkg.GoFiles {
			plain[f] = true
		}
		for _, f := range pkg.Syntax {
			name := p.fset.File(f.FileStart).Name()
			if p.byName[name] != nil {
				continue
			}
			src, ok := in.Sources[name]
			fl := &file{name: name, ast: f, src: src, pkg: pkg, test: strings.HasSuffix(name, "_test.go")}
			fl.blocked = p.blocked(fl, plain[name] && ok)
			p.byName[name] = fl
			p.files = append(p.files, fl)
		}
	}
	sort.Slice(p.files, func(i, j int) bool { return p.files[i].name < p.files[j].name })
	p.flow = newFlow(p)
	return p
}

// blocked says why a file cannot be edited, if so.
func (p *program) blocked(f *file, plain bool) *Reason {
	pos := token.Position{Filename: f.name, Line: 1, Column: 1}
	rel, err := filepath.Rel(p.in.ModuleDir, f.name)
	switch {
	case !plain || importsC(f.ast):
		return &Reason{Code: CgoFile, Pos: pos}
	case err != nil || rel == ".." || strings.HasPrefix(filepath.ToSlash(rel), "../") || hasSegment(rel, "vendor"):
		return &Reason{Code: LeavesModule, Detail: "the file is not part of this module's own source", Pos: pos}
	case ast.IsGenerated(f.ast):
		return &Reason{Code: GeneratedFile, Detail: filepath.ToSlash(rel), Pos: pos}
	case bytes.Contains(f.src, []byte("//line ")) || bytes.Contains(f.src, []byte("/*line ")):
		return &Reason{Code: LineDirective, Detail: filepath.ToSlash(rel), Pos: pos}
	}
	return nil
}

func importsC(f *ast.File) bool {
	for _, spec := range f.Imports {
		if spec.Path.Value == `"C"` {
			return true
		}
	}
	return false
}

func hasSegment(path, segment string) bool {
	for _, s := range strings.Split(filepath.ToSlash(path), "/") {
		if s == segment {
			return true
		}
	}
	return false
}

// isHelper reports whether the file belongs to a helper package that etcdmod generated.
func (f *file) isHelper() bool { return helper.IsGenerated(f.src) }

func (p *program) position(pos token.Pos) token.Position { return p.fset.PositionFor(pos, false) }

// fileAt returns the indexed file that holds pos.
func (p *program) fileAt(pos token.Pos) *file {
	if !pos.IsValid() {
		return nil
	}
	tf := p.fset.File(pos)
	if tf == nil {
		return nil
	}
	return p.byName[tf.Name()]
}

// offset returns pos as an offset into its file.
func (p *program) offset(pos token.Pos) int { return p.fset.File(pos).Offset(pos) }

// text returns the source of a node.
func (p *program) text(n ast.Node) string {
	f := p.fileAt(n.Pos())
	if f == nil {
		return ""
	}
	return string(f.src[p.offset(n.Pos()):p.offset(n.End())])
}

// rel returns a file name relative to the module, slash-separated.
func (p *program) rel(name string) string {
	r, err := filepath.Rel(p.in.ModuleDir, name)
	if err != nil {
		return name
	}
	return filepath.ToSlash(r)
}

// where prints a position relative to the module.
func (p *program) where(pos token.Pos) string {
	at := p.position(pos)
	return fmt.Sprintf("%s:%d:%d", p.rel(at.Filename), at.Line, at.Column)
}

func (f *file) typeOf(e ast.Expr) types.Type { return f.pkg.TypesInfo.TypeOf(e) }

func (f *file) objectOf(id *ast.Ident) types.Object { return f.pkg.TypesInfo.ObjectOf(id) }

// callee returns the object that a call names, or nil.
func (f *file) callee(call *ast.CallExpr) types.Object {
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		return f.objectOf(fun)
	case *ast.SelectorExpr:
		return f.objectOf(fun.Sel)
	case *ast.IndexExpr:
		if id, ok := ast.Unparen(fun.X).(*ast.Ident); ok {
			return f.objectOf(id)
		}
	}
	return nil
}
