package helper_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/helper"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// oldest is the version of Go that the first clients with TryLock were made for. A
// module that uses them may still be at it, with a toolchain to match.
const oldest = 16

// paths are the import paths of the clients that have TryLock in some version.
var paths = []string{"go.etcd.io/etcd/client/v3", "go.etcd.io/etcd/clientv3", "go.etcd.io/etcd/v3/clientv3"}

func TestGeneratedForOldestGo(t *testing.T) {
	for _, path := range paths {
		for _, parts := range []helper.Parts{helper.Mutex, helper.All} {
			t.Run(fmt.Sprintf("%s parts=%b", path, parts), func(t *testing.T) {
				files, err := helper.Generate(helper.Config{
					Package: "etcdlock", Concurrency: path + "/concurrency", Version: "test", Parts: parts, Earlier: true,
				})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string(nil), tooNew(t, path, files)); diff != "" {
					t.Errorf("needs more than Go 1.%d and the client (-want +got):\n%s", oldest, diff)
				}
			})
		}
	}
}

// TestTooNew shows that what is newer is found, whether it is syntax, a declaration, a
// method or a field.
func TestTooNew(t *testing.T) {
	src := `package etcdlock

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
)

var (
	n     atomic.Int64
	_     = errgroup.Group{}
	cause = context.Cause
	_     = net.Dialer{ControlContext: nil}
)

func f[T any](ctx context.Context, c *clientv3.Client) error {
	for range 3 {
		n.Add(1)
	}
	_ = min(time.Now().UnixMilli(), 2)
	<-context.WithoutCancel(c.Ctx()).Done()
	_ = time.Duration(1).Abs().Seconds()
	return errors.Join(ctx.Err())
}
`
	want := []string{
		"sync/atomic.Int64 is not in Go 1.16",
		"sync/atomic.Int64.Add is not in Go 1.16",
		"cannot range over 3 (untyped int constant): requires go1.22 or later",
		`could not import golang.org/x/sync/errgroup (neither the client nor the standard library)`,
		"context.Cause is not in Go 1.16",
		"context.WithoutCancel is not in Go 1.16",
		"errors.Join is not in Go 1.16",
		"net.Dialer.ControlContext is not in Go 1.16",
		"built-in min requires go1.21 or later",
		"predeclared any requires go1.18 or later",
		"time.Duration.Abs is not in Go 1.16",
		"time.Time.UnixMilli is not in Go 1.16",
		"type parameter requires go1.18 or later",
	}
	slices.Sort(want)
	got := tooNew(t, paths[0], map[string][]byte{helper.MutexFile: []byte(src)})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// tooNew type-checks a package and says what is in its way with the oldest Go, sorted.
func tooNew(t *testing.T, clientPath string, files map[string][]byte) []string {
	t.Helper()
	fset := token.NewFileSet()
	var syntax []*ast.File
	for name, src := range files {
		f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		syntax = append(syntax, f)
	}
	var problems []string
	imports := stubs{}
	imports.add(t, clientPath)
	conf := types.Config{
		GoVersion: fmt.Sprintf("go1.%d", oldest),
		Importer:  imports,
		Error:     func(err error) { problems = append(problems, message(err)) },
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	pkg, _ := conf.Check("etcdlock", fset, syntax, info) // errors went to conf.Error
	known := standard(t)
	for _, obj := range info.Uses {
		if obj.Pkg() == nil || obj.Pkg() == pkg || imports[obj.Pkg().Path()] != nil {
			continue // a predeclared name, the package's own, or the client's
		}
		if name := qualified(obj); !known[name] {
			problems = append(problems, fmt.Sprintf("%s is not in Go 1.%d", name, oldest))
		}
	}
	slices.Sort(problems)
	return slices.Compact(problems)
}

var version = regexp.MustCompile(` \(-lang was set to .*| \(file declares .*`)

func message(err error) string {
	if e, ok := err.(types.Error); ok {
		return version.ReplaceAllString(e.Msg, "")
	}
	return err.Error()
}

// std imports the standard library.
var std = importer.Default()

// stubs are the packages of the client, by import path. They import the standard library
// as well.
type stubs map[string]*types.Package

func (s stubs) add(t *testing.T, clientPath string) {
	t.Helper()
	fset := token.NewFileSet()
	archive := txtar.Parse([]byte(strings.ReplaceAll(client, "CLIENT", clientPath)))
	for _, f := range archive.Files {
		syntax, err := parser.ParseFile(fset, f.Name, f.Data, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		conf := types.Config{Importer: s, IgnoreFuncBodies: true}
		if s[f.Name], err = conf.Check(f.Name, fset, []*ast.File{syntax}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func (s stubs) Import(path string) (*types.Package, error) {
	if pkg := s[path]; pkg != nil {
		return pkg, nil
	}
	if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
		return nil, fmt.Errorf("neither the client nor the standard library")
	}
	return std.Import(path)
}

// qualified is the name of an object of the standard library: "time.Now", "time.Timer.C".
func qualified(obj types.Object) string {
	scope := obj.Pkg().Scope()
	if scope.Lookup(obj.Name()) == obj {
		return obj.Pkg().Path() + "." + obj.Name()
	}
	for _, name := range scope.Names() {
		t, ok := scope.Lookup(name).(*types.TypeName)
		if !ok {
			continue
		}
		// Embedded fields would find the same member in other types.
		found, index, _ := types.LookupFieldOrMethod(t.Type(), true, obj.Pkg(), obj.Name())
		if found == obj && len(index) == 1 {
			return obj.Pkg().Path() + "." + name + "." + obj.Name()
		}
	}
	return obj.Pkg().Path() + ": " + obj.String() // so that it is found nowhere
}

// standard returns what the standard library declared up to the oldest Go.
func standard(t *testing.T) map[string]bool {
	t.Helper()
	goroot, err := gocmd.Runner{Dir: "."}.Run(t.Context(), "env", "GOROOT")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for v := range oldest + 1 {
		name := filepath.Join(strings.TrimSpace(string(goroot)), "api", strings.Replace(fmt.Sprintf("go1.%d.txt", v), ".0", "", 1))
		data, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			t.Skipf("a toolchain that was downloaded as a module has no %s", name)
		}
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			for _, name := range declared(line) {
				known[name] = true
			}
		}
	}
	return known
}

// declared returns the names that a line of an API list declares, like
//
//	pkg time, func Now() Time
//	pkg time, method (Time) Sub(Time) Duration
//	pkg time, type Timer struct, C <-chan Time
func declared(line string) []string {
	pkg, what, _ := strings.Cut(strings.TrimPrefix(line, "pkg "), ", ")
	pkg, _, _ = strings.Cut(pkg, " ") // "syscall (linux-amd64)"
	words := strings.FieldsFunc(what, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	switch {
	case len(words) < 2:
		return nil
	case words[0] == "method" && len(words) > 2:
		return []string{pkg + "." + words[1] + "." + words[2]}
	case words[0] == "type" && len(words) > 3 && (words[2] == "struct" || words[2] == "interface"):
		return []string{pkg + "." + words[1], pkg + "." + words[1] + "." + words[3]}
	}
	return []string{pkg + "." + words[1]}
}
