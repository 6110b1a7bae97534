package loop

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"etcdmod/rewrite/internal/source"
)

// Exits.
//
// A loop in which a try that met another holder ends the process, or the goroutine, does
// not retry. The call that ends it may be hidden in a function that checks errors, or in
// the one that tries.

// checked returns which argument of a call is the try's error, or -1. tried says that it
// is the try itself.
func (t *Walker) checked(call *ast.CallExpr, p *Path) (i int, tried bool) {
	for i, a := range call.Args {
		if inner, ok := ast.Unparen(a).(*ast.CallExpr); ok && t.IsTry(inner) && !source.IsBool(t.File.TypeOf(inner)) {
			return i, true
		}
		if obj := t.Variable(a); obj != nil && p.Errs[obj] {
			return i, false
		}
	}
	return -1, false
}

// exits reports whether a call does not return if its i-th argument is an error.
func (t *Walker) exits(call *ast.CallExpr, i int) bool {
	fn, ok := t.File.Callee(call).(*types.Func)
	if !ok {
		return false
	}
	if fn.Pkg() != nil && fn.Pkg().Path() == "github.com/stretchr/testify/require" {
		return fn.Name() == "NoError" || fn.Name() == "NoErrorf" || fn.Name() == "Nil" || fn.Name() == "Nilf" // ends the test
	}
	sig := fn.Origin().Signature()
	if i >= sig.Params().Len() || sig.Variadic() && i == sig.Params().Len()-1 {
		return false
	}
	return t.Fns.exitsOn(t.Attempt, fn.Origin().Pos(), sig.Params().At(i))
}

// An exit is a parameter that may hold the error of an attempt.
type exit struct {
	param token.Pos
	timed bool // of one that fails with the deadline of its context
}

// exitsOn reports whether the function declared at decl never returns while its parameter
// is an error of the attempt.
func (p *Functions) exitsOn(a *Attempt, decl token.Pos, param *types.Var) bool {
	at := exit{param.Pos(), a.Timed}
	v, known := p.exit[at]
	if known {
		return v
	}
	p.exit[at] = false // for recursion
	fn, f := p.Declaration(decl)
	if fn == nil || fn.Body == nil || f.AssignedIn(param, fn.Body) || p.recoversIn(f, fn.Body) {
		return false
	}
	v = true
	for _, o := range []Outcome{Locked, Failed} {
		t := &Walker{Fns: p, Attempt: a, File: f, Loop: fn.Body, IsTry: func(*ast.CallExpr) bool { return false }}
		start := &Path{Outcome: o, Errs: map[types.Object]bool{f.Local(param): true}, Bools: map[types.Object]Tristate{}}
		paths := t.Block(fn.Body.List, []*Path{start})
		v = v && t.Bad == nil && !returnsAfter(paths, o)
	}
	p.exit[at] = v
	return v
}

// returnsAfter reports whether one of the paths of a function comes back to its caller
// after a try that ended so.
func returnsAfter(paths []*Path, o Outcome) bool {
	for _, q := range paths {
		if _, exits := q.EndStmt.(*ast.ExprStmt); q.Outcome == o && !(q.End == Left && exits) {
			return true
		}
	}
	return false
}

// givesUp reports whether a function that tries does not return when another session
// holds the lock.
func (p *Functions) givesUp(a *Attempt, f *source.File, fn ast.Node, isTry func(*ast.CallExpr) bool) bool {
	var body *ast.BlockStmt
	switch fn := fn.(type) {
	case *ast.FuncDecl:
		body = fn.Body
	case *ast.FuncLit:
		body = fn.Body
	}
	if body == nil {
		return false
	}
	t := &Walker{Fns: p, Attempt: a, File: f, Loop: body, IsTry: isTry}
	paths := t.Block(body.List, []*Path{{Errs: map[types.Object]bool{}, Bools: map[types.Object]Tristate{}}})
	if t.Bad != nil || returnsAfter(paths, Locked) {
		return false
	}
	met := false
	for _, q := range paths {
		if q.Outcome == Locked {
			if met = true; !p.surely(f, q.EndStmt) {
				return false
			}
		}
	}
	return met
}

// surely reports whether a statement that does not return ends the process, or the
// goroutine, and not only functions up to one that recovers.
func (p *Functions) surely(f *source.File, s ast.Stmt) bool {
	if !p.recovers() {
		return true
	}
	stmt, ok := s.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := ast.Unparen(stmt.X).(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, ok := f.Callee(call).(*types.Func) // no builtin
	return ok && endsProcess(f, call) && !strings.HasPrefix(fn.Name(), "Panic")
}

// recovers reports whether anything in the module recovers from panics.
func (p *Functions) recovers() bool {
	for _, f := range p.Files {
		for id, obj := range f.Pkg.TypesInfo.Uses {
			if b, ok := obj.(*types.Builtin); ok && b.Name() == "recover" && p.FileAt(id.Pos()) == f {
				return true
			}
		}
	}
	return false
}

// recoversIn reports whether a function defers one that recovers from its panics.
func (p *Functions) recoversIn(f *source.File, body *ast.BlockStmt) bool {
	found := false
	recovers := func(f *source.File, n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				b, ok := f.Callee(call).(*types.Builtin)
				found = found || ok && b.Name() == "recover"
			}
			return !found
		})
	}
	ast.Inspect(body, func(n ast.Node) bool {
		d, ok := n.(*ast.DeferStmt)
		if !ok {
			return !found
		}
		recovers(f, d.Call)
		if callee, ok := f.Callee(d.Call).(*types.Func); ok {
			for _, decl := range p.DeclsOf(callee) {
				recovers(p.FileAt(decl.Pos()), decl)
			}
		}
		return !found
	})
	return found
}
