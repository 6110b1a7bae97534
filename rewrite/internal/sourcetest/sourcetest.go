// Package sourcetest makes the input of unit tests from text: modules that are type-checked
// against stubs of the etcd client, without the go command.
package sourcetest

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	pathpkg "path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/txtar"

	"etcdmod/rewrite/internal/source"
)

// Stubs are what unit tests need of other modules. Paths are import paths.
const Stubs = `
-- go.etcd.io/etcd/client/v3/client.go --
package clientv3

import "context"

type Client struct{ KV }
type KV interface {
	Txn(ctx context.Context) Txn
	Do(ctx context.Context, op Op) (OpResponse, error)
}
type OpResponse struct{}
type WatchResponse struct{}
type WatchChan <-chan WatchResponse
type LeaseID int64
type Op struct{}
type Cmp struct{}
type OpOption func(*Op)
type TxnResponse struct{ Succeeded bool }
type Txn interface {
	If(cs ...Cmp) Txn
	Then(ops ...Op) Txn
	Else(ops ...Op) Txn
	Commit() (*TxnResponse, error)
}

func (*Client) Watch(ctx context.Context, key string, opts ...OpOption) WatchChan { return nil }
func WithPrefix() OpOption                                                        { return nil }
func WithLease(id LeaseID) OpOption                                               { return nil }
func Compare(cmp Cmp, result string, v any) Cmp                                   { return Cmp{} }
func CreateRevision(key string) Cmp                                               { return Cmp{} }
func Version(key string) Cmp                                                      { return Cmp{} }
func OpPut(key, val string, opts ...OpOption) Op                                  { return Op{} }
func OpGet(key string, opts ...OpOption) Op                                       { return Op{} }
func OpTxn(cmps []Cmp, thenOps, elseOps []Op) Op                                  { return Op{} }
-- go.etcd.io/etcd/client/v3/concurrency/mutex.go --
package concurrency

import (
	"context"
	"errors"
)

var ErrLocked = errors.New("locked")

type Session struct{}
type Mutex struct{ s *Session }
type Election struct{ s *Session }

func NewElection(s *Session, pfx string) *Election                { return nil }
func (*Election) Campaign(ctx context.Context, val string) error { return nil }

func NewMutex(s *Session, pfx string) *Mutex         { return nil }
func (*Mutex) TryLock(ctx context.Context) error     { return nil }
func (*Mutex) Lock(ctx context.Context) error        { return nil }
func (*Mutex) Unlock(ctx context.Context) error      { return nil }
func (*Mutex) Key() string                           { return "" }
-- go.etcd.io/etcd/clientv3/concurrency/mutex.go --
package concurrency

import "context"

type Session struct{}
type Mutex struct{ s *Session }

func NewMutex(s *Session, pfx string) *Mutex     { return nil }
func (*Mutex) TryLock(ctx context.Context) error { return nil }
-- example.com/lib/lib.go --
package lib

import "context"

type Locker interface{ TryLock(context.Context) error }
type Config struct{ Lock, Other Locker }

func Hold(ctx context.Context, l Locker)    {}
func All(ctx context.Context, l ...Locker) {}
func Any(v any)                             {}
func Of[T Locker](l T)                      {}
-- k8s.io/apimachinery/pkg/util/wait/wait.go --
package wait

import "time"

func Until(f func(), period time.Duration, stop <-chan struct{}) {}
`

// std type-checks the standard library from source, once.
var std = struct {
	sync.Mutex
	fset     *token.FileSet
	importer types.Importer
	done     map[string]*types.Package
}{fset: token.NewFileSet(), done: map[string]*types.Package{}}

// A checker type-checks the packages of an archive against stubs.
type checker struct {
	t     testing.TB
	ill   bool                    // type errors are part of the input
	files map[string][]txtar.File // by import path
	done  map[string]*packages.Package
}

func (c *checker) Import(importPath string) (*types.Package, error) {
	if _, ok := c.files[importPath]; ok {
		return c.check(importPath).Types, nil
	}
	if pkg := std.done[importPath]; pkg != nil {
		return pkg, nil
	}
	pkg, err := std.importer.Import(importPath) // it looks for the files every time
	std.done[importPath] = pkg
	return pkg, err
}

func (c *checker) check(importPath string) *packages.Package {
	if pkg := c.done[importPath]; pkg != nil {
		return pkg
	}
	pkg := &packages.Package{ID: importPath, PkgPath: importPath, Fset: std.fset}
	pkg.TypesInfo = newInfo()
	for _, f := range c.files[importPath] {
		name := filepath.FromSlash("/" + f.Name)
		syntax, err := parser.ParseFile(std.fset, name, f.Data, parser.ParseComments)
		if err != nil {
			c.t.Fatal(err)
		}
		pkg.Syntax, pkg.GoFiles, pkg.Name = append(pkg.Syntax, syntax), append(pkg.GoFiles, name), syntax.Name.Name
	}
	conf := types.Config{Importer: c, FakeImportC: true, GoVersion: "go1.25", Error: func(err error) {
		if e, ok := err.(types.Error); ok && c.ill {
			pkg.TypeErrors = append(pkg.TypeErrors, e)
		} else {
			c.t.Error(err)
		}
	}}
	pkg.Types, _ = conf.Check(importPath, std.fset, pkg.Syntax, pkg.TypesInfo)
	c.done[importPath] = pkg
	return pkg
}

func newInfo() *types.Info {
	return &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Instances: map[*ast.Ident]types.Instance{}, FileVersions: map[*ast.File]string{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Scopes: map[ast.Node]*types.Scope{},
	}
}

// newChecker holds the lock on what is shared until the test ends.
func newChecker(t testing.TB, archives ...string) *checker {
	std.Lock()
	t.Cleanup(std.Unlock)
	if std.importer == nil {
		std.importer = importer.ForCompiler(std.fset, "source", nil)
	}
	c := &checker{t: t, files: map[string][]txtar.File{}, done: map[string]*packages.Package{}}
	for _, text := range archives {
		for _, f := range txtar.Parse([]byte(text)).Files {
			dir := pathpkg.Dir(f.Name)
			c.files[dir] = append(c.files[dir], f)
		}
	}
	return c
}

// A Bench type-checks many versions of one package against the same stubs.
type Bench struct {
	Fset  *token.FileSet
	stubs *checker
}

// NewBench makes one with more stubs besides [Stubs].
func NewBench(t *testing.T, more string) *Bench {
	return &Bench{std.fset, newChecker(t, Stubs, more)}
}

// Package type-checks a package of one file. The error is that of the parser or the type
// checker.
func (b *Bench) Package(path, name string, src []byte) (*packages.Package, error) {
	pkg := &packages.Package{ID: path, PkgPath: path, Name: pathpkg.Base(path), Fset: std.fset, GoFiles: []string{name}, TypesInfo: newInfo()}
	syntax, err := parser.ParseFile(std.fset, name, src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	pkg.Syntax = []*ast.File{syntax}
	conf := types.Config{Importer: b.stubs}
	if pkg.Types, err = conf.Check(path, std.fset, pkg.Syntax, pkg.TypesInfo); err != nil {
		return nil, err
	}
	return pkg, nil
}

// Input makes the input of the module "m" from an archive whose files lie below m/.
func Input(t *testing.T, archive string) *source.Input {
	t.Helper()
	p := load(t, archive, false)
	return &source.Input{
		Fset: p.Fset, Packages: p.Packages, Sources: p.Sources, ModulePath: "m", ModuleDir: filepath.FromSlash("/m"),
		HelperDir: "internal/etcdlock", HelperFiles: map[string][]byte{}, Version: "test",
	}
}

// A Program is what [Load] gives.
type Program struct {
	Fset     *token.FileSet
	Packages []*packages.Package // of the module, by import path
	Sources  map[string][]byte   // by file name
}

// Load is [Input] for what needs packages alone, which may have type errors.
func Load(t testing.TB, archive string) *Program {
	t.Helper()
	return load(t, archive, true)
}

func load(t testing.TB, archive string, ill bool) *Program {
	t.Helper()
	c := newChecker(t, Stubs, archive)
	c.ill = ill
	p := &Program{Fset: std.fset, Sources: map[string][]byte{}}
	for _, dir := range slices.Sorted(maps.Keys(c.files)) {
		for _, f := range c.files[dir] {
			p.Sources[filepath.FromSlash("/"+f.Name)] = f.Data
		}
		if dir == "m" || strings.HasPrefix(dir, "m/") {
			p.Packages = append(p.Packages, c.check(dir))
		}
	}
	return p
}

// Archive makes an archive of one main package that imports the packages of those names.
func Archive(imports, body string) string {
	text := "-- m/main.go --\npackage main\n\nimport (\n"
	for _, name := range strings.Fields(imports) {
		switch name {
		case "concurrency":
			name = "go.etcd.io/etcd/client/v3/concurrency"
		case "wait":
			name = "k8s.io/apimachinery/pkg/util/wait"
		}
		text += "\t\"" + name + "\"\n"
	}
	return text + ")\n\n" + body + "\n\nfunc main() {}\n"
}
