package leaks

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/go/packages"
)

// stubs are the parts of the client that the fixture uses.
var stubs = map[string]string{
	"github.com/coreos/etcd/clientv3": `package clientv3
import "context"
type Watcher interface { Watch(ctx context.Context, key string) chan int }
type Client struct { Watcher }
func WithRequireLeader(ctx context.Context) context.Context { return ctx }
`,
	"github.com/coreos/etcd/clientv3/concurrency": `package concurrency
import "context"
type Mutex struct{}
func (*Mutex) Lock(ctx context.Context) error { return nil }
func (*Mutex) Unlock(ctx context.Context) error { return nil }
type Election struct{}
func (*Election) Campaign(ctx context.Context, val string) error { return nil }
`,
}

const fixture = `package app

import (
	"context"
	"time"

	"github.com/coreos/etcd/clientv3"
	"github.com/coreos/etcd/clientv3/concurrency"
)

type server struct {
	mu  *concurrency.Mutex
	ctx context.Context
}

func direct(mu *concurrency.Mutex) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	mu.Lock(ctx)   // leaks
	mu.Unlock(ctx) // does not watch
}

func derived(c *clientv3.Client, v any) {
	ctx, cancel := context.WithDeadline(context.TODO(), time.Now())
	defer cancel()
	ctx, stop := context.WithCancel(context.WithValue(ctx, v, v))
	defer stop()
	go func() { c.Watch(clientv3.WithRequireLeader(ctx), "k") }() // leaks
}

func harmless(s *server) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		ctx = context.WithValue(ctx, 1, 2)
		s.mu.Lock(ctx)
	}
}

func field(s *server) { s.mu.Lock(s.ctx) }

func lock(ctx context.Context, mu *concurrency.Mutex) error { return wait(ctx, mu) }

func wait(ctx context.Context, mu *concurrency.Mutex) error {
	if mu == nil {
		return wait(ctx, mu)
	}
	return mu.Lock(ctx)
}

func outer(mu *concurrency.Mutex) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	lock(ctx, mu)
	lock(context.Background(), mu)
}

func campaign(ctx context.Context, e *concurrency.Election) { e.Campaign(ctx, "me") } // nobody calls it
`

// imports resolves the stubs, and the standard library from source.
type imports struct {
	fset *token.FileSet
	std  types.Importer
	done map[string]*types.Package
}

func (i *imports) Import(path string) (*types.Package, error) {
	src, ok := stubs[path]
	if !ok {
		return i.std.Import(path)
	}
	if p := i.done[path]; p != nil {
		return p, nil
	}
	file, err := parser.ParseFile(i.fset, path, src, 0)
	if err != nil {
		return nil, err
	}
	p, err := (&types.Config{Importer: i}).Check(path, i.fset, []*ast.File{file}, nil)
	i.done[path] = p
	return p, err
}

func TestCalls(t *testing.T) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "app.go", fixture, 0)
	if err != nil {
		t.Fatal(err)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	conf := types.Config{Importer: &imports{fset, importer.ForCompiler(fset, "source", nil), map[string]*types.Package{}}}
	pkg, err := conf.Check("example.com/app", fset, []*ast.File{file}, info)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range Calls(Program{fset, []*packages.Package{{Types: pkg, Syntax: []*ast.File{file}, TypesInfo: info}}}) {
		line := fmt.Sprintf("%d %s", c.Pos.Line, c.Name)
		if !c.Known {
			line += " unknown"
		}
		for _, f := range c.Path {
			line += fmt.Sprintf(" < %s:%d %s", filepath.Base(f.Pos.Filename), f.Pos.Line, f.Call)
		}
		got = append(got, line)
	}
	at := func(text string) int { return 1 + strings.Count(fixture[:strings.Index(fixture, text)], "\n") }
	outer := at("func outer")
	want := []string{
		fmt.Sprintf("%d Mutex.Lock < app.go:%d context.WithTimeout", at("mu.Lock(ctx)   //"), at("func direct")+1),
		fmt.Sprintf("%d Watch < app.go:%d context.WithDeadline", at("go func()"), at("func derived")+1),
		fmt.Sprintf("%d Mutex.Lock unknown", at("func field")),
		fmt.Sprintf("%d Mutex.Lock < app.go:%d context.WithTimeout < app.go:%d calls lock < app.go:%d calls wait", at("return mu.Lock(ctx)"), outer+1, outer+3, at("func lock")),
		fmt.Sprintf("%d Election.Campaign unknown", at("func campaign")),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
