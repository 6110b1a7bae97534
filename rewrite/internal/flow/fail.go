package flow

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"etcdmod/internal/importpath"
	"etcdmod/rewrite/internal/source"
)

// Who catches a panic.
//
// An assertion that fails names two types. Nobody compares what a program prints when it ends so; but whoever
// calls the code may recover, and write down why.

// A catcher is a place where code outside the module gets something that it calls, and may recover then.
type catcher struct {
	who string
	at  token.Pos
}

type catchers []catcher

// neverRecover are packages of others that call what they are given and let panics pass, with what is below.
var neverRecover = []string{"github.com/coreos/etcd", "github.com/spf13/cobra", "github.com/spf13/pflag", "go.etcd.io/etcd", "golang.org/x"}

// texts are methods by which values are printed: package fmt and loggers go on where they panic,
// and print that.
var texts = []string{"Error", "Format", "GoString", "LogValue", "MarshalJSON", "MarshalText", "String"}

// read notes them in a file. What a failing test prints is compared by nobody.
func (c *catchers) read(p *source.Program, file *source.File) {
	if file.Test && !hasExamples(file) {
		return
	}
	for n := range ast.Preorder(file.Syntax) {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv != nil && slices.Contains(texts, n.Name.Name) && callsOwn(p, file, n) {
				*c = append(*c, catcher{"what calls " + n.Name.Name, n.Pos()})
			} else if serves(file, n) {
				*c = append(*c, catcher{"an HTTP server", n.Pos()})
			}
		case *ast.FuncLit:
			if serves(file, n) {
				*c = append(*c, catcher{"an HTTP server", n.Pos()})
			}
		case *ast.CallExpr:
			fn, ok := file.Callee(n).(*types.Func)
			if !ok || fn.Pkg() == nil || p.FileAt(fn.Pos()) != nil || importpath.WithinAny(fn.Pkg().Path(), standard) || importpath.WithinAny(fn.Pkg().Path(), neverRecover) {
				continue
			}
			if slices.ContainsFunc(n.Args, func(a ast.Expr) bool { return callable(p, file.TypeOf(a)) }) {
				*c = append(*c, catcher{fn.Pkg().Path() + "." + fn.Name(), n.Pos()})
			}
		}
	}
}

// callsOwn reports whether a function calls others of the module.
func callsOwn(p *source.Program, file *source.File, fn *ast.FuncDecl) bool {
	for n := range ast.Preorder(fn) {
		if call, ok := n.(*ast.CallExpr); ok {
			if obj, ok := file.Callee(call).(*types.Func); ok && p.FileAt(obj.Pos()) != nil {
				return true
			}
		}
	}
	return false
}

// callable reports whether who has a value of type t may call code of the module by it.
func callable(p *source.Program, t types.Type) bool {
	if t == nil {
		return false
	} else if isFunc(t) {
		return true
	}
	named, ok := types.Unalias(t).(*types.Named)
	if ptr, is := types.Unalias(t).(*types.Pointer); is {
		named, ok = types.Unalias(ptr.Elem()).(*types.Named)
	}
	return ok && p.FileAt(named.Obj().Pos()) != nil && (named.NumMethods() > 0 || types.IsInterface(named))
}

// hasExamples reports whether a file has examples: what those print is compared.
func hasExamples(f *source.File) bool {
	return f.Test && slices.ContainsFunc(f.Syntax.Decls, func(d ast.Decl) bool {
		fn, ok := d.(*ast.FuncDecl)
		return ok && strings.HasPrefix(fn.Name.Name, "Example")
	})
}

// serves reports whether n is a function that net/http calls: it recovers, and writes down why.
func serves(f *source.File, n ast.Node) bool {
	t := source.FuncType(n)
	return t != nil && slices.ContainsFunc(t.Params.List, func(p *ast.Field) bool {
		return source.IsNamed(f.TypeOf(p.Type), "net/http", "ResponseWriter")
	})
}
