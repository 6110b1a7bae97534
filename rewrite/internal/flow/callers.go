package flow

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"etcdmod/internal/importpath"
	"etcdmod/rewrite/internal/source"
)

// Who only calls methods.
//
// What is handed over as an interface with methods is asked for these methods; but code that is not read
// may print it as well, or assert it, and so see what it holds.

// standard are where the packages of the standard library lie. They call the methods of what they are given
// as an interface that has some; those that look at fields take values of any type.
var standard = strings.Fields(`archive bufio bytes cmp compress container context crypto database embed encoding errors
	expvar flag fmt go hash html image index io iter log maps math mime net os path regexp runtime slices sort strconv
	strings structs sync syscall testing text time unicode unique weak`)

// methodCallers are packages of others that do the same, with what is below their paths.
var methodCallers = []string{
	"github.com/go-chi/chi", "github.com/gorilla/handlers", "github.com/gorilla/mux", "github.com/IBM/sarama",
	"github.com/coreos/etcd", "github.com/nsqio/go-nsq", "github.com/prometheus/client_golang", "github.com/robfig/cron", "github.com/Shopify/sarama",
	"github.com/spf13/cobra", "github.com/spf13/pflag", "go.etcd.io/etcd", "golang.org/x", "google.golang.org/grpc",
	"k8s.io/apimachinery", "k8s.io/client-go", "sigs.k8s.io/controller-runtime",
}

// onlyCalls reports whether the code of a package calls the methods of what it is given as an interface that
// has some, and looks no closer at it.
func onlyCalls(path string) bool {
	return importpath.WithinAny(path, standard) || importpath.WithinAny(path, methodCallers)
}

// callsOnly is onlyCalls for the code that src is handed to.
func callsOnly(f *source.File, stack []ast.Node, src ast.Expr) bool {
	pkg := taker(f, stack[len(stack)-1], src)
	return pkg != nil && onlyCalls(pkg.Path())
}

// taker returns the package that src is handed to at a node, or nil if it is not known. It may be one of the module.
func taker(f *source.File, at ast.Node, src ast.Expr) *types.Package {
	var to types.Object
	switch at := at.(type) {
	case *ast.CompositeLit:
		if named, ok := types.Unalias(f.TypeOf(at)).(*types.Named); ok {
			to = named.Obj()
		}
	case *ast.SendStmt:
		to = f.Container(at.Chan)
	case *ast.AssignStmt:
		if i := slices.Index(at.Rhs, src); i >= 0 && i < len(at.Lhs) {
			to = f.Container(at.Lhs[i])
		}
	case *ast.CallExpr:
		if named, ok := types.Unalias(f.TypeOf(at.Fun)).(*types.Named); ok {
			to = named.Obj()
			break
		}
		to = f.Callee(at)
		if pkg := registers(to); pkg != nil {
			return pkg
		}
	}
	if to == nil {
		return nil
	}
	return to.Pkg()
}

// registers returns the package grpc where obj is a function that protoc generates, RegisterNameServer, which hands
// what serves requests on to it, or nil.
func registers(obj types.Object) *types.Package {
	fn, ok := obj.(*types.Func)
	if !ok || !strings.HasPrefix(fn.Name(), "Register") || !strings.HasSuffix(fn.Name(), "Server") || fn.Signature().Params().Len() != 2 {
		return nil
	}
	first := fn.Signature().Params().At(0).Type()
	if ptr, ok := types.Unalias(first).(*types.Pointer); ok {
		first = ptr.Elem()
	}
	to, ok := types.Unalias(first).(*types.Named)
	if !ok || to.Obj().Pkg() == nil || to.Obj().Pkg().Path() != "google.golang.org/grpc" {
		return nil
	}
	return to.Obj().Pkg()
}
