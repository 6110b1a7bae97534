// Package stubs type-checks small programs for tests, against stand-ins for what they need
// of other modules.
//
// It takes a txtar archive and gives packages as a load of a module would: those of the
// archive with syntax and types, the others with types alone. Nothing but tests uses it.
package stubs

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/txtar"
)

// client is what programs need of other modules. Paths are import paths.
const client = `
-- go.etcd.io/etcd/client/v3/client.go --
package clientv3

import "context"

type Client struct{}
type LeaseID int64
type Op struct{}
type Cmp struct{}
type OpOption func(*Op)
type TxnResponse struct{ Succeeded bool }
type Txn interface {
	If(...Cmp) Txn
	Then(...Op) Txn
	Else(...Op) Txn
	Commit() (*TxnResponse, error)
}

func (*Client) Txn(context.Context) Txn { return nil }
func Compare(Cmp, string, any) Cmp { return Cmp{} }
func CreateRevision(string) Cmp { return Cmp{} }
func OpPut(key, val string, opts ...OpOption) Op { return Op{} }
func WithLease(LeaseID) OpOption { return nil }
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

func NewMutex(s *Session, pfx string) *Mutex { return nil }
func NewElection(s *Session, pfx string) *Election { return nil }
func (*Mutex) TryLock(ctx context.Context) error { return nil }
func (*Mutex) Lock(ctx context.Context) error { return nil }
func (*Mutex) Unlock(ctx context.Context) error { return nil }
func (*Election) Campaign(ctx context.Context, val string) error { return nil }
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
}{fset: token.NewFileSet()}

// A Program is what Load gives.
type Program struct {
	Fset     *token.FileSet
	Packages []*packages.Package // of the module, by import path
	Sources  map[string][]byte   // by file name
}

// Load type-checks an archive of the module "m": its files lie below m/. Packages may have
// type errors.
func Load(t testing.TB, archive string) *Program {
	t.Helper()
	std.Lock()
	t.Cleanup(std.Unlock)
	if std.importer == nil {
		std.importer = importer.ForCompiler(std.fset, "source", nil)
	}
	c := &checker{t: t, files: map[string][]txtar.File{}, done: map[string]*packages.Package{}}
	p := &Program{Fset: std.fset, Sources: map[string][]byte{}}
	for _, text := range []string{client, archive} {
		for _, f := range txtar.Parse([]byte(text)).Files {
			c.files[path.Dir(f.Name)] = append(c.files[path.Dir(f.Name)], f)
			p.Sources[filepath.FromSlash("/"+f.Name)] = f.Data
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(c.files)) {
		if dir == "m" || strings.HasPrefix(dir, "m/") {
			p.Packages = append(p.Packages, c.check(dir))
		}
	}
	return p
}

type checker struct {
	t     testing.TB
	files map[string][]txtar.File // by import path
	done  map[string]*packages.Package
}

func (c *checker) Import(importPath string) (*types.Package, error) {
	if _, ok := c.files[importPath]; ok {
		return c.check(importPath).Types, nil
	}
	return std.importer.Import(importPath)
}

func (c *checker) check(importPath string) *packages.Package {
	if pkg := c.done[importPath]; pkg != nil {
		return pkg
	}
	pkg := &packages.Package{ID: importPath, PkgPath: importPath, Fset: std.fset}
	c.done[importPath] = pkg
	pkg.TypesInfo = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Instances: map[*ast.Ident]types.Instance{}, FileVersions: map[*ast.File]string{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Scopes: map[ast.Node]*types.Scope{},
	}
	for _, f := range c.files[importPath] {
		name := filepath.FromSlash("/" + f.Name)
		syntax, err := parser.ParseFile(std.fset, name, f.Data, parser.ParseComments)
		if err != nil {
			c.t.Fatal(err)
		}
		pkg.Syntax, pkg.GoFiles, pkg.Name = append(pkg.Syntax, syntax), append(pkg.GoFiles, name), syntax.Name.Name
	}
	conf := types.Config{Importer: c, FakeImportC: true, GoVersion: "go1.25", Error: func(err error) {
		if e, ok := err.(types.Error); ok {
			pkg.TypeErrors = append(pkg.TypeErrors, e)
		}
	}}
	pkg.Types, _ = conf.Check(importPath, std.fset, pkg.Syntax, pkg.TypesInfo)
	return pkg
}
