package tries

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// Locks returns the calls of Lock that a site retries: where it calls a function that hands its
// context on to Lock, the one there.
func Locks(p *source.Program, s *loop.Site) []loop.Hop { return queueing(p, s, isLock) }

// queueing is Locks for one of the methods that queue.
func queueing(p *source.Program, s *loop.Site, queues func(*source.Program, *types.Func) bool) (out []loop.Hop) {
	t := &timed{Program: p, queues: queues}
	seen := map[*ast.CallExpr]bool{}
	var add func(f *source.File, call *ast.CallExpr)
	add = func(f *source.File, call *ast.CallExpr) {
		fn, ok := f.Callee(call).(*types.Func)
		if !ok || seen[call] {
			return
		}
		seen[call] = true
		if queues(p, fn) {
			out = append(out, loop.Hop{File: f, Node: call})
			return
		}
		decl, in := p.Declaration(fn.Origin().Pos())
		if decl == nil {
			return
		}
		param := fn.Origin().Signature().Params().At(t.forwarders()[fn.Origin().Pos()])
		for n := range ast.Preorder(decl.Body) {
			if inner, ok := n.(*ast.CallExpr); ok {
				if i, ok := t.lockContext(in, inner); ok && in.VariableOf(inner.Args[i]) == param {
					add(in, inner)
				}
			}
		}
	}
	for _, h := range s.Attempts() {
		add(h.File, ast.Unparen(h.Node).(*ast.CallExpr))
	}
	return out
}

// IsLock reports whether a selector names Lock of an etcd mutex.
func IsLock(p *source.Program, f *source.File, sel *ast.SelectorExpr) bool {
	fn, ok := f.ObjectOf(sel.Sel).(*types.Func)
	return ok && isLock(p, fn)
}

// ReadsBelow returns a call of the module that may see keys which others put below a prefix, and
// not one key alone; nil if there is none. The prefixes are given by what they begin with.
func ReadsBelow(p *source.Program, prefixes []string) (found *ast.CallExpr) {
	for _, f := range p.Files {
		if f.IsHelper() {
			continue
		}
		for n := range ast.Preorder(f.Syntax) {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				continue
			}
			key, many := keysOf(f, call)
			if !many {
				continue
			}
			start := ""
			if key != nil {
				start = Start(f, key)
			}
			if slices.ContainsFunc(prefixes, func(prefix string) bool {
				return strings.HasPrefix(prefix, start) || strings.HasPrefix(start, prefix)
			}) {
				return call
			}
		}
	}
	return nil
}

// keysOf returns the first key that a call of the client is about, or nil where that cannot be
// told, and whether it is about more than that.
func keysOf(f *source.File, call *ast.CallExpr) (key ast.Expr, many bool) {
	fn, ok := f.Callee(call).(*types.Func)
	if !ok || fn.Pkg() == nil || !f.IsClientPath(fn.Pkg().Path()) {
		return nil, false
	}
	at := 1
	switch fn.Name() {
	case "Get", "Delete", "Watch":
	case "OpGet", "OpDelete":
		at = 0
	case "WithPrefix", "WithRange":
		return nil, fn.Signature().Recv() != nil // of a comparison
	default:
		return nil, false
	}
	if len(call.Args) <= at {
		return nil, false
	}
	for _, opt := range call.Args[at+1:] {
		made, ok := ast.Unparen(opt).(*ast.CallExpr)
		if !ok || call.Ellipsis.IsValid() {
			return call.Args[at], true
		}
		option, ok := f.Callee(made).(*types.Func)
		if !ok || option.Pkg() == nil || !f.IsClientPath(option.Pkg().Path()) {
			return call.Args[at], true
		}
		switch name := option.Name(); {
		case name == "WithPrefix", name == "WithRange", name == "WithFromKey",
			strings.HasPrefix(name, "WithFirst"), strings.HasPrefix(name, "WithLast"):
			return call.Args[at], true
		}
	}
	return nil, false
}

// Start is what the value of a string is known to begin with.
func Start(f *source.File, e ast.Expr) string {
	e = ast.Unparen(e)
	if v := f.Pkg.TypesInfo.Types[e].Value; v != nil && v.Kind() == constant.String {
		return constant.StringVal(v)
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return Start(f, e.X)
		}
	case *ast.Ident:
		if fn := f.FuncAround(e); fn != nil && f.ObjectOf(e) != nil && !f.AssignedIn(f.ObjectOf(e), fn) {
			if def := definition(f, fn, e); def != ast.Expr(e) {
				return Start(f, def)
			}
		}
	case *ast.CallExpr:
		fn, ok := f.Callee(e).(*types.Func)
		if !ok || fn.Pkg() == nil || len(e.Args) == 0 {
			return ""
		}
		switch start := Start(f, e.Args[0]); {
		case fn.Pkg().Path() == "fmt" && fn.Name() == "Sprintf":
			start, _, _ = strings.Cut(start, "%")
			return start
		case fn.Pkg().Path() == "path" && fn.Name() == "Join" && !strings.Contains(start, "."):
			return strings.TrimRight(start, "/")
		}
	}
	return ""
}
