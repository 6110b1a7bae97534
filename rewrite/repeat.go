package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
	"unicode"

	"etcdmod/rewrite/internal/source"
)

// Repeaters.
//
// A retry need not be a loop of this module: a library may call a function again and
// again. Those that are known are told by their path. Others have to say so by name, as
// nothing else tells them from a library that calls the function once: what follows is a
// guard at most, which does no harm to code that is not repeated.

// repeaters are packages that call a function again and again.
var repeaters = []string{
	"k8s.io/apimachinery/pkg/util/wait", "github.com/cenkalti/backoff", "github.com/avast/retry-go",
	"github.com/sethvargo/go-retry", "github.com/lestrrat-go/backoff", "github.com/robfig/cron",
}

// repeaterPackages and repeaterWords are the names by which other packages, and functions
// of other modules, say that they repeat what they are given.
var (
	repeaterPackages = []string{"retry", "backoff", "cron"}
	repeaterWords    = map[string]bool{
		"every": true, "until": true, "poll": true, "polling": true, "retry": true, "retries": true, "repeat": true,
		"eventually": true, "consistently": true, "forever": true, "backoff": true, "periodic": true, "periodically": true, "interval": true, "loop": true,
	}
)

// isRepeater reports whether fn, a function of another module, calls again and again what
// it is given.
func isRepeater(p *source.Program, obj types.Object) bool {
	fn, ok := obj.(*types.Func)
	if !ok || fn.Pkg() == nil || p.FileAt(fn.Pos()) != nil {
		return false
	}
	path := fn.Pkg().Path()
	for _, r := range repeaters {
		if path == r || strings.HasPrefix(path, r+"/") {
			return true
		}
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return false // of the standard library
	}
	for _, name := range repeaterPackages {
		if strings.Contains(strings.ToLower(fn.Pkg().Name()), name) {
			return true
		}
	}
	for _, word := range words(fn.Name()) {
		if repeaterWords[word] {
			return true
		}
	}
	return false
}

// words splits a name in mixed caps, in lower case.
func words(name string) (out []string) {
	start := 0
	for i, r := range name {
		if i > start && unicode.IsUpper(r) {
			out = append(out, strings.ToLower(name[start:i]))
			start = i
		}
	}
	return append(out, strings.ToLower(name[start:]))
}

// repeatsMethods notes the methods of an argument that a library calls again and again:
// those of the interface that it asks for.
func (r *reach) repeatsMethods(f *source.File, call *ast.CallExpr, arg ast.Expr, param types.Type, stack []ast.Node) {
	iface, ok := source.Under(param).(*types.Interface)
	if !ok || f.TypeOf(arg) == nil {
		return
	}
	for i := 0; i < iface.NumMethods(); i++ {
		obj, _, _ := types.LookupFieldOrMethod(f.TypeOf(arg), true, f.Pkg.Types, iface.Method(i).Name())
		if via, ok := obj.(*types.Func); ok {
			r.values = append(r.values, value{file: f, src: arg, call: call, via: via, in: append([]ast.Node(nil), stack...)})
		}
	}
}

// paramAt is the type of the i-th argument of a call, or nil.
func paramAt(sig *types.Signature, i int) types.Type {
	if sig == nil || i >= sig.Params().Len() || sig.Variadic() && i == sig.Params().Len()-1 {
		return nil
	}
	return sig.Params().At(i).Type()
}

// repeated makes sites of the calls of libraries that repeat a function which tries.
func (r *reach) repeated() (out []*site) {
	for _, v := range r.values {
		if v.call == nil {
			continue
		}
		h, ok := r.source(v)
		if !ok || !isRepeater(r.p.functions.Program, v.file.Callee(v.call)) && !r.leadsBack(h.to, v.file.Enclosing(v.in)) {
			continue
		}
		for i := len(v.in) - 1; i >= 0; i-- {
			switch fn := v.in[i].(type) {
			case *ast.FuncLit, *ast.FuncDecl:
				out = append(out, r.without(v.file, fn, v.call, []hop{h})...)
				i = 0
			}
		}
	}
	return out
}

// leadsBack reports whether a function calls the function at to.
func (r *reach) leadsBack(from, to token.Pos) bool {
	seen := map[token.Pos]bool{}
	for queue := []token.Pos{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == to {
			return true
		}
		if !seen[at] {
			seen[at] = true
			for _, h := range r.hops[at] {
				queue = append(queue, h.to)
			}
		}
	}
	return false
}
